"""The red list (liste rouge) from the controller: each address finds its operator, whose host has the verb `redlist`.

The rules are the host's (`vaguemestre.host.redlist`); here are only the questions.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from vaguemestre import runtime
from vaguemestre.engines import pyinfra
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.targets import target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet
from vaguemestre.verbs import mailbox
from vaguemestre.verbs.mailbox import Mailboxes

Said = dict[str, Any]
"""A host's answer; see `vaguemestre.host.redlist.admin`."""


class RedListError(VaguemestreError):
    """The host refused (exit code 2), failed (1) or could not be reached (4); the message is its own."""

    def __init__(self, message: str, exit_code: Exit) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def show(fleet: Fleet, addresses: Sequence[str] = ()) -> list[Said]:
    """Who is on the red list at every operator, or just these mailboxes, each at its own."""
    if not addresses:
        return [ask(one, ["show"]) for one in mailbox.holders(fleet)]
    return [ask(boxes, ["show", *some]) for boxes, some in _by_holder(fleet, addresses)]


def change(fleet: Fleet, address: str, options: Sequence[str]) -> Said:
    """Change one mailbox's rule; `options` are those of the host's ``redlist set``, without the address."""
    return ask(mailbox.serving(fleet, address), ["set", address, *options])


def explain(fleet: Fleet, sender: str, recipient: str, operator: str = "") -> Said:
    """What would become of a message, from the daemon that would decide: that of the recipient's operator."""
    return ask(
        mailbox.serving(fleet, recipient), ["explain", f"--operator-of={operator}", "--", sender or "<>", recipient]
    )


def ask(boxes: Mailboxes, arguments: Sequence[str]) -> Said:
    """The verb with these arguments on the host that holds these mailboxes.

    Raises:
        RedListError: refused, failed, or not reached.
    """
    name = boxes.host.name
    sudo = () if target(boxes.fleet, boxes.operator, boxes.host).user == "root" else ("sudo", "-n")
    command = shlex.join((*sudo, "/usr/bin/python3", runtime.PATH, "redlist", *arguments))
    ran = pyinfra.run(boxes.fleet, (name,), command, b"")[name]
    if isinstance(ran, Failure):
        raise RedListError(ran.message, Exit.FAILED if ran.trouble is Trouble.FAILED else Exit.UNREACHABLE)
    try:
        said: Said = {"host": name, **json.loads(ran.stdout)}
        result = said["result"]
    except (ValueError, KeyError, TypeError):
        words = ran.stderr.decode(errors="replace").strip()
        raise RedListError(
            f"{name}: the verb redlist did not run: {words}\n    is it provisioned? vaguemestre apply {name}",
            Exit.FAILED,
        ) from None
    if result == "refused":
        raise RedListError(str(said["message"]), Exit.INVALID)
    if result == "failed":
        raise RedListError(f"{name}: {said['message']}", Exit.FAILED)
    return said


def _by_holder(fleet: Fleet, addresses: Iterable[str]) -> list[tuple[Mailboxes, list[str]]]:
    found: dict[str, tuple[Mailboxes, list[str]]] = {}
    for address in addresses:
        boxes = mailbox.serving(fleet, address)
        found.setdefault(boxes.host.name, (boxes, []))[1].append(address)
    return list(found.values())
