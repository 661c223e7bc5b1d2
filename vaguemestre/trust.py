"""The trust space from the controller: each host's own verb `trust` is asked, all chosen hosts side by side.

What is held, believed and held back is decided on the hosts (`vaguemestre.host.trust`); here are only the questions.
"""

from __future__ import annotations

import getpass
import json
import shlex
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vaguemestre import runtime
from vaguemestre.engines import pyinfra
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.targets import SelectionError, select
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet, RoleName

Said = dict[str, Any]
"""A host's answer; see `vaguemestre.host.trust.views` and `admin`."""

_WORST_FIRST = (Exit.FAILED, Exit.UNREACHABLE, Exit.INVALID, Exit.CHANGES)
_CODES = {  # by `result`; what is not here is Exit.OK
    "refused": Exit.INVALID,
    "failed": Exit.FAILED,
    "not_listed": Exit.FAILED,
    "different": Exit.CHANGES,
    "quarantined": Exit.CHANGES,
}


class TrustError(VaguemestreError):
    """There is nobody to ask, or what waits on the hosts is not one and the same list."""

    def __init__(self, message: str, exit_code: Exit = Exit.INVALID) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Answers:
    """What each host said, and those that could not be asked with the reason."""

    said: dict[str, Said]
    away: dict[str, Failure]

    @property
    def code(self) -> Exit:
        """Of all of them the worst: failed, unreachable, refused, something waits or is alarming."""
        codes = {*map(_code, self.said.values()), *map(_failure, self.away.values())}
        return next((one for one in _WORST_FIRST if one in codes), Exit.OK)

    def plain(self) -> dict[str, Said]:
        """By host, for other programs; a host that is away has result "unreachable"."""
        away = {name: {"result": "unreachable", "message": one.message} for name, one in self.away.items()}
        return {**self.said, **away}


def ask(fleet: Fleet, names: Sequence[str], arguments: Sequence[str], stdin: bytes = b"") -> Answers:
    """The verb with these arguments on each chosen host that holds the role trust.

    Raises:
        TrustError, SelectionError: there is none among them.
    """
    chosen = tuple(host.name for _, host in select(fleet, names) if host.has(RoleName.TRUST))
    if not chosen:
        raise TrustError(f"{', '.join(names) or fleet.root}: no host of these has the role trust")
    said: dict[str, Said] = {}
    away: dict[str, Failure] = {}
    for name, ran in pyinfra.run(fleet, chosen, _command(arguments), stdin).items():
        if isinstance(ran, Failure):
            away[name] = ran
        else:
            said[name] = _said(name, ran)
    return Answers(said, away)


def approve(fleet: Fleet, names: Sequence[str], digest: str) -> Answers:
    """Put the quarantined list with this digest in force, in the name of whoever calls."""
    return ask(fleet, names, ["approve", digest, f"--by={getpass.getuser()}@{socket.gethostname()}"])


def waiting(answers: Answers) -> tuple[str, tuple[str, ...]]:
    """The one list that waits, by its digest, and on which hosts; of answers to `diff`.

    Raises:
        TrustError: none waits, or not the same one everywhere, or nobody could say.
    """
    digests = {name: one["quarantine"]["digest"] for name, one in answers.said.items() if one["result"] == "different"}
    if not digests:
        unknown = [one["message"] for one in answers.plain().values() if "message" in one]
        raise TrustError("\n".join(unknown) or "no list waits for approval", answers.code or Exit.INVALID)
    if len(set(digests.values())) > 1:
        each = "\n".join(f"    {name}: {digest[:16]}" for name, digest in digests.items())
        raise TrustError(f"not the same list waits on all of these hosts; name one by --digest\n{each}")
    return next(iter(digests.values())), tuple(digests)


def alike(said: Iterable[tuple[str, Said]]) -> list[tuple[list[str], Said]]:
    """Hosts that say the same, together, so that a person reads it once."""
    groups: list[tuple[list[str], Said]] = []
    for name, one in said:
        known = next((hosts for hosts, other in groups if other == one), None)
        if known is None:
            groups.append(([name], one))
        else:
            known.append(name)
    return groups


def _command(arguments: Sequence[str]) -> str:
    """As root: the verb drops to its own account. Hosts are entered as root or as the kit's user, who may sudo."""
    verb = shlex.join(("/usr/bin/python3", runtime.PATH, "trust", *arguments, "--json"))
    return f'if [ "$(id -u)" = 0 ]; then {verb}; else sudo -n {verb}; fi'


def _said(host: str, ran: Ran) -> Said:
    try:
        said = dict(json.loads(ran.stdout))
        str(said["result"])
    except (ValueError, KeyError, TypeError):
        words = ran.stderr.decode(errors="replace").strip()
        message = f"the verb trust did not run: {words}\n    is it provisioned? vaguemestre apply {host}"
        return {"result": "failed", "message": message}
    return said


def _code(said: Said) -> Exit:
    if said["result"] == "shown":
        return Exit.CHANGES if said["alarms"] else Exit.OK
    if said["result"] == "refreshed":
        return Exit.FAILED if said["failing"] else Exit.OK
    return _CODES.get(said["result"], Exit.OK)


def _failure(failure: Failure) -> Exit:
    return Exit.FAILED if failure.trouble is Trouble.FAILED else Exit.UNREACHABLE


__all__ = ["Answers", "Said", "SelectionError", "TrustError", "alike", "approve", "ask", "waiting"]
