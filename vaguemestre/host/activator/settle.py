"""Bringing units to what is on the disk, and making sure that they serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from vaguemestre.host.activator.facts import UnitState
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.plan import Change, digests
from vaguemestre.host.activator.probe import prove
from vaguemestre.host.activator.store import Store
from vaguemestre.release import Release, Unit

_COMING_UP = 60.0  # seconds a unit may take to become active after systemd has said that it was started
_SECOND_LOOK = 1.5  # seconds: a master that dies of its new configuration does so within one
_AGAIN = 0.2

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settler:
    """Acts on one machine, notes in one store, tells `say`."""

    machine: Machine
    store: Store
    say: Say
    began: float = field(default_factory=time.time)

    def leave(self, todo: Iterable[Change], live: Release | None) -> None:
        """Stop and disable units that are no longer named, before the files they read go."""
        masks = {unit.name for unit in live.units if unit.masked} if live else set()
        for change in todo:
            if change.kind == "unit" and change.action == "remove":
                self.say(f"{change.key}: leaving")
                if change.key in masks:
                    self.machine.unmask(change.key)
                else:
                    self.machine.stop(change.key)
                    self.machine.disable(change.key)

    def unsettle(self, names: Iterable[str]) -> None:
        """Forget what these units settled with: until they settle again, they are to be restarted."""
        gone = set(names)
        self.store.set_settled({name: noted for name, noted in self.store.settled().items() if name not in gone})

    def settle(self, release: Release, todo: Iterable[Change], *, doubt: bool = False) -> None:
        """Do what `todo` says of the release's units, in their order, and look at all of them once more; with `doubt`
        even if there was nothing to do.

        Raises:
            ActivationError: a unit does not come up or does not serve, with its own words.
        """
        due = _due(release, todo)
        for unit, actions in due:
            self._settle(unit, actions, release)
        if due or doubt:
            self._look_again(release)

    def settle_each(self, release: Release, todo: Iterable[Change]) -> list[str]:
        """As `settle`, but one unit in trouble does not keep the next from its turn; all the troubles."""
        troubles = []
        for unit, actions in _due(release, todo):
            try:
                self._settle(unit, actions, release)
            except ActivationError as error:
                troubles.append(str(error))
        return troubles

    def _settle(self, unit: Unit, actions: list[str], release: Release) -> None:
        for action in actions:
            self.say(f"{unit.name}: {action}")
            self._act(unit.name, action)
        if unit.masked:
            return
        self._await(unit.name)
        prove(unit)
        self.store.set_settled({**self.store.settled(), unit.name: digests(unit, release)})

    def _act(self, name: str, action: str) -> None:
        if action == "mask":
            self.machine.mask(name)
        elif action == "enable":
            self.machine.unmask(name)
            self.machine.enable(name)
        else:
            try:
                self.machine.act(name, action)
            except ActivationError as failure:
                raise self._trouble(name, str(failure)) from failure

    def _await(self, name: str) -> None:
        deadline = time.monotonic() + _COMING_UP
        while not _well(state := self._state(name)):
            if state.active not in ("activating", "reloading", "deactivating") or time.monotonic() > deadline:
                raise self._trouble(name, f"{name} is {state.active}")
            self.machine.pause(_AGAIN)

    def _look_again(self, release: Release) -> None:
        """A reload that succeeded proves nothing: some daemons die of it a second later."""
        self.machine.pause(_SECOND_LOOK)
        units = [unit for unit in release.units if not unit.masked]
        states = self.machine.states(unit.name for unit in units)
        for unit in units:
            state = states.get(unit.name, UnitState())
            if not _well(state):
                self.unsettle([unit.name])
                raise self._trouble(unit.name, f"{unit.name} came up and is now {state.active}")
            prove(unit)

    def _state(self, name: str) -> UnitState:
        return self.machine.states([name]).get(name, UnitState())

    def _trouble(self, name: str, what: str) -> ActivationError:
        words = self.machine.words(name, self.began)
        return ActivationError("settle", f"{what}\n{words}" if words else what)

    def withdraw(self, name: str, was: Mapping[str, bool]) -> None:
        """Stop a unit that only the failed release wanted, while its files are still there."""
        state = self._state(name)
        if state.masked and not was["masked"]:
            self.machine.unmask(name)
        if state.active != "inactive" and not was["running"]:  # also one that failed, or is to be tried again
            self.machine.stop(name)
        if state.enabled and not was["enabled"] and not state.masked:
            self.machine.disable(name)

    def resume(self, name: str, was: Mapping[str, bool]) -> None:
        """Restart a unit that ran before the failed release and belongs to no other: it may have read its files."""
        if was["masked"]:
            self.machine.mask(name)
        elif was["running"]:
            self.machine.act(name, "restart")


def _due(release: Release, todo: Iterable[Change]) -> list[tuple[Unit, list[str]]]:
    """The units that have something to do, in the order of the release."""
    actions: dict[str, list[str]] = {}
    for change in todo:
        if change.kind == "unit" and change.action != "remove":
            actions.setdefault(change.key, []).append(change.action)
    return [(unit, actions[unit.name]) for unit in release.units if unit.name in actions]


def _well(state: UnitState) -> bool:
    return state.running or state.passive
