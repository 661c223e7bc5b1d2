"""The page for Prometheus (text format 0.0.4): decisions, and everything that ends one day if nobody looks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.layout import Places
from vaguemestre.host.trust.peers import BUCKETS, Peers

BESIDE = (Path("/var/lib/vaguemestre-annuaire/metrics.prom"),)
"""Pages of jobs that run now and then, shown with the daemon's own."""

_DAY = 86400.0
Sample = tuple[dict[str, str], float]


@dataclass(frozen=True)
class Meters:
    """Where the numbers come from."""

    desk: Desk
    peers: Peers
    places: Places
    certificate: Path
    connections: dict[str, int]
    beside: tuple[Path, ...] = BESIDE

    def page(self) -> str:
        now = datetime.now(UTC)
        families = (*self._decisions(), *self._listing(now), *self._revocation(now), *self._rest(now), *self._probes())
        return "\n".join(families) + "\n" + "".join(map(_other, self.beside))

    def _decisions(self) -> Iterable[str]:
        record = self.desk.record
        counted = sorted(record.decisions.items())
        yield from _family(
            "decisions_total",
            "counter",
            "Answers given, by face and reason",
            [({"face": face, "reason": reason}, number) for (face, reason), number in counted],
        )
        events = [({"event": name}, float(number)) for name, number in sorted(record.events.items())]
        yield from _family("events_total", "counter", "What happened to the daemon itself", events)
        dropped = float(record.journal.dropped)
        yield from _family("log_lines_dropped_total", "counter", "Log lines that found no room", [({}, dropped)])
        open_now = [({"face": face}, float(number)) for face, number in sorted(self.connections.items())]
        yield from _family("connections", "gauge", "Connections that are open", open_now)

    def _listing(self, now: datetime) -> Iterable[str]:
        listing = self.desk.knowledge.listing.store
        facts, confirmed = listing.facts(), listing.confirmed
        yield from _family("list_available", "gauge", "1 when a white list is held", [({}, float(listing.available))])
        if confirmed:
            age = (now - confirmed).total_seconds()
            yield from _family("list_age_seconds", "gauge", "Since the source last stood by the list", [({}, age)])
        if facts:
            generated = facts.generated.timestamp()
            signer = (facts.signer_until - now).total_seconds() / _DAY
            yield from _family("list_generated_seconds", "gauge", "When the list was made", [({}, generated)])
            yield from _family("list_entries", "gauge", "Entries of the list", [({}, float(facts.entries))])
            yield from _family("list_signer_days_left", "gauge", "Life of the signer's certificate", [({}, signer)])

    def _revocation(self, now: datetime) -> Iterable[str]:
        names = {one.key: one.name for one in self.desk.knowledge.authorities.all}
        known = [
            ({"authority": names.get(one.issuer, one.issuer.hex())}, (one.next_update - now).total_seconds() / _DAY)
            for one in self.desk.knowledge.revocations.store.known()
        ]
        yield from _family("crl_days_left", "gauge", "Until the next revocation list must be there", known)

    def _rest(self, now: datetime) -> Iterable[str]:
        left = _days_left(self.certificate, now)
        if left is not None:
            yield from _family("certificate_days_left", "gauge", "Life of our own certificate", [({}, left)])
        kept = (self.places.alarms, self.places.redlist / "alarms.json")
        alarms = [(labels, 1.0) for path in kept for labels in _alarms(path)]
        yield from _family("alarm", "gauge", "Alarms that stand", alarms)

    def _probes(self) -> Iterable[str]:
        name, total = "vaguemestre_trust_probe_seconds", 0
        yield f"# HELP {name} How long looks at peers took"
        yield f"# TYPE {name} histogram"
        for bound, number in zip((*map(str, BUCKETS), "+Inf"), self.peers.seconds, strict=True):
            total += number
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self.peers.seconds_sum:.6f}"
        yield f"{name}_count {total}"


def _other(path: Path) -> str:
    """A page that another job of this host left, when it is there and whole lines."""
    try:
        page = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    return page if page.endswith("\n") else ""


def _family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> Iterable[str]:
    yield f"# HELP vaguemestre_trust_{name} {told}"
    yield f"# TYPE vaguemestre_trust_{name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"vaguemestre_trust_{name}{{{inside}}} {value:g}" if inside else f"vaguemestre_trust_{name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _days_left(certificate: Path, now: datetime) -> float | None:
    from vaguemestre.host.trust import libraries
    from vaguemestre.host.trust.authorities import guarded
    from vaguemestre.host.trust.certificate import read

    try:
        ends = guarded(lambda: libraries.ends(read(certificate.read_bytes())))
    except Exception:
        return None
    return (ends - now).total_seconds() / _DAY


def _alarms(path: Path) -> list[dict[str, str]]:
    """The alarms that stand, as labels; the file is the refresh's (`telling`)."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))["alarms"]
        return [{label: str(one.get(label, "")) for label in ("name", "about", "stage")} for one in plain]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
