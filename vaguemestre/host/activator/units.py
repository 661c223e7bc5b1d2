"""What systemd says of units, in as few of its words as will do.

`systemctl show` works out every property of a unit, whichever is asked for: 4 ms of CPU each, in systemd itself. Its
two lists take that for ten units, tell nearly all there is to know, and `show` is left for what they do not make plain.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vaguemestre.host.activator.commands import start
from vaguemestre.host.activator.facts import UnitState

_SHOWN = ("LoadState", "ActiveState", "UnitFileState", "Type", "Result", "NeedDaemonReload")
_MASKED = ("masked", "masked-runtime")
_OFF = ("disabled", *_MASKED, "bad")
_UNPLAIN = ("", "alias")
"""States of a unit's file that say nothing of the unit: there is no such file, or it is another's."""

_TABLE = ("--plain", "--no-legend", "--no-pager", "--full")


def states(names: Iterable[str]) -> dict[str, UnitState]:
    """All that `systemctl show` tells of these units; one that is not known is absent."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    blocks = _said(start("systemctl", "show", "-p", ",".join(_SHOWN), "--", *wanted)).strip("\n").split("\n\n")
    shown = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks)
    return {  # in the order asked, one block a unit
        name: _state(one)
        for name, one in zip(wanted, shown, strict=False)
        if one.get("LoadState") != "not-found" or one.get("ActiveState") != "inactive"
    }


def _state(shown: Mapping[str, str]) -> UnitState:
    idle = shown["ActiveState"] == "inactive" and shown.get("Result") == "success"
    return UnitState(
        active=shown["ActiveState"],
        enabled=shown.get("UnitFileState") not in _OFF,
        masked=shown.get("LoadState") == "masked",
        passive=idle and shown.get("Type") == "oneshot",
        outdated=shown.get("NeedDaemonReload") == "yes",
    )


@dataclass(frozen=True)
class Loaded:
    """A line of `systemctl list-units`."""

    load: str
    active: str


class Survey:
    """Both lists, asked for at once; they are ready when the caller has done what else there is to do."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        self._units = start("systemctl", "list-units", "--all", *_TABLE)
        # "--root=/": from the disk, where systemd would look too, and by this program instead of by it.
        self._files = (
            start("systemctl", "--root=/", "list-unit-files", *_TABLE, "--", *self._names) if self._names else None
        )

    def told(self) -> tuple[dict[str, UnitState], tuple[str, ...]]:
        """The states of the units, without `outdated`, as `states` would give them; and all of the host's units that
        have failed, ours or not.
        """
        units = loaded(_said(self._units))
        files = _files(_said(self._files)) if self._files else {}
        found = {name: plain(units.get(name), files.get(name, "")) for name in self._names}
        rest = states(name for name, state in found.items() if state is None)
        failed = tuple(name for name, one in units.items() if one.active == "failed")
        return {**{name: state for name, state in found.items() if state}, **rest}, failed


def loaded(said: str) -> dict[str, Loaded]:
    """Unit -> its line."""
    rows = (line.split(None, 3) for line in said.splitlines() if line.strip())
    return {name: Loaded(load, active) for name, load, active, _ in rows}


def plain(unit: Loaded | None, file: str) -> UnitState | None:
    """What the line of a unit and the state of its file (systemctl(1), is-enabled) make plain; None: nothing is."""
    if file in _MASKED and (unit is None or (unit.load, unit.active) == ("masked", "inactive")):
        return UnitState("inactive", masked=True)
    if unit is None or file in (*_UNPLAIN, *_MASKED) or (unit.load, unit.active) != ("loaded", "active"):
        return None
    return UnitState("active", enabled=file not in _OFF)


def _files(said: str) -> dict[str, str]:
    return {name: state for name, state, *_ in (line.split() for line in said.splitlines() if line.strip())}


def _said(process: subprocess.Popen[bytes]) -> str:
    return process.communicate()[0].decode(errors="replace")
