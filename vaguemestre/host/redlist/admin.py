"""The host's verb `redlist`: show, set, explain. One JSON object on stdout.

``{"result": "shown"|"changed"|"unchanged"|"explained"|"refused"|"failed", ...}``; exit codes: 0 done, 1 failed, 2
refused and nothing changed. `explain` asks the daemon that decides, so it tells what would happen now, and why.
"""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaguemestre.host.mailboxes.bal import RED_LIST, Mailbox, Refused
from vaguemestre.host.mailboxes.here import in_charge
from vaguemestre.host.mailboxes.store import Store, StoreError
from vaguemestre.host.mailboxes.store import opened as directory
from vaguemestre.host.moving.layout import LayoutError
from vaguemestre.host.redlist.change import BY, NOTICES, Wish, changed, entry
from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.decide import PROTECTED, WHY, Box

SOCKET = Path("/run/vaguemestre-trust/policy")
_SECONDS = 10


def main(argv: list[str]) -> int:
    """Run one command; 0 done, 1 failed, 2 refused."""
    asked = parser().parse_args(argv)
    if asked.command == "watch":
        from vaguemestre.host.redlist import watch

        return watch.main()
    try:
        return _say(_COMMANDS[asked.command](asked), 0)
    except Refused as refused:
        return _say({"result": "refused", "message": str(refused)}, 2)
    except (StoreError, LayoutError, OSError, ValueError) as error:
        return _say({"result": "failed", "message": str(error)}, 1)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser("redlist", description="The red list (liste rouge) of this host's mailboxes.")
    verbs = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    show = verbs.add_parser("show", help="who is on it, how, and whether each secretariat can receive")
    show.add_argument("addresses", nargs="*", metavar="ADDRESS", help="only these, on the list or not")
    change = verbs.add_parser("set", help="change the rule of one mailbox")
    change.add_argument("address")
    change.add_argument("rule", nargs="?", default="", help=", ".join(RED_LIST))
    change.add_argument("--secretariat", default="")
    change.add_argument("--allow", action="append", default=[], metavar="ADDRESS|@DOMAIN")
    change.add_argument("--disallow", action="append", default=[], metavar="ADDRESS|@DOMAIN")
    change.add_argument("--notice", default="", help=", ".join(NOTICES))
    change.add_argument("--by", default="administrator", help=", ".join(BY))
    explain = verbs.add_parser("explain", help="tell what would become of a message, and why")
    explain.add_argument("sender", help="an address; <> for a report")
    explain.add_argument("recipient")
    explain.add_argument("--operator-of", default="", metavar="DOMAIN", help="who brings the report")
    verbs.add_parser("watch", help="look after the secretariats and forget what is old, as the timer does")
    return root


def _show(asked: argparse.Namespace) -> dict[str, Any]:
    with directory() as store:
        boxes = store.all()
    wanted = {one.strip().lower() for one in asked.addresses}
    unknown = wanted - {box.address for box in boxes}
    if unknown:
        raise Refused(f"no mailbox here: {', '.join(sorted(unknown))}")
    people = _copied(boxes)
    troubled = dict(people.troubled())
    chosen = [box for box in boxes if box.address in wanted or (not wanted and box.redlist not in ("none", ""))]
    return {
        "result": "shown",
        "mailboxes": [_plain(box, troubled.get(box.address, "")) for box in chosen],
        "counts": {rule: sum(box.redlist == rule for box in boxes) for rule in RED_LIST},
    }


def _set(asked: argparse.Namespace) -> dict[str, Any]:
    wish = Wish(
        asked.rule, asked.secretariat, tuple(asked.allow), tuple(asked.disallow), asked.notice, asked.by
    )  # fmt: skip
    in_charge(asked.address)
    with directory() as store:
        before = store.get(asked.address.strip().lower())
        if before is None:
            raise Refused(
                f"there is no mailbox {asked.address} here\n    vaguemestre mailbox list shows those there are"
            )
        after = changed(before, wish, store.get, _served(store, before))
        if after is not before:
            store.change(before, after)
        return {"result": "unchanged" if after is before else "changed", "mailbox": _plain(after)}


def _served(store: Store, desk: Mailbox) -> list[str]:
    return [box.address for box in store.all() if box.redlist == PROTECTED and box.secretariat == desk.address]


def _explain(asked: argparse.Namespace) -> dict[str, Any]:
    sender = "" if asked.sender.strip() in ("", "<>") else entry(asked.sender)
    recipient = entry(asked.recipient)
    operator = asked.operator_of.strip().lower()
    if sender.startswith("@") or recipient.startswith("@"):
        raise Refused("explain takes two addresses, or <> and one address")
    if not sender and not operator:
        raise Refused("who brings this report? Name a domain of that operator (--operator-of)")
    said = ask(SOCKET, sender, recipient, operator)
    return {"result": "explained", "sender": sender, "recipient": recipient, **said, "text": WHY.get(said["why"], "")}


def ask(path: Path, sender: str, recipient: str, operator: str = "") -> dict[str, Any]:
    """What the daemon would do, from its own mouth.

    Raises:
        OSError: it does not answer.
        ValueError: it answers something else.
    """
    lines = {
        "request": "smtpd_access_policy",
        "policy_context": "explain",
        "sender": sender,
        "recipient": recipient,
        "sasl_username": operator,
    }
    question = "".join(f"{name}={value}\n" for name, value in lines.items()).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.settimeout(_SECONDS)
        daemon.connect(str(path))
        daemon.sendall(question)
        daemon.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: daemon.recv(65536), b""))
    if not answer.startswith(b"action="):
        raise ValueError("the trust daemon gave no answer\n    journalctl -u vaguemestre-trust tells why")
    return dict(json.loads(answer.removeprefix(b"action=").strip()))


def _copied(boxes: Sequence[Mailbox]) -> Copy:
    """The mailboxes as the daemon sees them, for the same questions."""
    people = Copy()
    for box in boxes:
        people.put(box.address, Box(box.state, box.redlist, box.secretariat, frozenset(box.allowed), box.notice))
    return people


def _plain(box: Mailbox, trouble: str = "") -> dict[str, Any]:
    found = {
        "address": box.address,
        "state": box.state,
        "redlist": box.redlist,
        "secretariat": box.secretariat if box.redlist == PROTECTED else "",
        "allowed": list(box.allowed),
        "notice": box.notice,
        "by": box.redlist_by,
        "trouble": WHY.get(trouble, ""),
    }
    return {name: value for name, value in found.items() if value}


def _say(said: dict[str, Any], code: int) -> int:
    print(json.dumps(said, ensure_ascii=False))
    return code


_COMMANDS = {"show": _show, "set": _set, "explain": _explain}
