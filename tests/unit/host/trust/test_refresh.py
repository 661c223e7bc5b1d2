"""Days in the life of what a host knows: sources that work, fail and come back; nothing good is ever given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from refreshed import DAY, HALF, ISSUING, asked, events, moved, standing
from trust_nation import CRL, HOUR, LIST, START, Host, dn, host, lines

from vaguemestre.host.trust import refresh
from vaguemestre.host.trust.dn import key
from vaguemestre.host.trust.values import Standing
from vaguemestre.lab.listing import Line

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("attentive")]


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


# --- Quarantine --------------------------------------------------------------------------------------------------


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
