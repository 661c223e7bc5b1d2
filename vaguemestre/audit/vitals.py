"""From what a host told of its health (`vaguemestre.host.health`) to what is wrong with it. Pure.

A host may be of an older kit, or tell something odd: what is not there, or of another kind, is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vaguemestre.audit.expected import Limits
from vaguemestre.audit.finding import Finding, Severity, Subject
from vaguemestre.audit.wording import texts

Plain = Mapping[str, Any]

BAD_DAYS = 7  # of a certificate
BAD_PERCENT = 95  # of a disk
BAD_TIMES = 6  # the hours that a message may wait
BAD_SECONDS = 300  # by which the trust daemon believes that a clock is wrong
_IDLE = 3600  # seconds after which the job that keeps something fresh has missed several turns
_CRITICAL, _WARNING = 2, 4  # priorities of alarms (syslog(3))
_DAY, _HOUR = 86400, 3600
_JUDGED_HERE = {"list", "crl", "certificate", "age"}
"""Alarms whose matter is judged from its age: the job that raises them may be what has died."""


@dataclass(frozen=True)
class Moment:
    """When a host was asked and when its answer was there, by the controller's clock (Unix time)."""

    asked: float
    received: float


def vitals(health: Plain, limits: Limits, moment: Moment) -> tuple[Finding, ...]:
    """What is wrong with a host's health, part by part."""
    found: list[Finding] = []
    for name, judge in _PARTS.items():
        part = health.get(name)
        if isinstance(part, Mapping) and "error" in part:
            words = texts("unknown", key=name, error=part["error"])
            found.append(Finding(Subject.SYSTEM, f"unknown {name}", Severity.WARN, *words))
        elif part:
            found += judge(part, limits, moment)
    return tuple(found)


