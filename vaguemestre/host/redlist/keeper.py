"""The red list as the trust daemon asks it: what is known, what is remembered, and the rule, in one place."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.correspondents import Correspondents, Trouble
from vaguemestre.host.redlist.decide import Door, House, Letter, Verdict, Way, decide
from vaguemestre.host.redlist.people import Follower

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


class Remembering(Protocol):
    """`Correspondents`, or `Forgetful`."""

    def wrote(self, mailbox: str, correspondent: str, days: int) -> bool: ...

    def domains(self, mailbox: str, days: int) -> set[str]: ...

    def remember(self, mailbox: str, correspondent: str) -> None: ...

    def close(self) -> None: ...


class Forgetful:
    """Where nothing can be written down: nobody is known to have been written to, and secretariats get the mail."""

    def wrote(self, *_: object) -> bool:
        return False

    def domains(self, *_: object) -> set[str]:
        return set()

    def remember(self, *_: object) -> None: ...

    def close(self) -> None: ...


def owner(address: str) -> str:
    """Whose address it is: a secretariat's filter passes on under the name of whom the message was for."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('~')[0]}@{domain}" if "~" in local else address


@dataclass(frozen=True)
class _Memory:
    """`decide.Memory` for one question: who is at the door is part of it."""

    correspondents: Remembering
    speaks_for: SpeaksFor

    def wrote(self, mailbox: str, correspondent: str, days: int) -> bool:
        return self.correspondents.wrote(mailbox, correspondent, days)

    def may_report(self, mailbox: str, days: int) -> bool:
        return any(self.speaks_for(one) for one in sorted(self.correspondents.domains(mailbox, days)))


def _nobody(_: str) -> bool:
    return False


class Keeper:
    """One daemon's. Addresses in any case; see `decide` for what else is asked."""

    def __init__(
        self,
        people: Copy,
        correspondents: Remembering,
        houses: Mapping[str, House],
        follower: Follower | None = None,
    ) -> None:
        self.people = people
        self.correspondents = correspondents
        self.houses = houses
        self._follower = follower

    async def ready(self, seconds: float = 10) -> None:
        """Until the mailboxes are known, but not for ever: who asks meanwhile waits, rather than being deferred."""
        until = time.monotonic() + seconds
        while not self.people.known() and time.monotonic() < until:
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """Write down what waits, and follow the directory no longer."""
        if self._follower is not None:
            self._follower.end()
        self.correspondents.close()

    def verdict(self, door: Door, sender: str, recipient: str, speaks_for: SpeaksFor = _nobody) -> Verdict:
        """Where this message goes."""
        author = owner(sender) if door is Door.INSIDE else sender
        letter = Letter(author.lower(), recipient.lower(), door)
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


def begun(houses: Mapping[str, House], path: Path, trouble: Trouble) -> Keeper:
    """The red list of this host, with its two threads; `trouble` is called from them too."""
    memory: Remembering
    try:
        memory = Correspondents(path, trouble)
    except (OSError, sqlite3.Error) as error:
        trouble("correspondents", str(error))
        memory = Forgetful()
    people = Copy()
    follower = Follower(people, trouble)
    follower.start()
    return Keeper(people, memory, houses, follower)
