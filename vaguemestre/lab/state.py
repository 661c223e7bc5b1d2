"""What is known of an instance between two commands, kept in its state directory."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from vaguemestre.lab.plan import Guest, Plan


@dataclass(frozen=True)
class State:
    """A lab that is up: where it is, and with what to reach it.

    Guests have their real addresses; `part` is the plan's.
    """

    name: str
    network: IPv4Network
    gateway: IPv4Address
    world: IPv4Address
    outside: IPv4Address
    resolver: IPv4Address
    apt_proxy: str
    ssh_key: Path
    known_hosts: Path
    secrets: Path
    anchors: Path
    authority: Path
    guests: tuple[Guest, ...]
    part: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placement:
    """A plan as it was asked for, and the network it was given."""

    asked: Plan
    network: IPv4Network

    @property
    def plan(self) -> Plan:
        """The plan as it is built."""
        return self.asked.moved(self.network)


@dataclass(frozen=True)
class GuestStatus:
    """One host as it is now: `container` as the engine sees it, `ssh` whether sshd greets."""

    name: str
    address: IPv4Address
    container: Literal["running", "stopped", "absent"]
    ssh: bool


_STATE = TypeAdapter(State)
_PLACEMENT = TypeAdapter(Placement)


def save_state(path: Path, state: State) -> None:
    """Write the state, whole or not at all."""
    _replace(path, _STATE.dump_json(state, indent=2))


def load_state(path: Path) -> State | None:
    """The state written last, or None. Raises ValueError when the file is spoilt."""
    return _STATE.validate_json(path.read_bytes()) if path.exists() else None


def save_placement(path: Path, placement: Placement) -> None:
    """Write what is about to be built, so that what a crash leaves behind has a name."""
    _replace(path, _PLACEMENT.dump_json(placement, indent=2))


def load_placement(path: Path) -> Placement | None:
    """The placement written last, or None. Raises ValueError when the file is spoilt."""
    return _PLACEMENT.validate_json(path.read_bytes()) if path.exists() else None


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(content + b"\n")
    draft.chmod(0o600)
    draft.replace(path)
