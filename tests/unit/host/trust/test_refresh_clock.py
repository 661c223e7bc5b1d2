"""A clock that is wrong, here or at the sources, takes nothing new and gives nothing up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from refreshed import DAY, HALF, moved
from trust_nation import CRL, HOUR, Host, lines

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("attentive")]


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
