"""The host's verb `mailbox`, see `mailbox_parser`. One JSON object on stdout (`import`: see `importing`).

``{"result": R, ...}`` with R

  added, changed, unchanged   `mailbox`; `password` once when it was made here; `warning`, a text
  shown                       `mailbox`, `has_password`, `leaves` (when it goes on to its next state), `free` (when its
                              address may be given again)
  listed, counted             `mailboxes`; `counts`, numbers by kind, state, redlist and paperless
  expired, purged             `steps` and `waiting` (see `expiry`); `removed` (addresses) and `failures`
  refused (exit 2), failed (exit 1)   `message`

A password of a person's choice comes on stdin (``--password-stdin``), never on a command line.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vaguemestre.host.bal import RECEIVING, STATES, Mailbox, Refused, Site, may_log_in, moved, plain, restored
from vaguemestre.host.expiry import leaves
from vaguemestre.host.holder import registered
from vaguemestre.host.mailbox_parser import DETAILS, HOLDER, NUMBERS, TO, parser
from vaguemestre.host.opening import changed, free_again, opened
from vaguemestre.host.store import SETTINGS, EntryError, Store, StoreError
from vaguemestre.host.store import opened as directory

_LETTERS = "abcdefghijkmnopqrstuvwxyz23456789"  # no l, 1, 0: people copy these by hand
SHORTEST = 12  # characters of a password that somebody chose

Said = dict[str, Any]


def main(argv: list[str]) -> int:
    """Run one command; 0 done, 1 failed, 2 refused."""
    asked = parser().parse_args(argv)
    if asked.command == "import":
        from vaguemestre.host import importing

        return importing.main(asked.dry_run, asked.expect)
    if asked.command in ("expire", "purge"):
        from vaguemestre.host import ending

        return ending.main(asked.command)
    try:
        said = run(asked)
    except Refused as refused:
        return _say({"result": "refused", "message": str(refused)}, 2)
    except (StoreError, EntryError, OSError) as error:
        return _say({"result": "failed", "message": str(error)}, 1)
    return _say(said, 0)


def run(asked: argparse.Namespace) -> Said:
    """Do it.

    Raises:
        Refused: it must not be done.
        StoreError: the directory does not answer.
    """
    with directory() as store:
        match asked.command:
            case "add" | "request":
                return _add(store, asked)
            case "set":
                return _set(store, asked)
            case "show":
                return _show(store, asked)
            case "list":
                return _list(store, asked)
            case "passwd":
                return _passwd(store, asked)
            case "restore":
                return _restore(store, asked)
            case _:
                return _move(store, asked)


def site() -> Site:
    return Site.of(json.loads(Path(SETTINGS).read_text()))


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%d%H%M%SZ")  # noqa: UP017 - the same words on every Python 3


def generated() -> str:
    """A password of 100 bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def _add(store: Store, asked: argparse.Namespace) -> Said:
    here = site()
    wanted = _wanted(asked, here)
    existing = store.get(wanted.address.strip().lower())
    box = opened(wanted, here, existing, now())
    if box is existing:
        return {"result": "unchanged", "mailbox": plain(box)}
    _partners_there(store, box)
    password, shown = _password(asked) if asked.command == "add" else ("", {})
    if existing:  # a tombstone whose time is over
        store.change(existing, box)
        shown = {**shown, "warning": _BEFORE.format(existing.created[:4], existing.closed[:4])}
    else:
        store.add(box)
    if password:
        store.set_password(box.address, password)
    return {"result": "added", "mailbox": plain(box), **shown}


_BEFORE = (
    "this address was somebody else's from {} to {}: people may still write to its first holder\n"
    "    tell the new one, and correct address books that you know of"
)


def _wanted(asked: argparse.Namespace, here: Site) -> Mailbox:
    fields = {name: getattr(asked, option) for option, name in (DETAILS | NUMBERS | HOLDER).items()}
    if asked.staff_id:
        domain = here.domains.get(asked.address.strip().lower().rpartition("@")[2])
        structure = asked.structure or (domain.structure if domain else "")
        if asked.rpps:
            raise Refused("a person is known by the RPPS or, without one, by --staff-id: leave one away")
        fields["person"] = registered(structure, asked.staff_id)
    state = "requested" if asked.command == "request" else "active"
    return Mailbox(asked.address, asked.type, state, senders=_senders(asked.sender or ()), **fields)


def _senders(addresses: list[str] | tuple[()]) -> tuple[str, ...]:
    return tuple(sorted({one.strip().lower() for one in addresses if one.strip()}))


def _partners_there(store: Store, box: Mailbox, before: Mailbox | None = None) -> None:
    """Whoever answers for a mailbox, or sends as it, must be there."""
    partners = {*box.senders} - {*(before.senders if before else ())}
    if box.redlist == "secretariat" and before is None:
        partners.add(box.secretariat)
    for address in sorted(partners):
        other = store.get(address)
        if other is None or other.state not in RECEIVING:
            raise Refused(f"{box.address}: {address} is no open mailbox here\n    open it first, or name another")


