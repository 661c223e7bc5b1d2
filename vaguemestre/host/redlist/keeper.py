"""The red list as the trust daemon asks it: what is known, what is remembered, and the rule, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.correspondents import Correspondents
from vaguemestre.host.redlist.decide import Door, House, Letter, Verdict, Way, decide

FILE = "correspondents.db"

SpeaksFor = Callable[[str], bool]
"""Whether the operator at the door is listed for a domain."""

HANDED = {"told": "~secretariat", "silent": "~bal", "": "~bal"}
"""What the local part of an address ends in while the message is on its way to the secretariat. No mailbox's address
holds a ~ (`bal.LOCAL`), so nobody can write there. A report of delivery shows it: what a professional wishes senders to
learn is how it reads."""


def handed_over(recipient: str, notice: str) -> str:
    """The address by which Dovecot finds the secretariat of `recipient`, as the sender wrote it."""
    local, _, domain = recipient.rpartition("@")
    return f"{local}{HANDED.get(notice, HANDED[''])}@{domain}"


@dataclass(frozen=True)
class _Memory:
    """`decide.Memory` for one question: who is at the door is part of it."""

    correspondents: Correspondents
    speaks_for: SpeaksFor

    def wrote(self, mailbox: str, correspondent: str, days: int) -> bool:
        return self.correspondents.wrote(mailbox, correspondent, days)

    def may_report(self, mailbox: str, days: int) -> bool:
        return any(self.speaks_for(one) for one in sorted(self.correspondents.domains(mailbox, days)))


def _nobody(_: str) -> bool:
    return False


class Keeper:
    """One daemon's. Addresses in any case; see `decide` for what else is asked."""

    def __init__(self, people: Copy, correspondents: Correspondents, houses: Mapping[str, House]) -> None:
        self.people = people
        self.correspondents = correspondents
        self.houses = houses

    def verdict(self, door: Door, sender: str, recipient: str, speaks_for: SpeaksFor = _nobody) -> Verdict:
        """Where this message goes."""
        letter = Letter(sender.lower(), recipient.lower(), door)
        return decide(letter, self.people, _Memory(self.correspondents, speaks_for), self.houses)

    def remember(self, sender: str, recipient: str) -> None:
        """One of ours writes to somebody: answers will be let through, whatever the red list says by then."""
        self.correspondents.remember(sender.lower(), recipient.lower())

    def explained(self, door: Door, sender: str, recipient: str, speaks_for: SpeaksFor = _nobody) -> dict[str, Any]:
        """The verdict with what it followed from, for `redlist explain`; nothing is remembered."""
        verdict = self.verdict(door, sender, recipient, speaks_for)
        box = self.people.box(recipient.lower())
        return {
            "door": door.value,
            "way": verdict.way.value,
            "why": verdict.why,
            "redlist": box.redlist if box else "",
            "secretariat": verdict.secretariat if verdict.way is not Way.DIRECT else "",
            "mailboxes": len(self.people),
        }


def houses(plain: Mapping[str, Mapping[str, Any]]) -> dict[str, House]:
    """The domains served here, from trust.json; KeyError, TypeError when something is missing or of another kind."""
    return {
        domain: House(str(one["establishment"]), bool(one["own_staff_direct"]), int(one["correspondent_days"]))
        for domain, one in plain.items()
    }


def file(state: Path) -> Path:
    """Where correspondents are remembered."""
    return state / "redlist" / FILE
