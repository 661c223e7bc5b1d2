"""The host's verb `mailbox`: add, list, passwd, suspend, activate, close, import. One JSON object on stdout.

``{"result": "added"|"unchanged"|"changed"|"listed"|"refused"|"failed", ...}`` with ``mailbox`` or ``mailboxes``, with
``password`` once when it was made here, with ``message`` when it was refused (exit 2) or failed (exit 1).
A password of a person's choice comes on stdin (``--password-stdin``), never on a command line.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vaguemestre.host.bal import STATES, Mailbox, Refused, Site, may_log_in, moved, plain
from vaguemestre.host.opening import opened
from vaguemestre.host.store import SETTINGS, Store, StoreError
from vaguemestre.host.store import opened as directory

_LETTERS = "abcdefghijkmnopqrstuvwxyz23456789"  # no l, 1, 0: people copy these by hand
SHORTEST = 12  # characters of a password that somebody chose

_TO = {"suspend": "suspended", "activate": "active", "close": "closed"}
_DETAILS = {  # option -> field of Mailbox
    "rpps": "person",
    "structure": "structure",
    "surname": "surname",
    "given": "given",
    "name": "display",
    "service": "service",
    "responsible": "responsible",
    "description": "description",
}


def main(argv: list[str]) -> int:
    """Run one command; 0 done, 1 failed, 2 refused."""
    asked = _parser().parse_args(argv)
    if asked.command == "import":
        from vaguemestre.host import importing

        return importing.main(asked.dry_run, asked.expect)
    try:
        said = run(asked)
    except Refused as refused:
        return _say({"result": "refused", "message": str(refused)}, 2)
    except (StoreError, OSError) as error:
        return _say({"result": "failed", "message": str(error)}, 1)
    return _say(said, 0)


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """Do it.

    Raises:
        Refused: it must not be done.
        StoreError: the directory does not answer.
    """
    with directory() as store:
        match asked.command:
            case "add":
                return _add(store, asked)
            case "list":
                return _list(store, asked)
            case "passwd":
                return _passwd(store, asked)
            case _:
                return _move(store, asked.address, _TO[asked.command])


def site() -> Site:
    return Site.of(json.loads(Path(SETTINGS).read_text()))


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%d%H%M%SZ")  # noqa: UP017 - the same words on every Python 3


def generated() -> str:
    """A password of 100 bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def _add(store: Store, asked: argparse.Namespace) -> dict[str, Any]:
    details = {name: getattr(asked, option) for option, name in _DETAILS.items()}
    wanted = Mailbox(asked.address, asked.type, quota_mib=asked.quota, **details)
    existing = store.get(wanted.address.strip().lower())
    box = opened(wanted, site(), existing, now())
    if box is existing:
        return {"result": "unchanged", "mailbox": plain(box)}
    password, shown = _password(asked)
    store.add(box)
    store.set_password(box.address, password)
    return {"result": "added", "mailbox": plain(box), **shown}


def _list(store: Store, asked: argparse.Namespace) -> dict[str, Any]:
    if asked.state not in ("", *STATES):
        raise Refused(f"{asked.state!r} is no state of a mailbox; the states are {', '.join(STATES)}")
    chosen = [
        plain(box) for box in store.all() if asked.state in ("", box.state) and asked.domain.lower() in ("", box.domain)
    ]
    return {"result": "listed", "mailboxes": chosen}


def _passwd(store: Store, asked: argparse.Namespace) -> dict[str, Any]:
    box = may_log_in(_existing(store, asked.address))
    password, shown = _password(asked)
    store.set_password(box.address, password)
    return {"result": "changed", "mailbox": plain(box), **shown}


def _move(store: Store, address: str, state: str) -> dict[str, Any]:
    before = _existing(store, address)
    after = moved(before, state, now())
    if after is before:
        return {"result": "unchanged", "mailbox": plain(before)}
    store.change(before, after)
    if state != "active":
        end_sessions(after.address)
    return {"result": "changed", "mailbox": plain(after)}


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


def _say(said: dict[str, Any], code: int) -> int:
    print(json.dumps(said, ensure_ascii=False))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mailbox", description="Mailboxes (BAL) of this host.")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="open a mailbox")
    add.add_argument("address")
    add.add_argument("--type", required=True)
    add.add_argument("--quota", type=int, default=0, metavar="MIB")
    for option in _DETAILS:
        add.add_argument(f"--{option}", default="")
    listing = commands.add_parser("list", help="show the mailboxes")
    listing.add_argument("--state", default="")
    listing.add_argument("--domain", default="")
    passwd = commands.add_parser("passwd", help="give a new password")
    passwd.add_argument("address")
    for one in (add, passwd):
        one.add_argument("--password-stdin", action="store_true", help="read it from stdin instead of making one")
    staff = commands.add_parser("import", help="bring mailboxes to a list of staff, JSON on stdin")
    staff.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    staff.add_argument("--expect", default="", metavar="DIGEST", help="do it only if the plan is this one")
    for verb, state in _TO.items():
        commands.add_parser(verb, help=f"make it {state}").add_argument("address")
    return parser
