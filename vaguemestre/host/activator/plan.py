"""What has to change: a pure function of the release wanted, the one that is live, and what was observed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from vaguemestre.host.activator.facts import UnitState
from vaguemestre.host.activator.observe import Observed, Placed, Seen, placed
from vaguemestre.release import Account, Directory, File, Release, Unit

SETTLING = ("start", "reload", "restart")
"""The actions after which a unit runs what is on the disk."""

Kind = Literal["package", "account", "directory", "file", "credential", "unit"]


@dataclass(frozen=True)
class Change:
    """One thing to do.

    `action` is install (package); create, update (account, file, credential); create, mode, remove (directory);
    mode, remove (file, credential); enable, mask, start, reload, restart, remove (unit). `diff` is a unified diff of
    a text file whose content changes and may be shown, else None.
    """

    kind: Kind
    key: str
    action: str
    diff: str | None = None


def changes(wanted: Release, live: Release | None, seen: Observed) -> tuple[Change, ...]:
    """Everything that keeps the host from being `wanted`, in the order in which it will be done."""
    files = [*_files(wanted, seen), *_gone(wanted, live, seen)]
    written = {change.key for change in files if change.kind in ("file", "credential") and change.action != "mode"}
    made = {change.key for change in files if change.kind == "file" and change.action == "create"}
    return (
        *(Change("package", one.name, "install") for one in wanted.packages if one.name not in seen.packages),
        *_accounts(wanted, seen),
        *files,
        *_leaving(wanted, live, seen),
        *(change for unit in wanted.units for change in _unit(unit, wanted, seen, written, made)),
    )


def staying(wanted: Release, live: Release | None) -> list[str]:
    """What no change takes back though it is no longer named, as sentences."""
    if live is None:
        return []
    packages = sorted({one.name for one in live.packages} - {one.name for one in wanted.packages})
    accounts = sorted({one.name for one in live.accounts} - {one.name for one in wanted.accounts})
    kinds = (("packages", packages), ("accounts", accounts))
    return [f"{kind} that are no longer named stay on the host: {', '.join(names)}" for kind, names in kinds if names]


def digests(unit: Unit, release: Release) -> dict[str, str]:
    """What a unit settles with: digests of all its inputs, and of those that ask for a restart."""
    paths = reads(unit)
    content = {file.path: file.digest for file in release.files if file.path in paths}
    content |= {one.path: one.version for one in release.credentials}
    every, restart = sorted(paths), sorted(unit.restart_on)
    return {"inputs": _digest(every, content), "restart": _digest(restart, content)}


def reads(unit: Unit) -> frozenset[str]:
    """Every path a unit reads."""
    return frozenset((*unit.inputs, *unit.restart_on))


def _digest(paths: list[str], content: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{path}\0{content[path]}\n" for path in paths).encode()).hexdigest()


def _accounts(wanted: Release, seen: Observed) -> Iterator[Change]:
    for account in wanted.accounts:
        found = seen.accounts.get(account.name)
        if found is None:
            yield Change("account", account.name, "create")
        elif not _same_account(account, found):
            yield Change("account", account.name, "update")


def _same_account(account: Account, found: Account) -> bool:
    return (account.home, account.shell) == (found.home, found.shell) and set(account.groups) <= set(found.groups)


def _files(wanted: Release, seen: Observed) -> Iterator[Change]:
    for directory in wanted.directories:
        if action := _action(directory, True, seen):
            yield Change("directory", directory.path, action)
    for file in wanted.files:
        found = seen.paths.get(file.path)
        same = found is not None and found.digest == file.digest
        if action := _action(file, same, seen):
            yield Change("file", file.path, action, None if action == "mode" else _diff(file, found))
    for one in wanted.credentials:
        found = seen.paths.get(one.path)
        same = found is not None and (found.digest or "").startswith(one.version)
        if action := _action(one, same, seen):
            yield Change("credential", one.path, action)


def _action(item: Placed, same: bool, seen: Observed) -> str | None:
    found = seen.paths.get(item.path)
    if found is None:
        return "create"
    if not same or found.look.kind != ("directory" if isinstance(item, Directory) else "file"):
        return "update"
    owner = (seen.users.get(item.owner), seen.groups.get(item.group))
    return None if (found.look.mode, found.look.uid, found.look.gid) == (item.mode, *owner) else "mode"


def _gone(wanted: Release, live: Release | None, seen: Observed) -> Iterator[Change]:
    """What the live release named and the wanted one does not: files, then their directories if nothing else is in."""
    if live is None:
        return
    kept = {item.path for item in placed(wanted)}
    removed = {path for path in seen.paths if path not in kept}
    for kind, items in (("file", live.files), ("credential", live.credentials)):
        yield from (Change(kind, item.path, "remove") for item in items if item.path in removed)  # type: ignore[arg-type]
    for directory in reversed(live.directories):
        if directory.path in removed:
            if {f"{directory.path}/{name}" for name in seen.paths[directory.path].names} <= removed:
                yield Change("directory", directory.path, "remove")
            else:
                removed.discard(directory.path)


def _diff(file: File, found: Seen | None) -> str | None:
    if found is not None and found.look.kind == "file" and found.content is None:
        return None
    try:
        before = (found.content or b"").decode() if found else ""
        after = file.content.decode()
    except UnicodeDecodeError:
        return None
    from difflib import unified_diff  # here, because a host without changes never needs it

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = unified_diff(old, new, file.path if found else "/dev/null", file.path)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _leaving(wanted: Release, live: Release | None, seen: Observed) -> Iterator[Change]:
    """Units that are no longer named: stopped and disabled, or unmasked when masking was all we wanted."""
    kept = {unit.name for unit in wanted.units}
    for unit in reversed(live.units) if live else ():
        state = seen.units.get(unit.name, UnitState())
        if unit.name not in kept and (state.masked if unit.masked else state.running or state.enabled):
            yield Change("unit", unit.name, "remove")


def _unit(unit: Unit, wanted: Release, seen: Observed, written: set[str], made: set[str]) -> Iterator[Change]:
    state = seen.units.get(unit.name, UnitState())
    if unit.masked:
        if not state.masked:
            yield Change("unit", unit.name, "mask")
        return
    # A definition that takes the place of Debian's is enabled by itself: a script of System V only was, and says so.
    if state.masked or not state.enabled or f"/etc/systemd/system/{unit.name}" in made:
        yield Change("unit", unit.name, "enable")
    if action := _settling(unit, digests(unit, wanted), state, seen.settled.get(unit.name), written):
        yield Change("unit", unit.name, action)


def _settling(
    unit: Unit, now: Mapping[str, str], state: UnitState, before: Mapping[str, str] | None, written: set[str]
) -> str | None:
    """State, not events: what the unit settled with against what it must run, and whether it runs at all."""
    if before is None:
        return "restart" if state.running else "start"
    touched = reads(unit) & written  # a hand edit put back: the daemon may have read it meanwhile
    if not state.running and not state.passive:
        return "start"
    if before["inputs"] == now["inputs"] and not touched:
        return None
    restart = unit.on_change == "restart" or before["restart"] != now["restart"] or written & set(unit.restart_on)
    return "restart" if restart or state.passive else "reload"
