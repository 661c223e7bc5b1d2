"""Days in the life of what a host knows: sources that work, fail, lie and come back; nothing good is ever given up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from trust_nation import CRL, HOUR, LIST, NATION, START, Host, World, dn, host, lines

from vaguemestre.host.trust import database, durable, refresh
from vaguemestre.host.trust.dn import key
from vaguemestre.host.trust.refresh import BusyError, alone
from vaguemestre.host.trust.values import Standing
from vaguemestre.lab.listing import Line, compose, sign
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.profiles import OTHER

pytestmark = pytest.mark.slow

DAY = 24 * HOUR
ISSUING = "etab-1.mssante.test"
HALF = HOUR / 2


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores look for a new file at each question; nothing waits for the disk, which is another test's business."""
    monkeypatch.setattr(database, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = host(tmp_path_factory.mktemp("running"))
    made.run()
    return made


@pytest.fixture
def one(running: Host, tmp_path: Path) -> Host:
    """A host that holds a list of 100 domains and the revocation list, in a world of its own."""
    return replace(running.copied(tmp_path / "host"), world=World(dict(running.world.pages)))


def events(one: Host) -> list[str]:
    return [event["event"] for event in one.trust("history")[1]["events"]]


def asked(one: Host, url: str) -> int:
    return sum(request.url == url for request in one.world.asked)


def standing(one: Host, serial: int) -> Standing:
    (known,) = one.revocations.known()
    return one.revocations.standing(known.issuer, serial, one.now)


# --- Sources that work -------------------------------------------------------------------------------------------


def test_the_first_run_takes_what_there_is(tmp_path: Path) -> None:
    new = host(tmp_path)
    report = new.run()
    assert report.asked == (LIST, CRL)
    assert new.listing.listed(ISSUING)
    assert new.listing.fresh(new.now)
    assert standing(new, 5) is Standing.GOOD
    assert new.standing() == set()


def test_what_is_not_due_is_not_asked_for(one: Host) -> None:
    one.wait(50 * timedelta(minutes=1))
    assert one.world.asked == []


def test_a_working_day_costs_one_question_an_hour_and_what_has_not_changed_is_not_sent_again(one: Host) -> None:
    one.wait(8 * HOUR)
    assert 7 <= asked(one, LIST) <= 9
    assert 7 <= asked(one, CRL) <= 9
    assert all(request.etag for request in one.world.asked)
    assert one.listing.fresh(one.now)
    assert events(one) == ["accepted"]


def test_a_new_list_is_in_force_at_the_next_run(one: Host) -> None:
    one.now += HOUR
    one.publish([*lines(100), Line("nouveau.mssante.test", dn(3))])
    one.run()
    assert one.listing.listed("nouveau.mssante.test")
    assert one.listing.generated == one.now


def test_a_revocation_takes_effect_at_the_next_run(one: Host) -> None:
    one.now += HOUR
    one.revoke(5, 6)
    one.run()
    assert [standing(one, serial) for serial in (5, 6, 7)] == [Standing.REVOKED, Standing.REVOKED, Standing.GOOD]


def test_the_next_revocation_list_is_asked_for_before_the_last_ends(tmp_path: Path) -> None:
    slow = host(tmp_path)
    slow.settings = replace(slow.settings, revocation=replace(slow.settings.revocation, every=10 * DAY))
    slow.run()
    (held,) = slow.revocations.known()
    slow.now = held.next_update - timedelta(minutes=50)
    slow.revoke(5)
    slow.run()
    assert standing(slow, 5) is Standing.REVOKED


# --- Sources that are away ---------------------------------------------------------------------------------------


def test_four_days_without_sources_keep_the_last_good_and_are_told_in_stages(one: Host) -> None:
    one.world.down = "timeout"
    stages = []
    for _ in range(4):
        one.wait(DAY, 2 * HOUR)
        assert one.listing.listed(ISSUING)
        assert one.listing.speaks_for(key(dn(1)), ISSUING)
        assert standing(one, 5) is Standing.GOOD
        stages.append({stage for name, stage in one.standing() if name == "list"})
    assert stages == [{"alarm"}, {"alarm"}, {"page"}, {"page"}]
    assert not one.listing.fresh(one.now)
    assert one.source()["failure"] == "timeout"
    assert one.source()["since"] == (START + 2 * HOUR).isoformat()


def test_a_failing_source_is_asked_every_half_hour_at_most(one: Host) -> None:
    one.world.down = "refused"
    one.wait(8 * HOUR)
    assert 14 <= asked(one, LIST) <= 20
    assert 14 <= asked(one, CRL) <= 20


def test_sources_that_come_back_end_the_alarms(one: Host) -> None:
    one.world.down = "dns"
    one.wait(2 * DAY, 2 * HOUR)
    one.world.down = ""
    one.revoke()
    one.wait(HOUR, HALF)
    assert one.standing() == set()
    assert one.listing.fresh(one.now)
    assert events(one) == ["accepted", "failing", "failing", "recovered", "recovered"]


def test_an_outdated_revocation_list_counts_for_the_grace_then_nobody_is_believed(one: Host) -> None:
    one.now += HOUR
    one.revoke(5, days=1)
    one.run()
    (held,) = one.revocations.known()
    one.world.pages.pop(CRL)
    for after, good, stage in (
        (-HALF, Standing.GOOD, "stale"), (HOUR, Standing.GOOD, "grace"), (5 * HOUR, Standing.UNKNOWN, "beyond"),
    ):  # fmt: skip
        one.now = held.next_update + after
        one.run()
        assert standing(one, 6) is good
        assert standing(one, 5) is Standing.REVOKED
        assert ("crl", stage) in one.standing()


# --- Sources that lie --------------------------------------------------------------------------------------------


def tampered(one: Host) -> bytes:
    return one.publish(lines(100)).replace(b"etab-5.mssante", b"etab-6.mssante", 1)


def resigned(one: Host) -> bytes:
    stranger = Authority.create(OTHER).issue_signer("alb.mssante.test")
    return sign(compose(lines(100), one.now), stranger)


def by_another(one: Host) -> bytes:
    return sign(compose(lines(100), one.now), NATION.authority.issue_signer("autre.mssante.test"))


LIES: dict[str, Callable[[Host], bytes]] = {
    "older": lambda one: NATION.white_list(lines(100), START - 2 * HOUR),
    "future": lambda one: NATION.white_list(lines(100), one.now + 12 * HOUR),
    "unsigned": lambda one: compose(lines(100), one.now),
    "not_xml": lambda one: one.publish(lines(100))[:-2000],
    "bad_signature": tampered,
    "foreign_signer": resigned,
    "wrong_signer": by_another,
    "empty": lambda one: NATION.white_list([], one.now),
    "too_large": lambda one: one.publish(lines(100)) + b" " * (1 << 22),
}


@pytest.mark.parametrize("slug", LIES)
def test_a_list_that_is_not_what_it_should_be_changes_nothing_and_is_named(one: Host, slug: str) -> None:
    one.now += HOUR
    before = one.listing.facts()
    one.world.pages[LIST] = LIES[slug](one)
    one.run()
    assert one.listing.facts() == before
    assert one.source()["failure"] == slug
    assert one.source()["message"]
    assert one.listing.confirmed == START
    one.wait(3 * HOUR, HOUR)
    assert events(one) == ["accepted", "failing"], "told once, however often it is served"
    one.publish([*lines(100), Line("ensuite.mssante.test", dn(4))])
    one.wait(HOUR)
    assert one.listing.listed("ensuite.mssante.test")


def test_a_list_signed_by_a_revoked_certificate_is_refused_and_the_held_one_stays(one: Host) -> None:
    one.now += HOUR
    one.revoke(NATION.signer.leaf.serial_number)
    one.run()
    one.now += HOUR
    one.publish([*lines(100), Line("ensuite.mssante.test", dn(4))])
    one.run()
    assert one.source()["failure"] == "signer_revoked"
    assert not one.listing.listed("ensuite.mssante.test")
    assert one.listing.listed(ISSUING)


def test_the_first_list_ever_is_checked_as_well(tmp_path: Path) -> None:
    new = host(tmp_path)
    new.world.pages[LIST] = resigned(new)
    new.run()
    assert not new.listing.available
    assert ("list", "missing") in new.standing()


def test_nothing_has_changed_is_no_answer_about_a_file_that_was_refused(one: Host) -> None:
    one.now += HOUR
    one.world.pages[LIST] = resigned(one)
    one.wait(25 * HOUR, HOUR)
    etags = [request.etag for request in one.world.asked if request.url == LIST]
    assert etags[0]
    assert not any(etags[1:])
    assert not one.listing.fresh(one.now)


CRL_LIES: dict[str, Callable[[Host], bytes]] = {
    "not_a_crl": lambda one: b"0\x82\x02\x00garbage",
    "wrong_issuer": lambda one: Authority.create(OTHER).crl([5], published=one.now - HOUR, until=one.now + DAY),
    "older": lambda one: NATION.authority.crl([5], published=START - 3 * HOUR, until=one.now + DAY),
    "outdated": lambda one: NATION.authority.crl([5], published=one.now - HOUR, until=one.now - HALF),
    "not_yet": lambda one: NATION.authority.crl([5], published=one.now + HOUR, until=one.now + DAY),
}


@pytest.mark.parametrize("slug", CRL_LIES)
def test_a_revocation_list_that_cannot_be_believed_changes_nothing(one: Host, slug: str) -> None:
    one.now += HOUR
    before = one.revocations.known()
    one.world.pages[CRL] = CRL_LIES[slug](one)
    one.run()
    assert one.revocations.known() == before
    assert one.source(CRL)["failure"] == slug


# --- Quarantine --------------------------------------------------------------------------------------------------


def moved(number: int) -> list[Line]:
    """Operator 1's domains have operator 12's certificate beside their own: both are valid at once."""
    return [*lines(100), *(Line(f"etab-{one}.mssante.test", dn(12)) for one in range(number))]


def test_a_list_that_changes_too_much_waits_and_nothing_of_it_counts(one: Host) -> None:
    one.now += HOUR
    one.publish(moved(30))
    one.run()
    assert not one.listing.knows(key(dn(12)))
    assert ("quarantine", one.now.isoformat()) in one.standing()
    assert events(one) == ["accepted", "quarantined"]


def test_a_waiting_list_is_not_confirmed_so_strangers_are_deferred_after_a_day(one: Host) -> None:
    one.now += HOUR
    one.publish(moved(30))
    one.wait(26 * HOUR, 2 * HOUR)
    assert not one.listing.fresh(one.now)
    assert {name for name, _ in one.standing()} == {"list", "quarantine"}
    assert events(one) == ["accepted", "quarantined"]


def test_what_was_approved_is_in_force_and_is_confirmed_from_then_on(one: Host) -> None:
    one.now += HOUR
    one.publish(moved(30))
    one.run()
    code, said = one.trust("approve", one.trust("diff")[1]["quarantine"]["digest"], "--by", "anne")
    assert (code, said["result"]) == (0, "approved")
    assert one.listing.speaks_for(key(dn(12)), ISSUING)
    assert one.listing.speaks_for(key(dn(1)), ISSUING)
    one.wait(2 * DAY, 2 * HOUR)
    assert one.listing.fresh(one.now)
    assert {name for name, _ in one.standing()} == {"own_changed"}


def test_the_next_list_passes_by_itself_once_the_move_is_approved(one: Host) -> None:
    one.now += HOUR
    one.publish(moved(30))
    one.run()
    one.trust("approve")
    one.now += HOUR
    one.publish([*moved(30), Line("nouveau.mssante.test", dn(12))])
    one.run()
    assert one.listing.listed("nouveau.mssante.test")


def test_a_newer_list_takes_its_place_in_quarantine_and_has_not_been_approved(one: Host) -> None:
    one.now += HOUR
    one.publish(moved(30))
    one.run()
    seen = one.trust("diff")[1]["quarantine"]
    one.now += HOUR
    one.publish(moved(60))
    one.run()
    now = one.trust("diff")[1]["quarantine"]
    assert now["digest"] != seen["digest"]
    assert now["since"] == seen["since"], "people are not called twice for it"
    with pytest.raises(refresh.RefusedError, match="what waits is"):
        one.trust("approve", seen["digest"])
    assert not one.listing.knows(key(dn(12)))


def test_a_source_that_is_right_again_empties_the_quarantine(one: Host) -> None:
    one.now += HOUR
    one.publish(lines(40))
    one.run()
    one.now += HOUR
    one.publish(lines(101))
    one.run()
    assert one.trust("diff")[1]["result"] == "nothing"
    assert one.standing() == set()


# --- The clock ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [2 * HOUR, 30 * DAY, 4000 * DAY])
def test_with_a_clock_that_is_behind_nothing_is_taken_and_nothing_given_up(one: Host, back: timedelta) -> None:
    one.now += HOUR
    one.publish(moved(1))
    one.run()
    one.world.asked.clear()
    one.now -= back
    one.publish(lines(5))
    one.wait(HOUR)
    assert one.world.asked == []
    assert one.listing.listed("etab-50.mssante.test")
    assert one.standing() == {("clock", "wrong")}
    one.now += back + HOUR
    one.publish(moved(1))
    one.run()
    assert one.standing() == set()
    assert one.listing.fresh(one.now)


@pytest.mark.parametrize("ahead", [10 * DAY, 3000 * DAY])
def test_a_clock_that_is_ahead_is_named_when_the_sources_clocks_disagree(one: Host, ahead: timedelta) -> None:
    before = one.listing.facts()
    one.world.date = one.now
    one.now += ahead
    one.wait(HOUR, HALF)
    assert one.listing.facts() == before
    assert one.standing() == {("clock", "wrong")}
    assert one.source(CRL)["failure"] == "clock"
    one.now -= ahead
    one.world.date = one.now
    one.wait(HOUR, HALF)
    assert one.standing() == set()


# --- Files that were spoilt --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["listing", "revocation"])
@pytest.mark.parametrize("content", [None, b"", b"SQLite format 3\x00garbage"])
def test_a_spoilt_database_is_made_anew_without_asking_anybody(one: Host, name: str, content: bytes | None) -> None:
    path = (one.places.root / name / "current").resolve()
    path.write_bytes(content) if content is not None else path.unlink()
    assert not (one.listing.available and one.revocations.known())
    one.world.down = "timeout"
    one.now += timedelta(minutes=5)
    one.run()
    assert one.listing.listed(ISSUING)
    assert one.listing.fresh(one.now)
    assert standing(one, 5) is Standing.GOOD
    assert events(one)[-1] == "rebuilt"


def test_when_the_published_file_is_spoilt_too_a_whole_new_one_is_asked_for_at_once(one: Host) -> None:
    (one.places.listing / "current").resolve().write_bytes(b"")
    one.places.held.write_bytes(one.places.held.read_bytes()[:-100])
    one.now += timedelta(minutes=5)
    one.run()
    assert one.listing.listed(ISSUING)
    assert one.world.asked[0].etag == ""


def test_a_spoilt_published_file_beside_a_good_database_is_put_back(one: Host) -> None:
    published = one.places.held.read_bytes()
    one.places.held.write_bytes(b"<html>")
    one.now += timedelta(minutes=5)
    one.run()
    assert one.places.held.read_bytes() == published
    assert one.listing.listed(ISSUING)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sources": {"x": 1}}', b"\xff"])
def test_what_was_remembered_may_be_lost_at_the_price_of_one_question(one: Host, content: bytes) -> None:
    one.places.sources.write_bytes(content)
    one.now += timedelta(minutes=5)
    one.run()
    assert asked(one, LIST) == 1
    assert one.listing.fresh(one.now)
    assert one.standing() == set()


# --- Runs --------------------------------------------------------------------------------------------------------


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
