"""A host's own verb asked from the controller, on all chosen hosts side by side; what it says is one JSON object."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from vaguemestre import runtime
from vaguemestre.engines import pyinfra
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.targets import select
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet, RoleName

Said = dict[str, Any]
"""A host's answer; `result` is always in it."""

_WORST_FIRST = (Exit.FAILED, Exit.UNREACHABLE, Exit.INVALID, Exit.CHANGES)


class NobodyError(VaguemestreError):
    """There is nobody to ask."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Verb:
    """A verb of the hosts' program, and the role of the hosts that can answer it."""

    name: str
    role: RoleName


@dataclass(frozen=True)
class Answers:
    """What each host said, and those that could not be asked with the reason."""

    said: dict[str, Said]
    away: dict[str, Failure]

    codes: ClassVar[dict[str, Exit]] = {"refused": Exit.INVALID, "failed": Exit.FAILED}
    """By `result`; what is not here is Exit.OK."""

    @property
    def code(self) -> Exit:
        """Of all of them the worst: failed, unreachable, refused, something waits or is alarming."""
        codes = {*map(self.judged, self.said.values()), *map(_failure, self.away.values())}
        return next((one for one in _WORST_FIRST if one in codes), Exit.OK)

    def judged(self, said: Said) -> Exit:
        """The exit code of one answer."""
        return self.codes.get(said["result"], Exit.OK)

    def plain(self) -> dict[str, Said]:
        """By host, for other programs; a host that is away has result "unreachable"."""
        away = {name: {"result": "unreachable", "message": one.message} for name, one in self.away.items()}
        return {**self.said, **away}


def ask(
    verb: Verb, fleet: Fleet, names: Sequence[str], arguments: Sequence[str], stdin: bytes = b""
) -> tuple[dict[str, Said], dict[str, Failure]]:
    """The verb with these arguments on each chosen host that holds its role: what was said, and who was away.

    Raises:
        NobodyError, SelectionError: there is none among them.
    """
    chosen = tuple(host.name for _, host in select(fleet, names) if host.has(verb.role))
    if not chosen:
        raise NobodyError(f"{', '.join(names) or fleet.root}: no host of these has the role {verb.role}")
    said: dict[str, Said] = {}
    away: dict[str, Failure] = {}
    for name, ran in pyinfra.run(fleet, chosen, command(verb, arguments), stdin).items():
        if isinstance(ran, Failure):
            away[name] = ran
        else:
            said[name] = answer(verb, name, ran)
    return said, away


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


def command(verb: Verb, arguments: Sequence[str]) -> str:
    """As root: the verb drops to its own account. Hosts are entered as root or as the kit's user, who may sudo."""
    words = shlex.join(("/usr/bin/python3", runtime.PATH, verb.name, *arguments, "--json"))
    return f'if [ "$(id -u)" = 0 ]; then {words}; else sudo -n {words}; fi'


def answer(verb: Verb, host: str, ran: Ran) -> Said:
    """What a host printed, read; a verb that did not run has failed."""
    try:
        said = dict(json.loads(ran.stdout))
        str(said["result"])
    except (ValueError, KeyError, TypeError):
        words = ran.stderr.decode(errors="replace").strip()
        message = f"the verb {verb.name} did not run: {words}\n    is it provisioned? vaguemestre apply {host}"
        return {"result": "failed", "message": message}
    return said


def _failure(failure: Failure) -> Exit:
    return Exit.FAILED if failure.trouble is Trouble.FAILED else Exit.UNREACHABLE
