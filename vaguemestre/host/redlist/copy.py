"""Our mailboxes in memory, as far as the red list asks: small for many, since most of them are alike."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from vaguemestre.host.mailboxes.bal import ENDED
from vaguemestre.host.redlist.decide import PROTECTED, Box, trouble

GOOD_FOR = 10.0
"""Seconds for which what was read last still counts when the directory does not answer. While it is away nobody can
change anything in it; a replica that lost its provider says so elsewhere."""

Entry = Mapping[str, list[bytes]]

READ = ("mail", "vgmState", "vgmRedList", "vgmSecretariat", "vgmAllowed", "vgmRedListNotice", "entryCSN")


class Copy:
    """`decide.People`. Written to by the thread that follows the directory, read by everybody else."""

    def __init__(self, good_for: float = GOOD_FOR) -> None:
        self._boxes: dict[str, Box] = {}
        self._alike: dict[Box, Box] = {}
        self._good_for = good_for
        self._read = float("-inf")
        self.changes = 0  # how often something was taken over
        self.mark = ""  # the last change that was read (entryCSN)

    def __len__(self) -> int:
        return len(self._boxes)

    def known(self) -> bool:
        return time.monotonic() < self._read + self._good_for

    def box(self, address: str) -> Box | None:
        return self._boxes.get(address)

    def confirm(self) -> None:
        """The directory has just answered: this is its state."""
        self._read = time.monotonic()

    def take(self, entry: Entry) -> str:
        """One mailbox as the directory has it now; its address."""
        address, box = read(entry)
        self.put(address, box)
        return address

    def put(self, address: str, box: Box) -> None:
        box = self._alike.setdefault(box, box)
        if self._boxes.get(address) is not box:
            self._boxes[address] = box
            self.changes += 1

    def forget(self, addresses: set[str]) -> None:
        """The directory has these no more."""
        for gone in addresses:
            self._boxes.pop(gone, None)
        self._alike = {box: box for box in set(self._boxes.values())}

    def items(self) -> list[tuple[str, Box]]:
        return list(self._boxes.items())

    def troubled(self) -> Iterator[tuple[str, str]]:
        """The open mailboxes whose secretariat cannot receive in their place, and why (a key of `decide.WHY`)."""
        for address, box in self.items():
            if box.redlist == PROTECTED and box.state not in ENDED and (why := trouble(box, self)):
                yield address, why


def read(entry: Entry) -> tuple[str, Box]:
    """A mailbox's address, and what the red list knows of it."""

    def one(name: str) -> str:
        return next((value.decode() for value in entry.get(name, [])), "")

    allowed = frozenset(value.decode().lower() for value in entry.get("vgmAllowed", []))
    secretariat = one("vgmSecretariat").lower()
    return one("mail"), Box(one("vgmState"), one("vgmRedList"), secretariat, allowed, one("vgmRedListNotice"))
