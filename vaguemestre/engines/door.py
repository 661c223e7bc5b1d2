"""Open connections with chosen hosts, and the activator asked through them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from vaguemestre.engines import contact, wire
from vaguemestre.engines.answer import Outcome as Outcome
from vaguemestre.engines.answer import answer
from vaguemestre.engines.parcel import Parcel, pack
from vaguemestre.engines.sessions import Command, Failure, OnText, Ran, Sessions
from vaguemestre.engines.targets import SelectionError, Target, select, target
from vaguemestre.establishment import Fleet
from vaguemestre.release import Release

_CONTAINER = re.compile(r"(podman|docker)/[A-Za-z0-9][A-Za-z0-9_.-]*")


def silent(host: str, text: str) -> None:
    """An `OnText` that keeps what happens to itself."""


class Hosts:
    """Open connections with some hosts, and the activator asked through them."""

    def __init__(self, sessions: Sessions, targets: Mapping[str, Target], on_text: OnText = silent) -> None:
        self._sessions = sessions
        self.targets = targets
        self._on_text = on_text

    def ask(self, verb: str, inputs: Mapping[str, bytes], *arguments: str) -> dict[str, Outcome]:
        """One verb of the activator on each host of `inputs`, which gives its standard input."""
        commands = {
            name: Command(wire.command(verb, *arguments, sudo=self.targets[name].user != "root"), stdin)
            for name, stdin in inputs.items()
        }
        ran = self._sessions.run(commands, self._on_line)
        return {name: answer(name, one) for name, one in ran.items()}

    def prepare(self, releases: Mapping[str, Release]) -> dict[str, tuple[str, ...] | Failure]:
        """First contact with bare hosts; of the release only what is needed for it is put there."""
        if not releases:
            return {}
        wanted = {name: contact.wanted(self.targets[name], release) for name, release in releases.items()}
        return self._sessions.bootstrap(wanted, self._on_text)

    def run(self, command: Command) -> dict[str, Ran | Failure]:
        """A command on each host; what it says in the manner of the activator's steps is passed on."""
        return self._sessions.run(dict.fromkeys(self.targets, command), self._on_line)

    def _on_line(self, host: str, line: str) -> None:
        if (event := wire.event_of(line)) and event["event"] == "step":
            self._on_text(host, event["text"])


class Door(Hosts):
    """Open connections with the chosen hosts of a fleet, and what each of them must be."""

    def __init__(self, fleet: Fleet, sessions: Sessions, targets: Mapping[str, Target], on_text: OnText) -> None:
        super().__init__(sessions, targets, on_text)
        self._fleet = fleet

    def parcels(self) -> dict[str, Parcel]:
        """What each host is sent; made while the connections are being opened.

        Raises:
            VaguemestreError: a release, a secret or a certificate is wrong: nothing has been tried on any host.
        """
        return {host.name: pack(self._fleet, one, host) for one, host in select(self._fleet, tuple(self.targets))}


@contextmanager
def connected(targets: Mapping[str, Target], on_text: OnText = silent) -> Iterator[Hosts]:
    """Start connecting to these hosts; no inventory is asked."""
    with Sessions() as sessions:
        sessions.open(tuple(targets.values()))
        yield Hosts(sessions, targets, on_text)


@contextmanager
def door(
    fleet: Fleet,
    names: Sequence[str] = (),
    on_text: OnText = silent,
    sessions: Sessions | None = None,
    container: str | None = None,
) -> Iterator[Door]:
    """Start connecting to the chosen hosts, through `sessions` when the caller has started them already.

    Raises:
        SelectionError: a name is unknown, or several hosts are to be one container.
    """
    targets = {host.name: target(fleet, one, host) for one, host in select(fleet, names)}
    if container:
        targets = {name: replace(one, container=container) for name, one in targets.items()}
        if len(targets) > 1 or not _CONTAINER.fullmatch(container):
            raise SelectionError(
                f"{container}: a container is one host\n"
                f"    name it as podman/NAME or docker/NAME, and one host of {', '.join(targets)}"
            )
    with nullcontext(sessions) if sessions else Sessions() as opened:
        opened.open(tuple(targets.values()))
        yield Door(fleet, opened, targets, on_text)
