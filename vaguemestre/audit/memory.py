"""From the audit before to this one: since when each thing stands, and what began, changed or ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vaguemestre.audit.finding import Audit, Finding, HostAudit, Severity


@dataclass(frozen=True)
class Event:
    """A finding began, became better or worse (`was` tells from what), or ended. `at` is ISO 8601, UTC."""

    at: str
    host: str
    establishment: str
    what: str
    key: str
    severity: Severity
    en: str
    fr: str
    was: Severity | None = None


def dated(before: Audit | None, now: Audit) -> Audit:
    """`now` with the moments at which audits first saw what it found.

    Hosts of `before` that were not asked this time stay as they were. Of a host that does not answer, what was found
    earlier is neither seen nor over: it is kept beside, and known again when the host is back.
    """
    known = {one.host: one for one in before.hosts} if before else {}
    fresh = {one.host: _host(known.get(one.host), one) for one in now.hosts}
    return replace(now, hosts=tuple({**known, **fresh}.values()))


def events(before: Audit | None, now: Audit) -> Iterator[Event]:
    """What happened between the two, on the hosts that both of them asked or that are new; `now` is dated already."""
    known = {one.host: one for one in before.hosts} if before else {}
    for one in now.hosts:
        if (old := known.get(one.host)) != one:
            yield from _of_host(old, one)


def _host(old: HostAudit | None, new: HostAudit) -> HostAudit:
    first = {one.key: one.since for one in (*_seen(old), *_unseen(old))}
    findings = tuple(replace(one, since=first.get(one.key) or new.at) for one in new.findings)
    same = old is not None and old.severity is new.severity
    unseen = () if new.reached else tuple(one for one in (*_seen(old), *_unseen(old)) if one.subject.value != "reach")
    since = old.since if old is not None and same else new.at
    return replace(new, findings=findings, since=since, unseen=unseen)


def _seen(old: HostAudit | None) -> tuple[Finding, ...]:
    return old.findings if old else ()


def _unseen(old: HostAudit | None) -> tuple[Finding, ...]:
    return old.unseen if old else ()


def _of_host(old: HostAudit | None, new: HostAudit) -> Iterator[Event]:
    was = {one.key: one for one in (*_seen(old), *_unseen(old))}
    now = {one.key: one for one in (*new.findings, *new.unseen)}
    for key, one in now.items():
        if key not in was:
            yield _event(new, "began", one)
        elif was[key].severity is not one.severity:
            yield _event(new, "changed", one, was[key].severity)
    for key, one in was.items():
        if key not in now:
            yield _event(new, "ended", one)


def _event(host: HostAudit, what: str, one: Finding, was: Severity | None = None) -> Event:
    return Event(host.at, host.host, host.establishment, what, one.key, one.severity, one.en, one.fr, was)
