"""`mailbox add` and `request`: a mailbox begins, and whoever answers for it or sends as it is there."""

from __future__ import annotations

import argparse
from typing import Any

from vaguemestre.host.mailboxes.bal import RECEIVING, Mailbox, Refused, Site, plain
from vaguemestre.host.mailboxes.here import now, password, site
from vaguemestre.host.mailboxes.holder import registered
from vaguemestre.host.mailboxes.opening import CHANGEABLE, opened
from vaguemestre.host.mailboxes.parser import DETAILS, HOLDER, NUMBERS
from vaguemestre.host.mailboxes.store import Store


def add(store: Store, asked: argparse.Namespace) -> dict[str, Any]:
    here = site()
    wanted = _wanted(asked, here)
    existing = store.get(wanted.address.strip().lower())
    box = opened(wanted, here, existing, now())
    if box is existing:
        return {"result": "unchanged", "mailbox": plain(box), **_not_changed(wanted, box)}
    partners_there(store, box)
    new, shown = password(from_stdin=asked.password_stdin) if asked.command == "add" else ("", {})
    if existing:  # a tombstone whose time is over
        store.change(existing, box)
        shown = {**shown, "warning": _BEFORE.format(existing.created[:4], existing.closed[:4])}
    else:
        store.add(box)
    if new:
        store.set_password(box.address, new)
    return {"result": "added", "mailbox": plain(box), **shown}


_BEFORE = (
    "this address was somebody else's from {} to {}: people may still write to its first holder\n"
    "    tell the new one, and correct address books that you know of"
)


def _not_changed(wanted: Mailbox, existing: Mailbox) -> dict[str, str]:
    """What was said besides, and is otherwise: adding never changes what is there."""
    differing = [name for name in CHANGEABLE if getattr(wanted, name) not in ("", 0, (), getattr(existing, name))]
    if not differing:
        return {}
    how = f"vaguemestre mailbox set {existing.address}"
    return {"warning": f"it is there already, and stays as it is: not changed is {', '.join(differing)}\n    {how}"}


def _wanted(asked: argparse.Namespace, here: Site) -> Mailbox:
    fields = {name: getattr(asked, option) for option, name in (DETAILS | NUMBERS | HOLDER).items()}
    if asked.staff_id:
        domain = here.domains.get(asked.address.strip().lower().rpartition("@")[2])
        structure = asked.structure or (domain.structure if domain else "")
        if asked.rpps:
            raise Refused("a person is known by the RPPS or, without one, by --staff-id: leave one away")
        fields["person"] = registered(structure, asked.staff_id)
    state = "requested" if asked.command == "request" else "active"
    return Mailbox(asked.address, asked.type, state, senders=senders(asked.sender or ()), **fields)


def senders(addresses: list[str] | tuple[()]) -> tuple[str, ...]:
    return tuple(sorted({one.strip().lower() for one in addresses if one.strip()}))


def partners_there(store: Store, box: Mailbox, before: Mailbox | None = None) -> None:
    """Whoever answers for a mailbox, or sends as it, must be there.

    Raises:
        Refused: somebody is not; or the secretariat cannot be found by everybody itself.
    """
    for address in sorted({*box.senders} - {*(before.senders if before else ())}):
        other = store.get(address)
        if other is None or other.state not in RECEIVING:
            raise Refused(f"{box.address}: {address} is no open mailbox here\n    open it first, or name another")
    if before is None and box.redlist == "secretariat":
        _secretariat_there(store, box)


def _secretariat_there(store: Store, box: Mailbox) -> None:
    desk = store.get(box.secretariat)
    if desk is None or desk.state != "active":
        raise Refused(
            f"{box.address}: people here are reached through {box.secretariat}, which is no open mailbox\n"
            f"    vaguemestre mailbox add {box.secretariat} --type ORG, or name another (--secretariat)"
        )
    if desk.redlist not in ("none", ""):
        raise Refused(f"{box.address}: its secretariat {desk.address} is on the red list itself: name another")
