"""A replica that is not confirmed is told, then forgets our mailboxes; one that is confirmed again shows them again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vaguemestre.host.replica.layout import BRANCHES
from vaguemestre.host.replica.main import remembered
from vaguemestre.host.replica.standing import Limits, Memory, Sighting, Verdict, judged

LIMITS = Limits(alarm=600, forget=14_400)
NOON = 1_000_000.0
OLD, NEW = "20261123100000.000001Z#000000#000#000000", "20261123100500.000001Z#000000#000#000000"


def look(minutes: float, ours: str = NEW, nation: str = NEW, *, away: bool = False) -> Sighting:
    """What is seen so many minutes past noon; the provider's branches are both at NEW."""
    own = {"mailboxes": ours, "national": nation}
    return Sighting(NOON + minutes * 60, own, None if away else {"mailboxes": NEW, "national": NEW}, "gone" * away)


def judge(seen: Sighting, before: Memory) -> Verdict:
    return judged(seen, before, LIMITS, tuple(BRANCHES))


def follow(*sightings: Sighting) -> list[Verdict]:
    """The verdicts of one watch after the other."""
    verdicts, memory = [], Memory()
    for seen in sightings:
        verdicts.append(judge(seen, memory))
        memory = verdicts[-1].memory
    return verdicts


def test_one_that_says_what_its_provider_says_is_current() -> None:
    verdict = judge(look(0), Memory())
    assert (verdict.word, verdict.tell, verdict.forget) == ("current", False, False)


def test_two_empty_directories_agree() -> None:
    empty = {"mailboxes": "", "national": ""}
    assert judge(Sighting(NOON, empty, empty), Memory()).word == "current"


def test_a_change_that_has_not_come_yet_is_no_alarm() -> None:
    assert [one.word for one in follow(look(0), look(1, ours=OLD), look(2))] == ["current", "catching up", "current"]


@pytest.mark.parametrize("trouble", [{"away": True}, {"nation": OLD}, {"ours": OLD}])
def test_what_lasts_is_told_once_an_hour(trouble: dict[str, object]) -> None:
    seen = [look(minutes, **trouble) for minutes in range(1, 130)]  # type: ignore[arg-type]
    told = [minutes for minutes, verdict in enumerate(follow(look(0), *seen)) if verdict.tell]
    assert told == [10, 70]


def test_what_was_told_and_ended_is_told_at_once_when_it_begins_anew() -> None:
    quiet = [look(0), *(look(m, away=True) for m in (5, 11)), look(12), *(look(m, away=True) for m in (15, 23))]
    assert [verdict.tell for verdict in follow(*quiet)] == [False, False, True, False, False, True]


def test_our_mailboxes_are_forgotten_once_and_come_back() -> None:
    verdicts = follow(look(0), look(239, away=True), look(240, away=True), look(241, away=True), look(242))
    assert [verdict.forget for verdict in verdicts] == [False, False, True, False, False]
    assert [verdict.word for verdict in verdicts] == ["current", "behind", "forgotten", "forgotten", "current"]


def test_the_nations_are_kept_however_old() -> None:
    verdicts = follow(look(0), *(look(minutes, nation=OLD) for minutes in range(60, 3000, 60)))
    assert not any(verdict.forget for verdict in verdicts)
    assert verdicts[-1].word == "behind"


def test_a_replica_that_was_never_filled_counts_from_the_first_look() -> None:
    verdicts = follow(look(0, ours="", nation=""), look(9, ours="", nation=""), look(10, ours="", nation=""))
    assert [verdict.tell for verdict in verdicts] == [False, False, True]
    assert [verdict.word for verdict in verdicts] == ["catching up", "catching up", "behind"]


def test_its_own_slapd_not_answering_confirms_nothing() -> None:
    down = Sighting(NOON + 660, None, {"mailboxes": NEW, "national": NEW}, "no answer")
    assert follow(look(0), down)[-1].word == "behind"


def test_a_clock_set_back_makes_nothing_younger() -> None:
    """The last confirmation lies in the future then: it counts from now, and the wait begins."""
    verdicts = follow(look(600), look(0, away=True), look(240, away=True))
    assert [verdict.forget for verdict in verdicts] == [False, False, True]


def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    for spoilt in (b"", b"{", b"[]", b'{"unknown": 1}', b"\xff"):
        (tmp_path / "memory.json").write_bytes(spoilt)
        assert remembered(tmp_path) == Memory()


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text(json.dumps({"confirmed": {"mailboxes": 1.5}, "told": 2, "forgotten": True}))
    assert remembered(tmp_path) == Memory({"mailboxes": 1.5}, 2, forgotten=True)
