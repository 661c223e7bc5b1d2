"""When a wave may begin."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vaguemestre.pacing import Day, Window
from vaguemestre.rollouts.windows import PARIS, closed

WORKING_NIGHTS = Window(days=(Day.MONDAY, Day.TUESDAY, Day.WEDNESDAY, Day.THURSDAY), start="22:00", end="05:00")
SUNDAY = Window(days=(Day.SUNDAY,), start="02:30", end="08:00")


@pytest.mark.parametrize(
    ("moment", "may"),
    [
        ("2026-11-23T21:59", False),  # a Monday
        ("2026-11-23T22:00", True),
        ("2026-11-24T04:59", True),
        ("2026-11-24T05:00", False),
        ("2026-11-27T04:59", True),  # Thursday's window ends on Friday
        ("2026-11-27T23:00", False),  # Friday's night is none
        ("2026-11-23T03:00", False),  # nor is Sunday's
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_starts_on(moment: str, may: bool) -> None:
    when = datetime.fromisoformat(moment).replace(tzinfo=PARIS)
    assert (closed([WORKING_NIGHTS], when) is None) is may


def test_without_windows_it_is_always_time() -> None:
    assert closed([], datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) is None


def test_what_is_closed_says_when_it_opens() -> None:
    friday = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    assert "opens Sunday 29 November at 02:30" in str(closed([WORKING_NIGHTS, SUNDAY], friday))


def test_hours_are_those_of_paris_in_summer_and_in_winter() -> None:
    assert closed([WORKING_NIGHTS], datetime(2026, 7, 20, 20, 30, tzinfo=UTC)) is None
    assert closed([WORKING_NIGHTS], datetime(2026, 11, 23, 20, 30, tzinfo=UTC)) is not None


def test_a_window_of_one_day_a_week_opens_again_a_week_later() -> None:
    ended = datetime(2026, 11, 29, 8, 0, tzinfo=PARIS)
    assert "opens Sunday 06 December" in str(closed([SUNDAY], ended))


@pytest.mark.parametrize("start", ["24:00", "9:00", 1320, "22h00"])
def test_what_is_no_time_of_day_is_refused(start: object) -> None:
    with pytest.raises(ValidationError):
        Window.model_validate({"start": start, "end": "05:00"})
