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
from collections import Counter
from typing import Any

from vaguemestre.host.mailboxes.bal import RECEIVING, STATES, Mailbox, Refused, may_log_in, moved, plain, restored
from vaguemestre.host.mailboxes.beginning import add, partners_there, senders
from vaguemestre.host.mailboxes.expiry import leaves
from vaguemestre.host.mailboxes.here import end_sessions, in_charge, now, password, site
from vaguemestre.host.mailboxes.opening import changed, free_again
from vaguemestre.host.mailboxes.parser import DETAILS, NUMBERS, TO, parser
from vaguemestre.host.mailboxes.store import EntryError, Store, StoreError
from vaguemestre.host.mailboxes.store import opened as directory
from vaguemestre.host.moving.layout import LayoutError

Said = dict[str, Any]


def main(argv: list[str]) -> int:
    """Run one command; 0 done, 1 failed, 2 refused."""
    asked = parser().parse_args(argv)
    if asked.command == "import":
        from vaguemestre.host.mailboxes import importing

        return importing.main(asked.dry_run, asked.expect)
    if asked.command in ("expire", "purge"):
        from vaguemestre.host.mailboxes import ending

        return ending.main(asked.command)
    try:
        said = run(asked)
    except Refused as refused:
        return _say({"result": "refused", "message": str(refused)}, 2)
    except (StoreError, EntryError, LayoutError, OSError) as error:
        return _say({"result": "failed", "message": str(error)}, 1)
    return _say(said, 0)


def run(asked: argparse.Namespace) -> Said:
    """Do it.

    Raises:
        Refused: it must not be done.
        StoreError: the directory does not answer.
    """
    in_charge(getattr(asked, "address", ""))
    with directory() as store:
        match asked.command:
            case "add" | "request":
                return add(store, asked)
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


def _set(store: Store, asked: argparse.Namespace) -> Said:
    before = _existing(store, asked.address)
    options = {name: getattr(asked, option) for option, name in (DETAILS | NUMBERS).items()}
    news = {name: value for name, value in options.items() if value is not None}
    if asked.sender is not None:
        news["senders"] = senders(asked.sender)
    after = changed(before, news, site())
    if after is before:
        return {"result": "unchanged", "mailbox": plain(before)}
    partners_there(store, after, before)
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
    new, shown = password(from_stdin=asked.password_stdin)
    store.set_password(box.address, new)
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
    new, shown = password(from_stdin=asked.password_stdin)
    store.change(before, after)
    store.set_password(after.address, new)
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


def _say(said: Said, code: int) -> int:
    print(json.dumps(said, ensure_ascii=False))
    return code
