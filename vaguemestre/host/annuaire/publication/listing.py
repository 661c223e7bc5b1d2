"""What the nation is to know of one mailbox, free of any channel's format (the ANS's model of the mailbox, BAL)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

PERSONAL = ("PER", "CAB")
"""Types that the nation keeps with a person; the others are kept with a structure."""


@dataclass(frozen=True)
class Listing:
    """One mailbox; the address is the key, and like the type it never changes.

    `person` is an RPPS (11 digits), `structure` 1 and a FINESS or 3 and a SIRET, `paperless` O, N or empty (unknown),
    `rank` 0 when none is preferred. A red-listed mailbox is declared with its flag; the nation then shows it to nobody.
    `responsible` is for the nation alone, and never for a PER.
    """

    address: str
    kind: str
    person: str = ""
    structure: str = ""
    redlist: bool = True
    paperless: str = ""
    rank: int = 0
    service: str = ""
    description: str = ""
    responsible: str = ""

    @property
    def holder(self) -> tuple[str, str]:
        """Where the nation keeps it: with a person or a structure, and which."""
        return ("person", self.person) if self.kind in PERSONAL else ("structure", self.structure)


def plain(listing: Listing) -> dict[str, Any]:
    """For JSON; `parse` is its inverse."""
    return asdict(listing)


def parse(told: Mapping[str, Any]) -> Listing:
    """The listing that `plain` wrote; fields of a newer release are passed over. KeyError, TypeError if it is none."""
    known = {one.name for one in fields(Listing)}
    return Listing(**{name: value for name, value in told.items() if name in known})


def changed(before: Listing | None, after: Listing | None) -> tuple[str, ...]:
    """The names of the fields that differ; none when one of them is not there."""
    if before is None or after is None:
        return ()
    return tuple(one.name for one in fields(Listing) if getattr(before, one.name) != getattr(after, one.name))
