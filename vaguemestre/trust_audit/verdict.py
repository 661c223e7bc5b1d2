"""What was seen of one case in one direction, and whether it is what had to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vaguemestre.host.trust.reasons import ACCEPTED, BY_NAME

Direction = Literal["inbound", "outbound"]
Fate = Literal["delivered", "refused", "returned", "deferred", "lost"]
"""What became of the message.

delivered  in the mailbox (inbound), at the peer (outbound)
refused    while the SMTP session with the sender lasted
returned   by a report of non-delivery (RFC 3464) in the writer's mailbox
deferred   waits in the operator's queue
lost       none of these
"""


@dataclass(frozen=True)
class Observation:
    """`reason` is a name of `vaguemestre.host.trust.reasons`, or empty when the operator gave none that is known.

    `detail` is the operator's own words. `breaches` are things seen that may never happen, whatever the reason given.
    """

    reason: str
    fate: Fate
    detail: str = ""
    breaches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One case tried on one establishment. `seconds` from the first command to the last thing seen."""

    establishment: str
    case: str
    title: str
    titre: str
    direction: Direction
    expected: str
    seen: Observation
    seconds: float = 0.0

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that is not as it must be, in words."""
        return (*_reason_faults(self.expected, self.seen), *_fate_faults(self), *self.seen.breaches)

    @property
    def passed(self) -> bool:
        return not self.faults


def _reason_faults(expected: str, seen: Observation) -> tuple[str, ...]:
    if seen.reason == expected:
        return ()
    return (f"expected {expected}, observed {seen.reason or 'no reason that is known'}",)


def _fate_faults(verdict: Verdict) -> tuple[str, ...]:
    """What is accepted arrives; what is refused for good is not left waiting without a word to its writer."""
    seen, expected = verdict.seen, verdict.expected
    if expected == ACCEPTED.name:
        return () if seen.fate == "delivered" else (f"the message was {seen.fate}",)
    if seen.fate in ("delivered", "lost"):
        return (f"the message was {seen.fate}",)
    final = expected in BY_NAME and BY_NAME[expected].final
    if final and verdict.direction == "outbound" and seen.fate == "deferred":
        return ("the writer was not told: no report came back in time",)
    return ()
