"""Mailboxes as an older release wrote them, brought to what this one writes: their rule of the red list, and the words
that searches find them by. What people chose or entered is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from vaguemestre.host.mailboxes.bal import ENDED, RECEIVING, Mailbox, RedListRules, Site
from vaguemestre.host.mailboxes.store import EntryError, Store, one_entry

Due = list[tuple[Mailbox, Mailbox]]
"""Mailboxes before and after; alike where only the words are to be written."""


def due(store: Store, here: Site) -> Due:
    """What a renewal would write; nothing after it was done."""
    ruled = without_rule(store.all(), here)
    known = {before.address for before, _ in ruled}
    return [*ruled, *((box, box) for box in store.found_wrongly() if box.address not in known)]


def renew(store: Store, steps: Due) -> list[str]:
    """Write it. Gives what was refused, by address, with the reason.

    Raises:
        StoreError: the directory went away; the next run does what is left.
    """
    refused: list[str] = []
    for before, after in steps:
        with _told(refused, before):
            if before == after:
                store.find_by(before)
            else:
                store.change(before, after)
    return refused


def without_rule(boxes: Iterable[Mailbox], here: Site) -> list[tuple[Mailbox, Mailbox]]:
    """Those that say nothing about the red list, before and after; until then nobody finds them. Pure.

    People come under their establishment's rule. Behind a secretariat only where that is an open mailbox: nobody's mail
    takes another way, or none, because of an update.
    """
    known = {box.address: box for box in boxes}
    return [
        (box, replace(box, **_rule(box, known, here)))
        for box in known.values()
        if not box.redlist and box.state not in ENDED
    ]


def _rule(box: Mailbox, known: dict[str, Mailbox], here: Site) -> dict[str, Any]:
    domain = here.domains.get(box.domain)
    rules = domain.redlist if domain else RedListRules("unlisted")  # a domain that left: hidden, as it was
    if box.kind not in ("PER", "CAB"):
        return {"redlist": "none"}
    secretariat = known.get(rules.secretariat)
    if rules.default == "secretariat" and (not secretariat or secretariat is box or secretariat.state not in RECEIVING):
        return {"redlist": "unlisted"}
    return {"redlist": rules.default, "secretariat": rules.secretariat if rules.default == "secretariat" else ""}


@contextmanager
def _told(refused: list[str], box: Mailbox) -> Iterator[None]:
    try:
        with one_entry():
            yield
    except EntryError as error:
        refused.append(f"{box.address}: {error}")
