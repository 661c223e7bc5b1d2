"""What the nation is to know, from the directory of mailboxes. Pure.

Published are the mailboxes that are active; whatever hides one counts as red-listed, absence of a choice included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.mailboxes.bal import Mailbox


@dataclass(frozen=True)
class Desired:
    """`listings` by address are to be published; `known` are all addresses that the directory has, in any state."""

    listings: dict[str, Listing]
    known: frozenset[str]


def desired(mailboxes: Iterable[Mailbox], kept_back: Iterable[str] = ()) -> Desired:
    """What follows from the mailboxes of the directory; `kept_back` are local parts that are nobody's to write to."""
    boxes = tuple(mailboxes)
    private = frozenset(kept_back)
    listings = {one.address: listing(one) for one in boxes if one.state == "active" and one.local not in private}
    return Desired(listings, frozenset(one.address for one in boxes))


def listing(box: Mailbox) -> Listing:
    """One mailbox as the nation is to know it; a person's carries neither service, description nor responsible."""
    shared = box.kind != "PER"
    return Listing(
        address=box.address,
        kind=box.kind,
        person=box.person,
        structure=box.structure,
        redlist=box.redlist != "none",
        paperless=box.paperless,
        rank=box.rank,
        service=_line(box.service) if box.kind in ("ORG", "APP") else "",
        description=_line(box.description) if shared else "",
        responsible=_line(box.responsible) if box.kind in ("ORG", "APP") else "",
    )


def _line(text: str) -> str:
    """One line without control characters: what people typed goes into tables and JSON of others."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
