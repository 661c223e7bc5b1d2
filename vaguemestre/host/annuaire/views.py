"""What administrators are shown of the national directory, as plain values ready for JSON; nothing changes by looking.

Times are ISO 8601 with zone. Nobody's address is in it.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from vaguemestre.host.annuaire import state
from vaguemestre.host.annuaire.layout import Places, Settings
from vaguemestre.host.annuaire.refresh import Report
from vaguemestre.host.annuaire.state import Kept, State, Waiting
from vaguemestre.host.trust import history, telling

Plain = dict[str, Any]


def show(places: Places, settings: Settings, now: datetime) -> Plain:
    """All that is held and how it stands."""
    known = state.load(places)
    return {
        "result": "shown",
        "now": now.isoformat(),
        "held": _kept(known.held, now),
        "coming": _kept(known.coming, now),
        "waiting": _waiting(known.waiting),
        "applied": _iso(known.applied),
        "looked": _iso(known.looked),
        "refused": known.refused,
        "trouble": known.trouble,
        "sources": _sources(known, settings),
        "alarms": telling.standing_alarms(places.alarms),
    }


def refreshed(report: Report) -> Plain:
    """What a run did and what stands after it; `load` when the rest is for the privileged step."""
    known = report.state
    return {
        "result": "refreshed",
        "events": list(report.events),
        "failing": {url: one.message for url, one in known.sources.items() if one.failure},
        "trouble": known.trouble,
        "waiting": _waiting(known.waiting),
        "load": known.load,
        "alarms": [{"name": one.key, "stage": one.stage, "text": one.en} for one in report.alarms],
    }


def past(places: Places, number: int) -> Plain:
    """The latest events, oldest first."""
    return {"result": "history", "events": history.events(places.history, number)}


def _kept(one: Kept | None, now: datetime) -> Plain | None:
    if one is None:
        return None
    made = one.generated or one.taken
    plain = {name: _iso(value) for name, value in asdict(one).items()}
    return {**plain, "age_seconds": int((now - made).total_seconds())}


def _waiting(one: Waiting | None) -> Plain | None:
    if one is None:
        return None
    return {
        "sha256": one.kept.name,
        "generated": _iso(one.kept.generated),
        "mailboxes": one.kept.mailboxes,
        "since": one.since.isoformat(),
        "summary": one.summary,
        "why": list(one.why),
    }


def _sources(known: State, settings: Settings) -> list[Plain]:
    names = ("asked", "succeeded", "failure", "message", "since", "failures")
    return [
        {"url": url, **{name: _iso(getattr(known.source(url), name)) for name in names}} for url in settings.sources
    ]


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
