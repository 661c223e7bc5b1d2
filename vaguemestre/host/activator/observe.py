"""What the host is now, as far as two releases are concerned: one pass over their paths, while dpkg and systemd think
about what they are asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vaguemestre.host.activator.disk import Disk, Look
from vaguemestre.host.activator.facts import Known, UnitState
from vaguemestre.release import Account, Credential, Directory, File, Release

Placed = Directory | File | Credential
"""What has a path."""

_LARGEST = 64 << 20  # bytes; what a release carries is far below

Settled = Mapping[str, Mapping[str, str]]
"""Unit -> {"inputs": digest, "restart": digest} of what it last settled with."""


@dataclass(frozen=True)
class Seen:
    """One path. `digest` is the SHA-256 of a file (None: too large to be one of ours); `content` is what a diff may
    show of it, None for a secret; `names` are those in a directory to be removed.
    """

    look: Look
    digest: str | None = None
    content: bytes | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Observed:
    """Paths that do not exist are absent; so are packages, accounts, users, groups and units. `failed` are all of the
    host's units that have, whoever's they are.
    """

    paths: Mapping[str, Seen] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    users: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, UnitState] = field(default_factory=dict)
    settled: Settled = field(default_factory=dict)
    failed: tuple[str, ...] = ()


def placed(release: Release | None) -> tuple[Placed, ...]:
    """All that a release puts somewhere; nothing for no release."""
    return (*release.directories, *release.files, *release.credentials) if release else ()


def observe(disk: Disk, machine: Known, settled: Settled, wanted: Release, live: Release | None) -> Observed:
    """The host, seen through what `wanted` and `live` name."""
    both = [wanted, live] if live else [wanted]
    surveyed = machine.survey(
        [package.name for package in wanted.packages], [unit.name for release in both for unit in release.units]
    )
    owned = [item for release in both for item in placed(release)]
    accounts = {one.name: machine.account(one.name) for one in wanted.accounts}
    users = {name: machine.user(name) for name in sorted({item.owner for item in owned})}
    groups = {name: machine.group(name) for name in sorted({item.group for item in owned})}
    paths = dict(_paths(disk, wanted, live))
    facts = surveyed()  # by now they have answered
    return Observed(
        paths=paths,
        packages=facts.packages,
        accounts={name: account for name, account in accounts.items() if account},
        users={name: uid for name, uid in users.items() if uid is not None},
        groups={name: gid for name, gid in groups.items() if gid is not None},
        units=facts.units,
        settled=settled,
        failed=facts.failed,
    )


def _paths(disk: Disk, wanted: Release, live: Release | None) -> Iterator[tuple[str, Seen]]:
    ours = {file.path for file in live.files} if live else set()
    secret = {one.path for one in live.credentials} if live else set()
    for item in placed(wanted):
        if look := disk.look(item.path):
            yield item.path, _seen(disk, item, look, item.path in ours, item.path in secret)
    named = {item.path for item in placed(wanted)}
    for item in placed(live):
        if item.path not in named and (look := disk.look(item.path)):
            names = disk.names(item.path) if isinstance(item, Directory) else frozenset()
            yield item.path, Seen(look, names=names)


def _seen(disk: Disk, item: Placed, look: Look, ours: bool, secret: bool) -> Seen:
    if look.kind != "file" or isinstance(item, Directory) or look.size > _LARGEST:
        return Seen(look)
    if isinstance(item, Credential):
        return Seen(look, digest=hashlib.sha256(disk.read(item.path)).hexdigest())
    content = disk.read(item.path)
    # What others may not read, and we did not write, may hold somebody's secret: it is never shown.
    shown = not secret and (ours or bool(look.mode & 0o004))
    return Seen(look, hashlib.sha256(content).hexdigest(), content if shown else None)
