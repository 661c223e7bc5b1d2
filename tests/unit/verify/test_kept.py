"""Every verification is kept, and a report finds the last whole one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from unit.declared import LAB, OPERATOR, fleet

from vaguemestre.establishment import Fleet
from vaguemestre.records import RecordsError
from vaguemestre.verify import keeping, kept
from vaguemestre.verify.kept import Evidence, HostSeen, Run, Verification, history, keep, last
from vaguemestre.verify.verdict import Verdict

HOST = HostSeen("mail.pasteur.mssante.test", "ab" * 32, "2026-11-23T14:00:00Z")
FINE = Evidence("access.old_tls", "587", (28,), "TLS 1.1 is refused", "passed", 0.2)
BAD = Evidence("mail.to_a_peer", "", (22, 29), "A message arrives", "failed", 9.0, "it did not come")


@pytest.fixture
def inventory(tmp_path: Path) -> Fleet:
    return fleet(tmp_path, pasteur=OPERATOR)


def made(inventory: Fleet, at: int, *evidence: Evidence, whole: bool = True) -> Verification:
    """A verification of that minute."""
    run = replace(Run.begin("behaviours"), id=f"20261123T14{at:02}00Z-abcd")
    return run.ended(inventory, "pasteur", [HOST], evidence, whole=whole)


def test_what_is_kept_is_read_again(inventory: Fleet) -> None:
    one = made(inventory, 5, FINE, BAD)
    keep(inventory, one)
    assert last(inventory, "pasteur") == one
    assert (one.passed, one.count("passed"), one.count("failed")) == (False, 1, 1)


def test_the_last_whole_one_counts_and_newer_parts_of_one_do_not(inventory: Fleet) -> None:
    for one in (made(inventory, 1, FINE), made(inventory, 2, FINE, FINE), made(inventory, 3, FINE, whole=False)):
        keep(inventory, one)
    found = last(inventory, "pasteur")
    assert found is not None
    assert found.id.startswith("20261123T1402")
    assert [one.whole for one in history(inventory, "pasteur")] == [False, True, True]


def test_an_establishment_that_was_never_verified_has_none(inventory: Fleet) -> None:
    assert last(inventory, "pasteur") is None
    assert last(inventory, "pasteur", "trust-audit") is None


def test_a_run_in_which_nothing_was_asked_has_not_passed(inventory: Fleet) -> None:
    assert not made(inventory, 1).passed


def test_the_oldest_go_but_never_the_last_whole_one(inventory: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LIMIT", 2)
    for at in range(1, 6):
        keep(inventory, made(inventory, at, FINE, whole=at == 2))
    assert [one.id[9:13] for one in history(inventory, "pasteur")] == ["1405", "1404", "1402"]


def test_a_lab_is_told_from_the_real_thing(tmp_path: Path, inventory: Fleet) -> None:
    lab = fleet(tmp_path / "lab", pasteur=OPERATOR, inventory=LAB)
    assert (made(inventory, 1).rehearsal, made(lab, 1).rehearsal) == (False, True)


def test_since_when_it_stands_so_is_known(inventory: Fleet) -> None:
    """Parts of a verification say nothing about the whole."""
    assert kept.since(inventory, "pasteur") is None
    for at, evidence in ((1, FINE), (2, BAD), (3, FINE), (5, FINE)):
        keep(inventory, made(inventory, at, evidence))
    keep(inventory, made(inventory, 6, BAD, whole=False))
    assert kept.since(inventory, "pasteur") == ("passed", datetime(2026, 11, 23, 14, 3, tzinfo=UTC))
    keep(inventory, made(inventory, 7, BAD))
    assert kept.since(inventory, "pasteur") == ("failed", datetime(2026, 11, 23, 14, 7, tzinfo=UTC))


@pytest.mark.parametrize("damage", [{"evidence": "none"}, {"outcome": 1, "asked": "something"}])
def test_a_record_of_another_make_is_named(inventory: Fleet, damage: dict[str, object]) -> None:
    path = keep(inventory, made(inventory, 1, FINE))
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(RecordsError, match=r"-behaviours-passed\.json: .*\n    made by another kit"):
        last(inventory, "pasteur")


def test_a_later_kit_may_say_more(inventory: Fleet) -> None:
    path = keep(inventory, made(inventory, 1, FINE))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"weather": "fair"}))
    found = last(inventory, "pasteur")
    assert found is not None
    assert found.evidence == (FINE,)


def test_a_behaviour_is_kept_with_the_requirements_that_it_proves() -> None:
    verdict = Verdict("Lens", "It arrives", "22, 29", "failed", 1.26, "no", "ch-lens", "mail.to_a_peer", "")
    assert keeping.evidence(verdict) == Evidence("mail.to_a_peer", "", (22, 29), "It arrives", "failed", 1.3, "no")
