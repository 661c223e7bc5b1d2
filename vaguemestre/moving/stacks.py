"""The two ends of a move, and what each is asked: the host's verb `moving`, over the pyinfra door."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from typing import Any

from vaguemestre import runtime
from vaguemestre.engines import pyinfra
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.targets import Target, target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, Host, Mode

Said = dict[str, Any]


class MoveError(VaguemestreError):
    """The move cannot begin, or a step of it failed; the text says how things stand and what to do."""

    def __init__(self, message: str, exit_code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Stack:
    """The host of an operator on which mailboxes are kept; every method is one round trip.

    `ssh` are the words that begin a session over a connection that is open (`carrying`); without, one is made.

    Raises:
        MoveError: refused, failed, or the host could not be reached.
    """

    fleet: Fleet
    operator: Establishment
    host: Host
    ssh: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def way(self) -> Target:
        return target(self.fleet, self.operator, self.host)

    @property
    def sudo(self) -> tuple[str, ...]:
        return () if self.way.user == "root" else ("sudo", "-n")

    def ask(self, command: str, domain: str = "", given: object = None, **options: float) -> Said:
        """One command of the verb; `given` travels as JSON on its standard input."""
        argv = [*self.sudo, "/usr/bin/python3", "-I", runtime.PATH, "moving", command, *([domain] if domain else [])]
        argv += [f"--{name}={value}" for name, value in options.items()]
        stdin = b"" if given is None else json.dumps(given).encode()
        if self.ssh:
            done = subprocess.run([*self.ssh, shlex.join(argv)], input=stdin, capture_output=True, check=False)
            if done.returncode == _NO_SESSION:
                raise MoveError(f"{self.name}: {done.stderr.decode(errors='replace').strip()}", Exit.UNREACHABLE)
            return self._understood(done.stdout, done.stderr)
        ran = pyinfra.run(self.fleet, (self.name,), shlex.join(argv), stdin)[self.name]
        if isinstance(ran, Failure):
            failed = ran.trouble is Trouble.FAILED
            raise MoveError(ran.message, Exit.FAILED if failed else Exit.UNREACHABLE)
        return self._understood(ran.stdout, ran.stderr)

    def _understood(self, stdout: bytes, stderr: bytes) -> Said:
        try:
            said: Said = json.loads(stdout)
        except ValueError:
            words = stderr.decode(errors="replace").strip()[-400:]
            raise MoveError(f"{self.name}: the command `moving` did not run: {words}\n    {_APPLY}") from None
        if said["result"] in ("refused", "failed"):
            raise MoveError(f"{self.name}: {said['message']}")
        return said


_NO_SESSION = 255  # ssh(1): its own trouble, not the command's
_APPLY = "is the host at this inventory's release? vaguemestre apply"


@dataclass(frozen=True)
class Pair:
    """Who moves, from where, to where."""

    establishment: Establishment
    source: Stack
    target: Stack

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(domain.name for domain in self.establishment.domains)


def pair(fleet: Fleet, slug: str) -> Pair:
    """Both ends, as the inventory says.

    Raises:
        MoveError: there is no such establishment, or it does not move.
    """
    by_slug = {one.slug: one for one in fleet.establishments}
    if slug not in by_slug:
        raise MoveError(f"there is no establishment {slug}\n    there are: {', '.join(by_slug)}", Exit.INVALID)
    one = by_slug[slug]
    if one.moving_from is None:
        raise MoveError(f"{slug} does not move: its file says no `moving_from:`\n    {_HOW}", Exit.INVALID)
    after = one if one.mode is Mode.OPERATOR else by_slug[one.operator or ""]
    return Pair(one, _stack(fleet, by_slug[one.moving_from]), _stack(fleet, after))


def in_charge(fleet: Fleet, one: Establishment, domain: str) -> Stack:
    """The stack that has a domain on the move now; the source, while neither has.

    Raises:
        MoveError: the target cannot be asked.
    """
    both = pair(fleet, one.slug)
    return both.target if both.target.ask("show")["domains"][domain]["here"] else both.source


_HOW = "write there what it is to be (mode, operator or hosts), and in moving_from: whose stack has its mailboxes now"


def _stack(fleet: Fleet, operator: Establishment) -> Stack:
    kept = [host for host in operator.providers if host in operator.mail_hosts]
    if len(kept) != 1:
        raise MoveError(f"{operator.slug} has no host with mailboxes and mail", Exit.INVALID)
    return Stack(fleet, operator, kept[0])
