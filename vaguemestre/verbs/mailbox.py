"""Mailboxes (BAL) from the controller: finds the host whose directory holds them and has its own command do the work.

What a mailbox is, needs and may become is decided on that host (`vaguemestre.host.mailboxes.bal`), where the directory
is.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from vaguemestre import runtime
from vaguemestre.engines import pyinfra
from vaguemestre.engines.door import silent
from vaguemestre.engines.sessions import Failure, OnText, Ran
from vaguemestre.engines.targets import target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, Host
from vaguemestre.host.mailboxes.bal import Mailbox


class MailboxError(VaguemestreError):
    """A mailbox command was refused, or the host did not do it; the message is the host's own."""

    def __init__(self, message: str, exit_code: Exit) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Answer:
    """What became of a command: `result` and `facts` as the host says them (`vaguemestre.host.mailboxes.admin`).

    `password` is there when it was made now.
    """

    result: str
    mailboxes: tuple[Mailbox, ...]
    password: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mailbox(self) -> Mailbox:
        return self.mailboxes[0]


@dataclass(frozen=True)
class Mailboxes:
    """The mailboxes that one host holds; every method is one round trip.

    Raises:
        MailboxError: refused (exit code 2), failed (1) or the host could not be reached (4).
    """

    fleet: Fleet
    operator: Establishment
    host: Host

    def add(self, *options: str, password: str | None = None) -> Answer:
        """Open a mailbox; `options` are those of the host's command. Without a password one is made."""
        return self._with_password(["add", *options], password)

    def request(self, *options: str) -> Answer:
        """Prepare a mailbox that receives nothing, and nobody logs into, until it is activated."""
        return self._ask(["request", *options])

    def set(self, address: str, *options: str) -> Answer:
        """Change details; what no option names stays."""
        return self._ask(["set", address, *options])

    def show(self, address: str) -> Answer:
        return self._ask(["show", address])

    def passwd(self, address: str, password: str | None = None) -> Answer:
        return self._with_password(["passwd", address], password)

    def move(self, verb: str, address: str, password: str | None = None) -> Answer:
        """`verb` is suspend, activate, close or restore; a mailbox that opens anew gets a password."""
        return self._with_password([verb, address], password)

    def suspend(self, address: str) -> Answer:
        return self.move("suspend", address)

    def list(self, state: str = "", domain: str = "", *, count: bool = False) -> Answer:
        """The mailboxes; or only how many there are, in `facts["counts"]`."""
        return self._ask(["list", f"--state={state}", f"--domain={domain}", *(["--count"] if count else [])])

    def open_probe(self, address: str, password: str, kind: str = "APP") -> Answer:
        """A mailbox for verification, open and with this password, whether it was there before or not.

        One that a verification closed and, being cut, left closed is led back.
        """
        try:
            added = self.add(
                address, f"--type={kind}", "--description=Verification of this operator", password=password
            )
        except MailboxError as refused:
            if "mailbox restore" not in str(refused):
                raise
            return self.move("restore", address, password)
        if added.result == "added":
            return added
        self.move("activate", address, password)
        return self.passwd(address, password)

    def ask_import(self, option: str, roster: bytes, on_text: OnText) -> dict[str, Any]:
        """The host's `mailbox import` with a list of staff; what it says: `vaguemestre.host.mailboxes.importing`."""
        ran = self._run(["import", option], roster, on_text)
        lines = ran.stdout.splitlines()
        said = _said(replace(ran, stdout=lines[-1] if lines else b""))
        if said.get("result") in (None, "failed"):
            _answer(self.host.name, replace(ran, stdout=json.dumps(said).encode()))
        return said

    def _with_password(self, arguments: Sequence[str], password: str | None) -> Answer:
        if password is None:
            return self._ask(arguments)
        return self._ask([*arguments, "--password-stdin"], f"{password}\n".encode())

    def _ask(self, arguments: Sequence[str], stdin: bytes = b"") -> Answer:
        return _answer(self.host.name, self._run(arguments, stdin))

    def _run(self, arguments: Sequence[str], stdin: bytes, on_text: OnText = silent) -> Ran:
        name = self.host.name
        ran = pyinfra.run(self.fleet, (name,), self._command(arguments), stdin, on_text=on_text)[name]
        if isinstance(ran, Failure):
            reached = ran.trouble is Trouble.FAILED
            raise MailboxError(ran.message, Exit.FAILED if reached else Exit.UNREACHABLE)
        return ran

    def _command(self, arguments: Sequence[str]) -> str:
        sudo = () if target(self.fleet, self.operator, self.host).user == "root" else ("sudo", "-n")
        return shlex.join((*sudo, "/usr/bin/python3", runtime.PATH, "mailbox", *arguments))


def serving(fleet: Fleet, address: str) -> Mailboxes:
    """Who holds the mailboxes of the address's domain; of one that moves, the stack that is in charge of it now.

    Raises:
        MailboxError: no operator of the inventory serves that domain.
    """
    domain = address.rpartition("@")[2].lower()
    served = {one.name: boxes for boxes in holders(fleet) for e in _served(boxes) for one in e.domains}
    for one in (
        one for one in fleet.establishments if one.moving_from and domain in {each.name for each in one.domains}
    ):
        from vaguemestre.moving.stacks import in_charge

        stack = in_charge(fleet, one, domain)
        return Mailboxes(fleet, stack.operator, stack.host)
    if domain not in served:
        known = ", ".join(sorted(served)) or "none"
        raise MailboxError(
            f"{address}: no operator of {fleet.root} serves {domain or 'an address without @'}\n    served: {known}",
            Exit.INVALID,
        )
    return served[domain]


def holders(fleet: Fleet) -> tuple[Mailboxes, ...]:
    """Every host that keeps mailboxes, in rollout order; replicas of a directory only follow."""
    return tuple(Mailboxes(fleet, one, host) for one, host in fleet.hosts() if host in one.providers)


def _served(boxes: Mailboxes) -> tuple[Establishment, ...]:
    return boxes.fleet.served_by(boxes.operator)


def _answer(host: str, ran: Ran) -> Answer:
    said = _said(ran)
    match said.get("result"):
        case "refused":
            raise MailboxError(str(said["message"]), Exit.INVALID)
        case "failed":
            raise MailboxError(f"{host}: {said['message']}", Exit.FAILED)
        case None:
            words = ran.stderr.decode(errors="replace").strip()
            raise MailboxError(
                f"{host}: the mailbox command did not run: {words}\n    is it provisioned? vaguemestre apply {host}",
                Exit.FAILED,
            )
    found = said.get("mailboxes") or ([said["mailbox"]] if "mailbox" in said else [])
    facts = {name: value for name, value in said.items() if name not in ("result", "mailbox", "mailboxes", "password")}
    return Answer(str(said["result"]), tuple(map(_mailbox, found)), said.get("password"), facts)


def _said(ran: Ran) -> dict[str, Any]:
    try:
        return dict(json.loads(ran.stdout))
    except ValueError:
        return {}


def _mailbox(plain: dict[str, Any]) -> Mailbox:
    """A host may run a newer kit and know more of a mailbox than we do. JSON has lists where values have tuples."""
    known = {one.name for one in fields(Mailbox)}
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in plain.items()}
    return Mailbox(**{name: value for name, value in values.items() if name in known})