def _set(store: Store, asked: argparse.Namespace) -> Said:
    before = _existing(store, asked.address)
    options = {name: getattr(asked, option) for option, name in (DETAILS | NUMBERS).items()}
    news = {name: value for name, value in options.items() if value is not None}
    if asked.sender is not None:
        news["senders"] = _senders(asked.sender)
    after = changed(before, news, site())
    if after is before:
        return {"result": "unchanged", "mailbox": plain(before)}
    _partners_there(store, after, before)
    store.change(before, after)
    return {"result": "changed", "mailbox": plain(after)}


def _show(store: Store, asked: argparse.Namespace) -> Said:
    box, here = _existing(store, asked.address), site()
    domain = here.domains.get(box.domain)
    return {
        "result": "shown",
        "mailbox": plain(box),
        "has_password": store.has_password(box.address),
        "leaves": leaves(box, domain.retention) if domain else None,
        "free": free_again(box, here) if box.state in ("closed", "quarantined", "purged") else None,
    }


def _list(store: Store, asked: argparse.Namespace) -> Said:
    if asked.state not in ("", *STATES):
        raise Refused(f"{asked.state!r} is no state of a mailbox; the states are {', '.join(STATES)}")
    chosen = [box for box in store.all() if asked.state in ("", box.state) and asked.domain.lower() in ("", box.domain)]
    if asked.count:
        return {"result": "counted", "counts": counts(chosen)}
    return {"result": "listed", "mailboxes": [plain(box) for box in chosen]}


def counts(boxes: list[Mailbox]) -> dict[str, dict[str, int]]:
    """How many of each state; of those that receive, how many of each kind, rule of the red list and word on paper."""
    living = [box for box in boxes if box.state in RECEIVING]
    numbers = {"state": dict(Counter(box.state for box in boxes))}
    for name in ("kind", "redlist", "paperless"):
        numbers[name] = dict(Counter(getattr(box, name) or "unknown" for box in living))
    return numbers


def _passwd(store: Store, asked: argparse.Namespace) -> Said:
    box = may_log_in(_existing(store, asked.address))
    password, shown = _password(asked)
    store.set_password(box.address, password)
    return {"result": "changed", "mailbox": plain(box), **shown}


def _move(store: Store, asked: argparse.Namespace) -> Said:
    before = _existing(store, asked.address)
    state = TO[asked.command]
    after = moved(before, state, now())
    if after is before:
        return {"result": "unchanged", "mailbox": plain(before)}
    if before.state == "requested" and state == "active":
        return _begun(store, before, after, asked)
    store.change(before, after)
    if state != "active":
        end_sessions(after.address)
    return {"result": "changed", "mailbox": plain(after), **_left_alone(store, after)}


def _restore(store: Store, asked: argparse.Namespace) -> Said:
    before = _existing(store, asked.address)
    return _begun(store, before, restored(before, now()), asked)


def _begun(store: Store, before: Mailbox, after: Mailbox, asked: argparse.Namespace) -> Said:
    """Open from now on, with a password: it has none, or none any more."""
    password, shown = _password(asked)
    store.change(before, after)
    store.set_password(after.address, password)
    return {"result": "changed", "mailbox": plain(after), **shown}


def _left_alone(store: Store, box: Mailbox) -> Said:
    """A secretariat that closes leaves people whose mail then waits."""
    number = 0 if box.state in RECEIVING else store.count_led_by(box.address)
    if not number:
        return {}
    return {
        "warning": f"it was the secretariat of {number} mailboxes: mail of peers to them now waits, "
        "then comes back\n    name another: vaguemestre redlist set ADDRESS --secretariat OTHER"
    }


def _existing(store: Store, address: str) -> Mailbox:
    box = store.get(address.strip().lower())
    if box is None:
        raise Refused(f"there is no mailbox {address} here\n    vaguemestre mailbox list shows those there are")
    return box


def _password(asked: argparse.Namespace) -> tuple[str, dict[str, str]]:
    """The password, and what to show of it: one made here is shown this once, a chosen one never."""
    if not asked.password_stdin:
        password = generated()
        return password, {"password": password}
    chosen = sys.stdin.readline().rstrip("\r\n")
    if len(chosen) < SHORTEST:
        raise Refused(f"this password is too short: at least {SHORTEST} characters")
    return chosen, {}


def end_sessions(address: str) -> None:
    """Who is logged in stays so until told otherwise. Dovecot being down means that nobody is.

    Raises:
        StoreError: Dovecot gives no answer, so somebody may still be reading.
    """
    try:
        subprocess.run(["/usr/bin/doveadm", "kick", address], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired as error:
        raise StoreError(
            f"{address}: nobody can log in any more, but Dovecot did not end the sessions that are open\n"
            f"    on the host: doveadm kick {address}"
        ) from error


def _say(said: Said, code: int) -> int:
    print(json.dumps(said, ensure_ascii=False))
    return code
