"""The run itself: one at a time, on a full disk, with a library that breaks; and what it watches of our own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from refreshed import DAY, ISSUING, events, standing
from trust_nation import CRL, HOUR, LIST, NATION, Host, dn, host, lines

from vaguemestre.host.trust import durable, refresh
from vaguemestre.host.trust.refresh import BusyError, alone
from vaguemestre.host.trust.values import Standing
from vaguemestre.lab.listing import Line

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("attentive")]


def test_two_runs_at_once_are_one(one: Host) -> None:
    with alone(one.places), pytest.raises(BusyError, match="another refresh"):
        one.run()
    one.run()


def test_before_the_first_start_only_what_is_missing_is_asked_for(one: Host, tmp_path: Path) -> None:
    one.now += 2 * DAY
    one.run(if_empty=True)
    assert one.world.asked == []
    (one.places.listing / "current").unlink()
    one.places.held.unlink()
    one.run(if_empty=True)
    assert [request.url for request in one.world.asked] == [LIST]
    assert one.world.asked[0].seconds <= 20


def test_asked_by_a_person_everything_is_asked_now(one: Host) -> None:
    one.run(force=True)
    assert [request.url for request in one.world.asked] == [LIST, CRL]


def test_a_disk_that_is_full_gives_nothing_up_and_is_told(one: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    one.now += HOUR
    one.publish(lines(101))
    monkeypatch.setattr(durable, "put_in_force", full)
    one.run()
    assert one.listing.listed(ISSUING)
    assert ("store", "trouble") in one.standing()
    monkeypatch.undo()
    one.now += timedelta(minutes=5)
    one.run()
    assert one.listing.listed("etab-100.mssante.test")
    assert one.standing() == set()


def test_one_source_that_breaks_a_library_keeps_no_other_from_its_turn(
    one: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    one.now += HOUR
    one.publish(lines(101))
    one.revoke(5)
    monkeypatch.setattr(refresh.intake, "verified", broken)
    one.run()
    assert one.source()["failure"] == "internal"
    assert standing(one, 5) is Standing.REVOKED
    assert one.listing.listed(ISSUING)


def test_what_the_list_says_of_our_own_domain_is_watched(one: Host) -> None:
    one.now += HOUR
    one.publish([*lines(1), *lines(99, start=2)])
    one.run()
    assert {("own", "unlisted"), ("own_changed", one.now.isoformat())} <= one.standing()
    one.now += HOUR
    one.publish([Line(ISSUING, dn(2)), *lines(1), *lines(99, start=2)])
    one.run()
    assert {("own", "foreign"), ("own_changed", one.now.isoformat())} <= one.standing()
    assert one.trust("show")[1]["own"][0]["ours"] is False
    one.now += HOUR
    one.publish(lines(101))
    one.run()
    one.wait(8 * DAY, 12 * HOUR)
    assert not {name for name, _ in one.standing()} & {"own", "own_changed"}
    assert events(one).count("own") == 3


def test_what_the_list_says_of_our_certificate_is_watched(tmp_path: Path) -> None:
    one = host(tmp_path)
    one.publish([*lines(100), Line("ailleurs.mssante.test", NATION.host.leaf.subject.rfc4514_string())])
    one.run()
    assert one.trust("show")[1]["beside"] == ["ailleurs.mssante.test"]
    assert "own_dn" in {name for name, _ in one.standing()}


def test_a_source_that_is_no_longer_asked_worries_nobody(one: Host) -> None:
    one.world.pages[CRL] = b"0\x82\x02\x00garbage"
    one.now += HOUR
    one.world.date = one.now + 2 * DAY
    one.world.pages[LIST] = NATION.white_list(lines(100), one.now + 2 * DAY)
    one.run()
    assert ("clock", "wrong") in one.standing()
    elsewhere = replace(one.settings.white_list, url="https://elsewhere.test/list.xml")
    one.settings = replace(one.settings, white_list=elsewhere)
    one.run()
    assert ("clock", "wrong") not in one.standing()


def test_the_history_is_bounded(one: Host) -> None:
    for number in range(1400):
        refresh.history.note(one.places.history, one.now, "accepted", number=number)
    kept = one.places.history.read_bytes().splitlines()
    assert len(kept) <= 1250
    assert json.loads(kept[-1])["number"] == 1399
