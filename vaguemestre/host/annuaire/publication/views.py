"""What the verb `publication` answers, as JSON: shaped here, worded elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vaguemestre.host.annuaire.publication import memory
from vaguemestre.host.annuaire.publication.confirmed import Record, State
from vaguemestre.host.annuaire.publication.difference import Withheld
from vaguemestre.host.annuaire.publication.layout import Places, Settings
from vaguemestre.host.annuaire.publication.listing import changed
from vaguemestre.host.annuaire.publication.memory import Memory
from vaguemestre.host.annuaire.publication.operation import Operation
from vaguemestre.host.annuaire.publication.run import View
from vaguemestre.host.trust import telling

MOST = 200  # mailboxes named in one answer; counts are of all

Plain = dict[str, Any]


def show(settings: Settings, places: Places, records: Mapping[str, Record], now: datetime) -> Plain:
    """Counts, the latest run, what is stuck and why, alarms."""
    listed = [one.confirmed for one in records.values() if one.confirmed is not None]
    stuck = [one for one in records.values() if one.attempt and one.attempt.state is not State.SENT]
    return {
        "result": "shown",
        "at": now.isoformat(timespec="seconds"),
        "writer": settings.writer,
        "published": len(listed),
        "types": dict(sorted(Counter(one.kind for one in listed).items())),
        "redlisted": sum(one.redlist for one in listed),
        "paperless": sum(one.paperless == "O" for one in listed),
        "urgent": sum(one.urgent_since is not None for one in records.values()),
        "states": dict(Counter(str(one.attempt.state) for one in stuck if one.attempt)),
        "stuck": [_stuck(one) for one in sorted(stuck, key=lambda one: one.address)[:MOST]],
        "run": remembered(memory.load(places.run)),
        "alarms": telling.standing_alarms(places.alarms),
    }


def plan(settings: Settings, view: View, now: datetime) -> Plain:
    """What would be sent now, what is not due yet, what waits for a person."""
    due = {one.address for one in view.due(now)}
    return {
        "result": "planned",
        "writer": settings.writer,
        "wanted": len(view.desired.listings),
        "counts": dict(sorted(Counter(one.kind for one in view.operations).items())),
        "operations": [_operation(one, view, due) for one in view.operations[:MOST]],
        "withheld": withheld(view.withheld),
    }


def withheld(waiting: Withheld | None) -> Plain | None:
    """The withdrawals that wait for approval."""
    if waiting is None:
        return None
    return {
        "digest": waiting.digest,
        "number": len(waiting.addresses),
        "why": list(waiting.why),
        "addresses": list(waiting.addresses[:MOST]),
    }


def remembered(latest: Memory) -> Plain:
    """The latest run."""
    return {
        "at": latest.at,
        "results": dict(latest.results),
        "halted": latest.halted,
        "left": latest.left,
        "trouble": latest.trouble,
    }


def _operation(operation: Operation, view: View, due: set[str]) -> Plain:
    record = view.records.get(operation.address)
    attempt = record.attempt if record else None
    return {
        "operation": operation.kind,
        "address": operation.address,
        "urgent": operation.urgent,
        "due": operation.address in due,
        "fields": list(changed(operation.before, operation.after)),
        "redlist": operation.after.redlist if operation.after else None,
        "why": attempt.message if attempt and operation.address not in due else "",
    }


def _stuck(record: Record) -> Plain:
    attempt = record.attempt
    if attempt is None:
        return {}
    return {
        "address": record.address,
        "state": str(attempt.state),
        "code": attempt.slug,
        "message": attempt.message,
        "at": attempt.at.isoformat(timespec="seconds"),
        "failures": attempt.failures,
        "again": attempt.not_before.isoformat(timespec="seconds") if attempt.not_before else "",
        "batch": attempt.batch,
        "since": record.since.isoformat(timespec="seconds") if record.since else "",
    }
