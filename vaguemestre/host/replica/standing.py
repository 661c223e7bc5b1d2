"""Does a replica still say what its provider says? Pure: from what was seen and remembered to what must be done.

A branch is confirmed at the moment when both sides bear the same contextCSN (the moment of the last change, RFC 4533
and slapo-syncprov(5)). What is not confirmed may be wrong: somebody may have gone onto the red list since. So after a
while people are told, and later the replica forgets the mailboxes of ours; the nation's, which are public, it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OURS = "mailboxes"
Word = Literal["current", "catching up", "behind", "forgotten"]


@dataclass(frozen=True)
class Limits:
    """Seconds without confirmation: until people are told, and until our mailboxes are forgotten."""

    alarm: float
    forget: float


@dataclass(frozen=True)
class Sighting:
    """What both sides say at a moment (seconds since the epoch): contextCSN by branch, "" for an empty branch.

    `provider` is None when it did not answer, `why` its words; the same goes for `own` and this host's slapd.
    """

    moment: float
    own: Mapping[str, str] | None
    provider: Mapping[str, str] | None
    why: str = ""

    def confirms(self, branch: str) -> bool:
        if self.own is None or self.provider is None:
            return False
        return self.own.get(branch) == self.provider.get(branch)


@dataclass(frozen=True)
class Memory:
    """What is kept between two looks: when each branch was last confirmed, when people were last told, what is gone."""

    confirmed: Mapping[str, float] = field(default_factory=dict)
    told: float = 0
    forgotten: bool = False


@dataclass(frozen=True)
class Verdict:
    """`behind` is the seconds since each branch was confirmed; `forget`: our mailboxes must go now; `tell`: say so."""

    word: Word
    behind: Mapping[str, float]
    memory: Memory
    forget: bool = False
    tell: bool = False


TOLD_EVERY = 3600.0  # seconds: a trouble that lasts is told again


def judged(seen: Sighting, before: Memory, limits: Limits, branches: tuple[str, ...]) -> Verdict:
    """What to make of a sighting. A branch that was never confirmed counts from the first look at it.

    A clock that was set back makes nothing younger: what would be confirmed in the future counts from now.
    """
    confirmed = {one: _confirmed(seen, before, one) for one in branches}
    behind = {one: seen.moment - moment for one, moment in confirmed.items()}
    forgotten = before.forgotten and not seen.confirms(OURS)
    forget = not forgotten and behind[OURS] >= limits.forget
    late = max(behind.values()) >= limits.alarm
    tell = forget or (late and seen.moment - min(before.told, seen.moment) >= TOLD_EVERY)
    after = Memory(confirmed, seen.moment if tell else before.told if late else 0, forgotten or forget)
    word = "current" if all(map(seen.confirms, branches)) else _trouble(after, late=late)
    return Verdict(word, behind, after, forget, tell)


def _confirmed(seen: Sighting, before: Memory, branch: str) -> float:
    if seen.confirms(branch):
        return seen.moment
    return min(before.confirmed.get(branch, seen.moment), seen.moment)


def _trouble(after: Memory, *, late: bool) -> Word:
    if after.forgotten:
        return "forgotten"
    return "behind" if late else "catching up"
