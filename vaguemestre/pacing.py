"""What an inventory says of rollouts: when hosts may be changed, and how many at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from vaguemestre.terms import Model, Whole


class Day(StrEnum):
    """A day of the week, in the order of `datetime.weekday`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""Hours and minutes. Quote it in YAML, which takes 22:00 for the number 1320."""


def _some(days: tuple[Day, ...]) -> tuple[Day, ...]:
    if not days:
        raise PydanticCustomError("too_short", "no day at all")
    return days


class Window(Model):
    """A maintenance window, by the clocks of Europe/Paris. One that ends before it starts ends on the next day."""

    days: Annotated[tuple[Day, ...], AfterValidator(_some)] = Field(
        default=tuple(Day), description="days on which it starts; none given: every day"
    )
    start: TimeOfDay = Field(description='when it starts, in quotes: "22:00"')
    end: TimeOfDay = Field(description='when it ends, in quotes: "05:00" is of the next day if it starts at "22:00"')


class Pace(Model):
    """How fast a rollout may go."""

    windows: tuple[Window, ...] = Field(
        default=(), description="when a wave with these hosts may begin; none: at any time"
    )
    max_share_percent: float = Field(
        default=50.0,
        gt=0,
        le=100,
        description="a wave that would change more of the fleet's hosts at once is not begun; bare ones do not count",
    )
    share_from: Whole = Field(default=4, ge=1, description="waves that change fewer hosts than this may always begin")
