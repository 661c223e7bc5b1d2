"""From what a host answered to what is wrong there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from vaguemestre.audit.expected import Expected
from vaguemestre.audit.finding import Finding, HostAudit, Severity, Subject
from vaguemestre.audit.vitals import Moment, vitals
from vaguemestre.audit.wording import KINDS, TROUBLES, texts
from vaguemestre.engines import wire
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit

Outcome = wire.Result | Failure

_SHORT = 12  # digits of a release's id that people are shown
_RUNS_OTHERWISE = ("start", "reload", "restart")


@dataclass(frozen=True)
class Answer:
    """What one host answered, and between which moments of the controller's clock (Unix time)."""

    outcome: Outcome
    moment: Moment


def judged(expected: Expected, answer: Answer, programs: str) -> HostAudit:
    """The host as an audit sees it; `programs` is the SHA-256 of what this kit puts on hosts."""
    outcome = answer.outcome
    head = HostAudit(
        host=expected.target.name,
        establishment=expected.establishment,
        wave=expected.wave,
        at=datetime.fromtimestamp(int(answer.moment.received), UTC).isoformat().replace("+00:00", "Z"),
        expected=expected.release,
    )
    if not isinstance(outcome, wire.Status):
        return _with(head, _unreached(outcome))
    found = (*_state(expected, outcome, programs), *vitals(outcome.health, expected.limits, answer.moment))
    health = {**outcome.health, "packages": dict(outcome.packages), "units": dict(outcome.units)}
    return _with(head, found, live=outcome.live, live_since=outcome.since, health=health)


def exit_code(hosts: Iterator[tuple[HostAudit, Outcome]]) -> Exit:
    """The first of failed, unreachable, changes (something was found) that is true of a host."""
    found = {_code(host, outcome) for host, outcome in hosts}
    return next((one for one in (Exit.FAILED, Exit.UNREACHABLE, Exit.CHANGES) if one in found), Exit.OK)


def _code(host: HostAudit, outcome: Outcome) -> Exit:
    match outcome:
        case wire.Status() | Failure(trouble=Trouble.BARE):
            return Exit.CHANGES if host.findings else Exit.OK
        case Failure(trouble=trouble) if trouble is not Trouble.FAILED:
            return Exit.UNREACHABLE
        case _:
            return Exit.FAILED


def _unreached(outcome: Outcome) -> Iterator[Finding]:
    message = getattr(outcome, "message", type(outcome).__name__)
    if isinstance(outcome, Failure) and outcome.trouble is Trouble.BARE:
        yield Finding(Subject.ACTIVATION, "", Severity.WARN, *texts("bare"))
    elif isinstance(outcome, Failure) and outcome.trouble is not Trouble.FAILED:
        yield Finding(
            Subject.REACH, "", Severity.BAD, *texts("reach", message=message, trouble=TROUBLES[outcome.trouble])
        )
    else:
        yield Finding(Subject.REACH, "answer", Severity.BAD, *texts("failed", message=message))


def _state(expected: Expected, status: wire.Status, programs: str) -> Iterator[Finding]:
    """Its releases, its files, its units."""
    if holder := status.health.get("holder"):
        yield Finding(Subject.ACTIVATION, "busy", Severity.WARN, *texts("busy", holder=holder))
        return
    if status.live is None:
        yield Finding(Subject.ACTIVATION, "", Severity.WARN, *texts("none"))
        return
    if status.interrupted:
        yield Finding(Subject.ACTIVATION, "", Severity.BAD, *texts("interrupted"))
    if status.health.get("intact") is False:
        yield Finding(Subject.ACTIVATION, "record", Severity.BAD, *texts("record"))
    if expected.problem:
        yield Finding(Subject.RELEASE, "unknown", Severity.BAD, *texts("no_release", problem=expected.problem))
    elif status.live != expected.release:
        yield _behind(status, expected.release, programs)
    yield from (_drifted(change) for change in status.drift if change.kind != "unit")
    yield from _units(status)


def _behind(status: wire.Status, expected: str, programs: str) -> Finding:
    name = "behind_kit" if status.health.get("kit") not in (None, "", programs) else "behind"
    ids = {"live": (status.live or "")[:_SHORT], "expected": expected[:_SHORT]}
    return Finding(Subject.RELEASE, "", Severity.WARN, *texts(name, **ids))


def _drifted(change: wire.Change) -> Finding:
    words = {"kind": change.kind, "kind_fr": KINDS[change.kind], "key": change.key}
    about = f"{change.kind} {change.key}"
    return Finding(Subject.DRIFT, about, Severity.WARN, *texts(f"drift {change.action}", **words))


def _units(status: wire.Status) -> Iterator[Finding]:
    """Ours that failed or do not run are bad; others of the host that failed are worth a look."""
    failed = [name for name, state in status.units.items() if state == "failed"]
    for name in failed:
        yield Finding(Subject.UNIT, name, Severity.BAD, *texts("unit failed", key=name))
    others = status.health.get("failed") or ()
    for name in others if isinstance(others, list) else ():
        if name not in failed:
            yield Finding(Subject.UNIT, name, Severity.WARN, *texts("unit failed", key=name))
    for change in status.drift:
        if change.kind == "unit" and change.key not in failed and change.key not in others:
            severity = Severity.BAD if change.action in _RUNS_OTHERWISE else Severity.WARN
            about = change.key if change.action in _RUNS_OTHERWISE else f"{change.key} {change.action}"
            yield Finding(Subject.UNIT, about, severity, *texts(f"unit {change.action}", key=change.key))


def _with(head: HostAudit, found: Iterator[Finding] | tuple[Finding, ...], **more: object) -> HostAudit:
    return replace(head, findings=tuple(found), **more)  # type: ignore[arg-type]
