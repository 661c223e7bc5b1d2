"""What administrators are shown, as plain values (dict, list, str, int, bool, None), ready for JSON.

Times are ISO 8601 with zone. Nothing is changed by looking.
"""

from __future__ import annotations

import difflib
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from vaguemestre.host.trust import history, intake, telling
from vaguemestre.host.trust.alarms import State
from vaguemestre.host.trust.intake import Quarantine, RefusedError
from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.sources import Source
from vaguemestre.host.trust.store import Known, Listed, ListingStore

if TYPE_CHECKING:
    from vaguemestre.host.trust.churn import Move

Plain = dict[str, Any]

_NEAR = 5  # spellings that are offered


def show(places: Places, settings: Settings, state: State, now: datetime) -> Plain:
    """All that is held and how it stands."""
    return {
        "result": "shown",
        "now": now.isoformat(),
        "list": _list(state, settings, now),
        "quarantine": _quarantine(state.quarantine),
        "crls": [_crl(url, state, settings, now) for url in settings.revocation.crl],
        "sources": [_source(url, state.sources.get(url, Source())) for url in settings.sources],
        "alarms": telling.standing_alarms(places.alarms),
        "own": [_own(domain, state) for domain in settings.own_domains],
        "beside": list(state.beside),
        "certificate": state.certificate
        and {
            "dn": state.certificate.dn,
            "until": state.certificate.until.isoformat(),
            "days": (state.certificate.until - now) // timedelta(days=1),
        },
        "clock": state.clock,
        "trouble": state.trouble,
    }


def lookup(places: Places, written: str) -> Plain:
    """What the list that is held says of a domain; near spellings, the parent and children when it says nothing.

    Raises:
        DomainError: this is no domain.
        RefusedError: no list is held.
    """
    from vaguemestre.host.trust.domains import domain

    name = domain(written.strip().rpartition("@")[2])
    with closing(ListingStore(places.listing, timedelta(0))) as held:
        if not held.available:
            raise RefusedError("no_list", "no white list is held here\n    vaguemestre trust refresh asks for it")
        found = held.entries(name)
        around = {} if found else _around(name, held.domains())
        return {
            "result": "listed" if found else "not_listed",
            "domain": name,
            "generated": held.generated.isoformat(),
            "entries": [_entry(one) for one in found],
            **around,
        }


def diff(places: Places, settings: Settings, now: datetime) -> Plain:
    """What the quarantined list would change in the one held, by operator.

    Raises:
        RefusedError: its file does not hold any more.
    """
    waiting = intake.quarantined(places)
    if waiting is None:
        return {"result": "nothing", "quarantine": None}
    white_list = intake.verified(settings, places.quarantine.read_bytes(), now, at=waiting.since)
    difference = intake.churn_of(places, settings, white_list).difference
    held = intake.facts(places)
    return {
        "result": "different",
        "held": held and {"generated": held.generated.isoformat(), "digest": held.digest, "entries": held.entries},
        "quarantine": _quarantine(waiting),
        "summary": str(difference),
        "why": list(waiting.why),
        "moves": [_move(one) for one in difference.moves],
        "gone": sorted(difference.gone),
        "come": sorted(difference.come),
    }


def past(places: Places, number: int) -> Plain:
    """The latest events, oldest first."""
    return {"result": "history", "events": history.events(places.history, number)}


def _list(state: State, settings: Settings, now: datetime) -> Plain | None:
    if state.listing is None:
        return None
    confirmed = state.confirmed
    return {
        **{name: _iso(value) for name, value in asdict(state.listing).items()},
        "confirmed": confirmed and confirmed.isoformat(),
        "age_seconds": int((now - state.listing.generated).total_seconds()),
        "fresh": confirmed is not None and now - confirmed < settings.white_list.alarm,
    }


def _quarantine(waiting: Quarantine | None) -> Plain | None:
    return None if waiting is None else {name: _iso(value) for name, value in asdict(waiting).items()}


def _crl(url: str, state: State, settings: Settings, now: datetime) -> Plain:
    source = state.sources.get(url, Source())
    known = next((one for one in state.known if one.issuer.hex() == source.issuer), None)
    fetched = {"url": url, "fetched": _iso(source.succeeded), "stands": _standing(known, settings, now)}
    if known is None:
        return {**fetched, "name": None, "number": None, "this_update": None, "next_update": None, "revoked": None}
    return {
        **fetched,
        "name": known.name,
        "number": known.number,
        "this_update": known.this_update.isoformat(),
        "next_update": known.next_update.isoformat(),
        "revoked": known.revoked,
    }


def _standing(known: Known | None, settings: Settings, now: datetime) -> str:
    if known is None:
        return "missing"
    if now <= known.next_update:
        return "current"
    return "grace" if now <= known.next_update + settings.revocation.grace else "beyond"


def _source(url: str, source: Source) -> Plain:
    names = ("asked", "succeeded", "failure", "message", "since", "failures")
    return {"url": url, **{name: _iso(getattr(source, name)) for name in names}}


def _own(domain: str, state: State) -> Plain:
    one = state.own.get(domain)
    return {
        "domain": domain,
        "listed": list(one.listed) if one else [],
        "ours": state.ours.get(domain),
        "changed": _iso(one.since) if one else None,
        "before": list(one.before) if one and one.before is not None else None,
    }


def _entry(one: Listed) -> Plain:
    from vaguemestre.host.trust import dn

    operator = {kind: " ".join(dn.values(one.written, kind)) for kind in ("O", "OU")}
    return {
        "dn": one.written,
        "operator": operator["O"],
        "structure": operator["OU"],
        "description": one.description,
        "updated": one.updated,
    }


def _around(name: str, domains: list[str]) -> Plain:
    """Exact match is the rule: a listed parent says nothing of its children. It is told because people expect it to."""
    parents = {name.split(".", dots)[-1] for dots in range(1, name.count(".") + 1)}
    known = set(domains)
    return {
        "parents": sorted(parents & known, key=len, reverse=True),
        "children": sorted(one for one in domains if one.endswith(f".{name}"))[:_NEAR],
        "near": difflib.get_close_matches(name, domains, _NEAR, 0.8),
    }


def _move(one: Move) -> Plain:
    return {
        "kind": one.kind.name.lower(),
        "before": {"name": one.before.name, "structure": one.before.structure},
        "after": {"name": one.after.name, "structure": one.after.structure},
        "domains": list(one.domains),
        "text": str(one),
    }


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
