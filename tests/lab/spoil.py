"""Releases as somebody would have spoilt them, sent to real hosts through the door that every release takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from vaguemestre.engines import wire
from vaguemestre.engines.pyinfra import Outcome, door
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.release import File, Release

Change = Callable[[Release], Release]


def apply(fleet: Fleet, changes: Mapping[str, Change]) -> dict[str, Outcome]:
    """Each host of the fleet gets its release, altered where `changes` says so, at the same time."""
    with door(fleet) as hosts:
        parcels = hosts.parcels()
        altered = {name: changes.get(name, _as_it_is)(parcel.release) for name, parcel in parcels.items()}
        return hosts.ask("apply", {name: wire.payload(altered[name], parcels[name].secrets) for name in parcels})


def _as_it_is(release: Release) -> Release:
    return release


def edited(path: str, old: bytes, new: bytes) -> Change:
    """One text replaced by another in a file; fails when the file has not got it."""

    def edit(release: Release) -> Release:
        assert any(one.path == path and old in one.content for one in release.files), f"{path} holds no {old!r}"
        files = (
            replace(one, content=one.content.replace(old, new)) if one.path == path else one for one in release.files
        )
        return replace(release, files=tuple(files))

    return edit


def added(path: str, content: bytes) -> Change:
    """One more file, which nothing reads."""
    one = File(path, content)
    return lambda release: replace(release, files=tuple(sorted((*release.files, one), key=lambda file: file.key)))


def picture(lab: Lab, host: str) -> str:
    """What must not change on a host: every file of /etc with inode and times, and the daemons' processes."""
    script = (
        "find /etc /usr/lib/vaguemestre -xdev -printf '%p %y %m %U %G %s %T@ %i\\n' | sort;"
        "systemctl show --property=Id,MainPID,ActiveEnterTimestampMonotonic"
        " postfix nginx vaguemestre-trust dovecot slapd ssh chrony nftables"
    )
    taken = lab.exec(host, ["sh", "-c", script])
    assert taken.returncode == 0, taken.stderr
    return taken.stdout.decode()
