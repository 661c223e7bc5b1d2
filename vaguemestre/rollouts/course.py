"""The course of a rollout: it begins, or is taken up again; hosts are noted; it ends.

The command line and the playbook walk the same steps. Whatever is refused is refused for all hosts of the rollout
before anything is changed on any.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vaguemestre import circumstances
from vaguemestre.engines.parcel import pack
from vaguemestre.engines.targets import Target, select, target
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Establishment, Fleet, Host
from vaguemestre.pacing import Pace
from vaguemestre.records import Kind, folder
from vaguemestre.rollouts import claims
from vaguemestre.rollouts.kept import Kept, keep, kept, moved, prune
from vaguemestre.rollouts.process import Process
from vaguemestre.rollouts.record import (
    Ending,
    HostRecord,
    Options,
    Record,
    Result,
    RolloutError,
    new_id,
    now,
    read,
    turn,
    write,
)


class RunningError(RolloutError):
    """The rollout is under way already."""

    exit_code = Exit.BUSY


def begin(fleet: Fleet, names: Collection[str], options: Options, process: Process, by: str | None = None) -> Path:
    """Make all releases, keep them, claim the hosts; gives the record's file.

    When a host is refused (a secret is missing, another rollout has it) the record has ended: that host says why, the
    others that they were not begun because of it. `by` is who asked, where it is not the account.

    Raises:
        SelectionError: a name is unknown.
        RecordsError: nothing can be kept.
    """
    pairs = select(fleet, tuple(names))
    made = {host.name: _made(fleet, one, host) for one, host in pairs}
    hosts = tuple(_host(one, host, made[host.name]) for one, host in pairs)
    record = Record(
        id=new_id(),
        by=circumstances.by(by),
        kit=circumstances.kit(),
        revision=circumstances.revision(fleet.root),
        began=now(),
        noted=now(),
        process=process,
        options=options,
        most_at_once=most_at_once(len(tuple(fleet.hosts())), fleet.settings.rollout),
        hosts=hosts,
    )
    place = folder(fleet, Kind.ROLLOUTS)
    path = place / f"{record.id}.json"
    write(path, record)
    for one in made.values():
        if isinstance(one, Kept):
            keep(path, one)
    prune(place)
    wrong = {name: str(one) for name, one in made.items() if not isinstance(one, Kept)}
    if wrong:
        refuse(path, wrong, Result.REFUSED)
    else:
        _claimed(path)
    return path


def resume(fleet: Fleet, path: Path, process: Process) -> None:
    """Go on with a rollout that was interrupted or that failed: the same releases, hosts that are done stay done.

    How hosts are reached, and where secrets lie, is as the inventory says now.

    Raises:
        RolloutError: it went through, or was refused as a whole; or a host of it is no longer in the inventory.
        RunningError: it is under way.
    """
    with turn(path) as record:
        if record.ending is Ending.UNDER_WAY:
            raise RunningError(f"rollout {record.id} of {record.by} is under way, since {record.began}")
        if record.ending is Ending.DONE:
            raise RolloutError(f"rollout {record.id} went through, at {record.ended}\n    there is nothing to resume")
        if not record.begun:
            raise RolloutError(f"rollout {record.id} was refused before anything was done\n    begin a new one")
        pairs = select(fleet, tuple(one.host for one in record.hosts))
        for one, host in pairs:
            moved(path, reached(fleet, one, host, b""))
        hosts = tuple(again(one) for one in record.hosts)
        write(path, replace(record, hosts=hosts, process=process, ended=None))
    _claimed(path)


def take_up(path: Path, process: Process, pid: int) -> Record:
    """From here on `process` works on it, which is or belongs to `pid`; the command line hands over to Ansible so.

    Raises:
        RunningError: somebody else works on it.
    """
    with turn(path) as record:
        if record.ending is Ending.UNDER_WAY and record.process and not record.process.is_ancestor(pid):
            raise RunningError(f"rollout {record.id} of {record.by} is under way, since {record.began}")
        changed = replace(record, process=process)
        write(path, changed)
    return changed


def refuse(path: Path, wrong: Mapping[str, str], result: Result) -> None:
    """End it before anything was changed: these hosts for these reasons, the others because of them."""
    because = f"not begun, because of {', '.join(wrong)}"
    with turn(path) as record:
        hosts = tuple(
            replace(one, result=result, reason=wrong[one.host])
            if one.host in wrong
            else replace(one, result=Result.NOT_BEGUN, reason=because)
            for one in record.hosts
        )
        write(path, replace(record, hosts=hosts, ended=now()))


def end(path: Path) -> Record:
    """It has ended, well or not; its claims are given up. Hosts whose turn did not come say so."""
    with turn(path) as record:
        changed = replace(record, hosts=over(record.hosts), ended=now())
        write(path, changed)
    claims.leave(targets(path, changed), changed.id)
    return changed


def most_at_once(fleet: int, pace: Pace) -> int:
    """How many hosts that serve a wave may change, in a fleet of so many hosts."""
    return max(pace.share_from - 1, int(fleet * pace.max_share_percent / 100))


def over(hosts: tuple[HostRecord, ...]) -> tuple[HostRecord, ...]:
    """As they stand when their rollout ends."""
    reason = "its wave was not reached"
    return tuple(
        replace(one, result=Result.NOT_BEGUN, reason=reason) if one.result is Result.WAITING else one for one in hosts
    )


def targets(path: Path, record: Record, hosts: Collection[str] = ()) -> dict[str, Target]:
    """How the rollout's hosts are reached, or these of them."""
    return {one.host: kept(path, one.host).target for one in record.hosts if not hosts or one.host in hosts}


def left(record: Record) -> Sequence[str]:
    """The hosts of waves that are not through: those a rollout that is resumed still deals with."""
    through = {
        wave for wave in record.waves if all(one.result is Result.DONE for one in record.hosts if one.wave == wave)
    }
    return [one.host for one in record.hosts if one.wave not in through]


def _claimed(path: Path) -> None:
    """Claim all hosts that answer; those that do not are asked again when their wave comes."""
    record = read(path)
    busy = {host: claims.told(other) for host, other in claims.others(path.parent, record).items()}
    if not busy:
        busy = claims.refused(claims.take(path.parent, record, targets(path, record)))
    if busy:
        refuse(path, busy, Result.BUSY)
        claims.leave({name: one for name, one in targets(path, record).items() if name not in busy}, record.id)
        return
    with turn(path) as record:
        write(path, replace(record, begun=True))


def _made(fleet: Fleet, one: Establishment, host: Host) -> Kept | VaguemestreError:
    try:
        return reached(fleet, one, host, pack(fleet, one, host).release.document())
    except VaguemestreError as error:
        return error


def reached(fleet: Fleet, one: Establishment, host: Host, document: bytes) -> Kept:
    """What is kept of a host whose release this is."""
    settings = one.settings
    return Kept(target(fleet, one, host), settings.rollout.windows, fleet.root / settings.secrets, document)


def _host(one: Establishment, host: Host, made: Kept | VaguemestreError) -> HostRecord:
    release = made.id if isinstance(made, Kept) else ""
    return HostRecord(host=host.name, establishment=one.slug, wave=one.wave, release=release)


def again(one: HostRecord) -> HostRecord:
    """One that is done stays so; one that was being changed may have changed; all others begin anew."""
    if one.result is Result.DONE:
        return one
    if one.result is Result.UNDER_WAY:
        return replace(one, result=Result.WAITING, changed=True)
    return replace(one, result=Result.WAITING, reason="", ended=None)