def _certificates(part: list[Plain], limits: Limits, moment: Moment) -> Iterator[Finding]:
    for one in part:
        path, until = one["path"], one["until"]
        if until is None:
            yield Finding(Subject.CERTIFICATE, path, Severity.BAD, *texts("certificate damaged", key=path))
            continue
        days = int((until - moment.received) // _DAY)
        words = {"key": path, "day": _day(until), "days": days}
        if until <= moment.received:
            yield Finding(Subject.CERTIFICATE, path, Severity.BAD, *texts("certificate ended", **words))
        elif days < limits.certificate_days:
            severity = Severity.BAD if days < BAD_DAYS else Severity.WARN
            yield Finding(Subject.CERTIFICATE, path, severity, *texts("certificate ends", **words))


def _trust(part: Plain, limits: Limits, moment: Moment) -> Iterator[Finding]:
    listed = part.get("list")
    if listed is None:
        yield Finding(Subject.WHITE_LIST, "", Severity.BAD, *texts("list none"))
    else:
        known = _time(listed.get("confirmed")) or _time(listed.get("generated"))
        ages = (limits.list_alarm_hours, limits.list_page_hours)
        yield from _old(Subject.WHITE_LIST, "list old", known, ages, moment)
    yield from _revocation(part.get("revocation") or [], limits, moment)
    yield from _alarms("trust", part.get("alarms"), moment, Subject.WHITE_LIST)
    yield from _alarms("redlist", part.get("redlist"), moment, None)


def _revocation(lists: list[Plain], limits: Limits, moment: Moment) -> Iterator[Finding]:
    if not lists and limits.revocation:
        yield Finding(Subject.REVOCATION, "", Severity.BAD, *texts("revocation none"))
    for one in lists:
        over = moment.received - float(one["next_update"])
        if over > 0:
            severity = Severity.BAD if over > limits.revocation_grace_hours * _HOUR else Severity.WARN
            words = {"key": one["name"], "day": _day(float(one["next_update"]))}
            yield Finding(Subject.REVOCATION, one["name"], severity, *texts("revocation old", **words))


def _directory(part: Plain, limits: Limits, moment: Moment) -> Iterator[Finding]:
    held = part.get("held")
    if held is None:
        yield Finding(Subject.DIRECTORY, "", Severity.WARN, *texts("directory none"))
    else:
        ages = (limits.directory_alarm_hours, limits.directory_page_hours)
        yield from _old(Subject.DIRECTORY, "directory old", _time(held.get("generated")), ages, moment)
    yield from _alarms("annuaire", part.get("alarms"), moment, None)
    yield from _alarms("publication", part.get("publication"), moment, None)


def _old(subject: Subject, words: str, known: float | None, ages: tuple[int, int], moment: Moment) -> Iterator[Finding]:
    """`ages` are the hours from which it is to be looked at, and from which somebody is to be woken."""
    if known is None:
        return
    hours = int((moment.received - known) // _HOUR)
    if hours >= ages[0]:
        severity = Severity.BAD if hours >= ages[1] else Severity.WARN
        yield Finding(subject, "", severity, *texts(words, hours=hours))


def _alarms(job: str, part: Plain | None, moment: Moment, watched: Subject | None) -> Iterator[Finding]:
    """What the host's own jobs raised; and, of the job of `watched`, that it no longer runs."""
    if part is None:
        return
    at = _time(part.get("at"))
    if watched and at is not None and moment.received - at > _IDLE:
        hours = int((moment.received - at) // _HOUR)
        yield Finding(watched, "idle", Severity.WARN, *texts("idle", hours=hours))
    for one in part.get("standing") or ():
        priority = int(one.get("priority") or _WARNING)
        if one.get("name") in _JUDGED_HERE or priority > _WARNING:
            continue
        severity = Severity.BAD if priority <= _CRITICAL else Severity.WARN
        about = " ".join(filter(None, (job, one.get("name"), one.get("about"))))
        spoken = texts("alarm", key=about, stage=one.get("stage"))
        yield Finding(Subject.ALARM, about, severity, one.get("en") or spoken[0], one.get("fr") or spoken[1])


def _queue(part: Plain, limits: Limits, moment: Moment) -> Iterator[Finding]:
    waiting = sum(number for name, number in part.items() if name not in ("oldest", "corrupt"))
    if waiting > limits.queue_messages:
        yield Finding(Subject.QUEUE, "length", Severity.WARN, *texts("queue long", count=waiting))
    if (oldest := part.get("oldest")) and (hours := int((moment.received - oldest) // _HOUR)) >= limits.queue_hours:
        severity = Severity.BAD if hours >= BAD_TIMES * limits.queue_hours else Severity.WARN
        yield Finding(Subject.QUEUE, "age", severity, *texts("queue old", hours=hours))
    if damaged := part.get("corrupt"):
        yield Finding(Subject.QUEUE, "corrupt", Severity.BAD, *texts("queue corrupt", count=damaged))


def _disks(part: list[Plain], limits: Limits, _: Moment) -> Iterator[Finding]:
    for one in part:
        for name, words in (("used", "disk full"), ("inodes", "disk inodes")):
            percent = int(float(one[name]) * 100)
            if percent > limits.disk_percent or percent >= BAD_PERCENT:
                severity = Severity.BAD if percent >= BAD_PERCENT else Severity.WARN
                about = one["place"] if name == "used" else f"{one['place']} inodes"
                yield Finding(Subject.DISK, about, severity, *texts(words, key=one["place"], percent=percent))


def _system(part: Plain, limits: Limits, moment: Moment) -> Iterator[Finding]:
    if why := part.get("restart"):
        yield Finding(Subject.SYSTEM, "restart", Severity.WARN, *texts("restart", why=why))
    clock = float(part.get("clock") or moment.received)
    away = max(moment.asked - clock, clock - moment.received)
    if away > limits.clock_seconds:
        severity = Severity.BAD if away > BAD_SECONDS else Severity.WARN
        yield Finding(Subject.CLOCK, "", severity, *texts("clock", seconds=int(away)))


def _time(text: object) -> float | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else None


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


_PARTS: dict[str, Callable[[Any, Limits, Moment], Iterator[Finding]]] = {
    "system": _system,
    "disks": _disks,
    "certificates": _certificates,
    "trust": _trust,
    "directory": _directory,
    "queue": _queue,
}
