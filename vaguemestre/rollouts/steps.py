"""What the playbook asks of a rollout's record, step by step; plain values in, plain values out.

`vaguemestre.mssante.rollout` calls these on the controller. Nothing here talks to a host but claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import vaguemestre
from vaguemestre import inventory
from vaguemestre.records import Kind, folder
from vaguemestre.rollouts import course, wave
from vaguemestre.rollouts.process import Process
from vaguemestre.rollouts.record import Ending, Options, Record, Result, RolloutError, find, read

Plain = dict[str, Any]


def begin(
    inventory_folder: str | None,
    hosts: Sequence[str],
    options: Mapping[str, Any],
    pid: int,
    *,
    rollout: str = "",
    by: str | None = None,
) -> Plain:
    """Begin a rollout of these hosts, or go on with `rollout`; `pid` is the process that works on it, Ansible's own.

    Gives where the record is, the hosts still to be dealt with, and why hosts are refused, if they are.
    """
    fleet = inventory.load(Path(inventory_folder) if inventory_folder else None)
    if rollout:
        path = find(folder(fleet, Kind.ROLLOUTS), rollout)
        _same_hosts(read(path), hosts)
        _go_on(fleet, path, pid)
    else:
        path = course.begin(fleet, hosts, _options(options), Process.of(pid), by)
    record = read(path)
    return {
        "record": str(path),
        "rollout": record.id,
        "left": list(course.left(record)),
        "refused": {one.host: one.reason for one in record.hosts} if record.ended else {},
        "allow": list(record.options.allow),
        "behaviour": record.options.behaviour,
        "kit": str(Path(vaguemestre.__file__).parents[1]),
        "reports": str(path.with_suffix("") / "reports"),
    }


def opened(record: str, hosts: Sequence[str]) -> Plain:
    """Whether the maintenance windows of a wave's hosts are open."""
    return {"closed": wave.closed_windows(Path(record), hosts, datetime.now(UTC))}


def admitted(record: str, hosts: Sequence[str], changing: Sequence[str]) -> Plain:
    """Whether a wave of these hosts, of which some serve and would change, may begin; its claims are renewed."""
    path = Path(record)
    if why := wave.too_many(changing, read(path)):
        return {"refused": {host: {"result": Result.REFUSED.value, "reason": why} for host in changing}}
    busy = wave.claimed(path, hosts)
    return {"refused": {host: {"result": Result.BUSY.value, "reason": why} for host, why in busy.items()}}


def noted(record: str, host: str, result: str, how: Mapping[str, Any]) -> Plain:
    """How a host fares from now on: `how` may hold reason, live and changed."""
    one = wave.noted(Path(record), host, Result(result), **how)
    return {"before": one.before, "has_changed": one.changed}


def ended(record: str) -> Plain:
    """The rollout is over; how."""
    return {"ending": course.end(Path(record)).ending.value}


def _go_on(fleet: Any, path: Path, pid: int) -> None:
    """Take the rollout over from the command line that began it and started us, or resume it."""
    record = read(path)
    ours = record.process and record.process.is_ancestor(pid)
    if record.ending is Ending.UNDER_WAY and ours:
        course.take_up(path, Process.of(pid), pid)
    else:
        course.resume(fleet, path, Process.of(pid))


def _same_hosts(record: Record, hosts: Sequence[str]) -> None:
    """A play may deal with fewer hosts than the rollout, never with others."""
    known = [one.host for one in record.hosts]
    if set(hosts) - set(known):
        raise RolloutError(f"rollout {record.id} began with other hosts\n    --limit {','.join(known)}")


def _options(options: Mapping[str, Any]) -> Options:
    return Options(
        behaviour=bool(options.get("behaviour")),
        outside_window=bool(options.get("outside_window")),
        allow=tuple(options.get("allow") or ()),
    )
