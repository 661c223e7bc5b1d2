"""What can be known of a host beside its files: its units, its packages, its accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from vaguemestre.release import Account


@dataclass(frozen=True)
class UnitState:
    """A unit as systemd sees it. `passive`: a oneshot that has nothing left to run and did not fail; `outdated`: its
    definition on the disk is newer than the one that systemd knows.
    """

    active: str = "inactive"
    enabled: bool = False
    masked: bool = False
    passive: bool = False
    outdated: bool = False

    @property
    def running(self) -> bool:
        return self.active in ("active", "reloading", "refreshing")


@dataclass(frozen=True)
class Facts:
    """What `Machine.survey` found; a package that is not (wholly) installed and an unknown unit are absent. `failed`:
    all of the host's units that have.
    """

    packages: Mapping[str, str]
    units: Mapping[str, UnitState]
    failed: tuple[str, ...] = ()


class Known(Protocol):
    """Who can be asked for it: `Machine`, and what the crash tests put in its place."""

    def survey(self, packages: Iterable[str], units: Iterable[str]) -> Callable[[], Facts]:
        """Ask for the state of these packages and units; what is given waits for the answer."""

    def user(self, name: str) -> int | None:
        """The uid of an account, or None when there is no such account."""

    def group(self, name: str) -> int | None:
        """The gid of a group, or None when there is no such group."""

    def account(self, name: str) -> Account | None:
        """The account as it is, with its supplementary groups."""
