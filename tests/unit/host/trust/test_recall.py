"""What the daemon remembers of its own decisions never outlives what they were made from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rehearsed_space import OTHERS, OWN, PEER, TrustSpace, dn, identity, trust_space

from vaguemestre.host.trust import database, layout, reasons
from vaguemestre.host.trust import desk as desk_module
from vaguemestre.host.trust.daemon import knowledge
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.recall import RecalledDecisions
from vaguemestre.host.trust.record import Journal, Record, Said
from vaguemestre.host.trust.values import Decision


@pytest.fixture(scope="module")
def made() -> Iterator[TrustSpace]:
    with trust_space() as one:
        yield one


@pytest.fixture
def space(made: TrustSpace) -> TrustSpace:
    made.list_everybody()
    made.revoke()
    return made


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    one = asyncio.new_event_loop()
    yield one
    one.close()


class Asked:
    """A desk over real stores, which are looked at for each question; `lines` is what it logged."""

    def __init__(self, space: TrustSpace, log: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._space, self._log = space, log
        self._file = log.open("wb")
        self.record = Record(Journal(self._file.fileno(), loop))
        self._desk = Desk(knowledge(layout.settings(space.config), space.places), self.record, None)

    def __call__(self, sender: str = f"a@{PEER}", client: str = "192.0.2.1") -> Reason:
        answer = self._desk.transaction(identity(self._space, self._space.peer).token, sender, client)
        assert isinstance(answer, Decision)
        return answer.reason

    def lines(self) -> list[dict[str, str]]:
        self.record.journal.close()
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def ask(
    space: TrustSpace, tmp_path: Path, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Asked]:
    monkeypatch.setattr(database, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(desk_module, "_MOMENT", 0.0)
    one = Asked(space, tmp_path / "log", loop)
    yield one
    one.record.journal.close()


def test_a_revocation_is_in_force_at_the_next_decision(space: TrustSpace, ask: Asked) -> None:
    for _ in range(3):
        assert [ask(), ask()] == [reasons.ACCEPTED] * 2
        space.revoke(space.peer.leaf.serial_number)
        assert [ask(), ask()] == [reasons.REVOKED] * 2
        space.revoke()


def test_another_list_is_in_force_at_the_next_decision(space: TrustSpace, ask: Asked) -> None:
    assert ask() is reasons.ACCEPTED
    space.list([(PEER, dn(space.other))])
    assert ask() is reasons.DN_NOT_LISTED
    space.list([(OTHERS, dn(space.other))])
    assert ask() is reasons.SENDER_NOT_LISTED


def test_without_a_list_or_revocation_lists_nothing_is_remembered(space: TrustSpace, ask: Asked) -> None:
    assert ask() is reasons.ACCEPTED
    held = (space.places.listing / "current").readlink()
    (space.places.listing / "current").unlink()
    assert ask() is reasons.NO_LIST
    (space.places.listing / "current").symlink_to(held)
    assert ask() is reasons.ACCEPTED
    space.forget_revocation()
    assert ask() is reasons.REVOCATION_UNKNOWN
    space.revoke()
    assert ask() is reasons.ACCEPTED


def test_what_was_decided_of_one_sender_says_nothing_of_another(ask: Asked) -> None:
    for _ in range(2):
        assert ask() is reasons.ACCEPTED
        assert ask(f"z@{PEER.upper()}") is reasons.ACCEPTED
        assert ask("") is reasons.ACCEPTED
        assert ask(f"a@{OTHERS}") is reasons.DN_NOT_LISTED
        assert ask(f"a@{OWN}") is reasons.OWN_DOMAIN
        assert ask(f"a@b@{PEER}") is reasons.UNUSABLE_SENDER
        assert ask("@") is reasons.UNUSABLE_SENDER


def test_each_decision_is_counted_and_told_with_its_own_client(ask: Asked) -> None:
    for number in range(20):
        ask(client=f"192.0.2.{number % 2}")
    assert ask.record.decisions["policy_edge", "accepted"] == 20
    lines = ask.lines()
    assert [one["client"] for one in lines] == ["192.0.2.0", "192.0.2.1"] * 10
    assert len({one["dn"] + one["serial"] + one["sender"] + one["verdict"] for one in lines}) == 1


def test_a_decision_is_remembered_for_the_second_it_was_made_in() -> None:
    question, told, held = ("token", PEER, ""), Said(("policy_edge", "accepted"), b""), (object(), object())
    now, lately = datetime(2026, 11, 23, 6, 0, 0, 100_000, tzinfo=UTC), RecalledDecisions()
    lately.look(*held, now)
    lately.keep(question, Decision(reasons.ACCEPTED), told, *held)
    lately.look(*held, now + timedelta(milliseconds=800))
    assert lately.get(question) is not None
    lately.look(*held, now + timedelta(milliseconds=900))
    assert lately.get(question) is None


def test_a_decision_is_not_remembered_when_a_store_changed_while_it_was_made() -> None:
    question, told, listing, now = ("token", PEER, ""), Said(("x", "y"), b""), object(), datetime.now(UTC)
    lately = RecalledDecisions()
    for before, after in (((listing, None), (listing, None)), ((listing, listing), (object(), listing))):
        lately.look(*before, now)
        lately.keep(question, Decision(reasons.ACCEPTED), told, *after)
        assert lately.get(question) is None
