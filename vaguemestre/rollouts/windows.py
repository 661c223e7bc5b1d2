"""Maintenance windows against the clock; pure, by the clocks of Europe/Paris, summer and winter time included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from vaguemestre.pacing import Day, Window

PARIS = ZoneInfo("Europe/Paris")
_WEEK = 7


def closed(windows: Sequence[Window], moment: datetime) -> str | None:
    """Why nothing may begin at `moment` (aware), with when it may next; None when it may, as always without windows."""
    if not windows or any(start <= moment < end for start, end in _around(windows, moment)):
        return None
    following = min(start for start, _ in _around(windows, moment) if start > moment)
    return f"outside its maintenance windows; the next one opens {following:%A %d %B at %H:%M} (Europe/Paris)"


def _around(windows: Sequence[Window], moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Each window's occurrences from the day before `moment` to a week after it."""
    today = moment.astimezone(PARIS).date()
    for day in (today + timedelta(days=number) for number in range(-1, _WEEK + 1)):
        for window in windows:
            if tuple(Day)[day.weekday()] in window.days:
                start, end = (datetime.fromisoformat(f"{day}T{one}") for one in (window.start, window.end))
                end += timedelta(days=1 if end <= start else 0)
                yield start.replace(tzinfo=PARIS), end.replace(tzinfo=PARIS)
