"""Whose rollout a host is part of."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vaguemestre.errors import Exit
from vaguemestre.host.activate import Desk, read_request
from vaguemestre.host.activator.claim import CLAIM, Claim, ClaimedError, Claims
from vaguemestre.host.activator.disk import Disk
from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.store import STATE, Current, Store

FIRST, SECOND = "20261123T140501Z-1f0c", "20261123T140502Z-2222"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "var/lib").mkdir(parents=True)
    found = Store(Disk(tmp_path))
    found.open()
    return found


@pytest.fixture
def claims(store: Store) -> Claims:
    return Claims(store)


def test_a_host_is_part_of_one_rollout_and_the_second_is_told_of_the_first(claims: Claims) -> None:
    claims.take(FIRST, "anne@one.test", 60)
    with pytest.raises(ClaimedError, match=f"part of rollout {FIRST} of anne@one.test, since 2") as refused:
        claims.take(SECOND, "paul@two.test", 60)
    assert refused.value.exit_code is Exit.BUSY


def test_a_rollout_renews_its_claim_and_keeps_its_beginning(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    first = claims.take(FIRST, "anne@one.test", 60)
    monkeypatch.setattr(time, "time", lambda: first.until - 10)
    again = claims.take(FIRST, "anne@one.test", 60)
    assert (again.since, again.until) == (first.since, first.until + 50)


def test_a_claim_ends_by_itself(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    first = claims.take(FIRST, "anne@one.test", 60)
    monkeypatch.setattr(time, "time", lambda: first.until + 1)
    assert claims.held() is None
    assert claims.take(SECOND, "paul@two.test", 60).rollout == SECOND


def test_a_rollout_known_to_be_dead_is_replaced(claims: Claims) -> None:
    claims.take(FIRST, "anne@one.test", 60)
    assert claims.take(SECOND, "anne@one.test", 60, instead=(FIRST,)).rollout == SECOND


def test_a_claim_is_given_up_by_its_rollout_or_by_a_person(claims: Claims) -> None:
    claims.take(FIRST, "anne@one.test", 60)
    assert claims.leave(SECOND) is None
    assert isinstance(claims.leave(FIRST), Claim)
    claims.take(SECOND, "paul@two.test", 60)
    assert isinstance(claims.leave(), Claim)
    assert claims.held() is None


def test_of_many_at_the_same_time_one_gets_the_host(claims: Claims) -> None:
    got: list[str] = []

    def take(number: int) -> None:
        with suppress(ClaimedError):
            got.append(claims.take(f"rollout-{number}", "somebody@one.test", 60).rollout)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 1


def test_the_verbs_say_whose_the_host_is(store: Store, tmp_path: Path) -> None:
    def ask(*words: str) -> tuple[dict[str, object], int]:
        with (tmp_path / "out").open("w+") as out:
            code = Desk(read_request(words), store.disk, Machine(), out).serve()
            out.seek(0)
            return json.loads(out.read()), code

    taken, code = ask("claim", FIRST, "--by=anne@one.test", "--seconds=60")
    assert (taken["result"], taken["rollout"], code) == ("claimed", FIRST, 0)
    refused, code = ask("claim", SECOND, "--by=paul@two.test", "--seconds=60")
    assert (refused["result"], refused["phase"], code) == ("failed", "claim", Exit.BUSY)
    assert ask("claim", SECOND, "--by=paul@two.test", "--seconds=60", f"--instead={FIRST},x")[1] == 0
    assert ask("disclaim")[0]["rollout"] == SECOND


def test_notes_of_a_later_kit_that_was_taken_back_are_understood(store: Store) -> None:
    store.set_current(Current("a" * 64, None, "2026-11-23T14:05:01Z"))
    Claims(store).take(FIRST, "agence@controleur", 600)
    for name in ("current.json", CLAIM):
        path = store.disk.root / STATE[1:] / name
        path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    held = Claims(store).held()
    assert held is not None
    assert held.rollout == FIRST
    assert store.current().id == "a" * 64
