"""Where every establishment stands, from the records beside the inventory; no host is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaguemestre import records
from vaguemestre.audit import history as audits
from vaguemestre.audit.finding import HostAudit
from vaguemestre.establishment import Establishment, Fleet
from vaguemestre.records import Kind
from vaguemestre.reports.overview import Stood
from vaguemestre.reports.place import Known, stand
from vaguemestre.rollouts.record import HostRecord
from vaguemestre.rollouts.record import history as rollouts
from vaguemestre.verify import kept


def stood(fleet: Fleet) -> tuple[Stood, ...]:
    """Every establishment in rollout order.

    Raises:
        RecordsError: a record is damaged.
    """
    last = {host.host: host for host in reversed(_rolled_out(fleet))}
    audit = audits.last(fleet)
    seen = {one.host: one for one in audit.hosts} if audit else {}
    return tuple(_stood(fleet, one, last, seen) for one in fleet.establishments)


def plain(found: Sequence[Stood]) -> list[dict[str, Any]]:
    """For other programs; times are ISO 8601, UTC."""
    return [
        {
            "establishment": one.slug,
            "region": one.region,
            "wave": one.wave,
            "stands": stand.place.value,
            "since": stand.since.isoformat() if stand.since else None,
            "verified": verified.isoformat() if verified else None,
            "why": {"fr": stand.why.fr, "en": stand.why.en},
        }
        for one, stand, verified in found
    ]


def _rolled_out(fleet: Fleet) -> list[HostRecord]:
    """Each host's part in each rollout, the newest first."""
    return [host for record in rollouts(records.folder(fleet, Kind.ROLLOUTS)) for host in record.hosts]


def _stood(
    fleet: Fleet, one: Establishment, rolled_out: Mapping[str, HostRecord], audited: Mapping[str, HostAudit]
) -> Stood:
    serving = {establishment.slug: establishment for establishment in fleet.establishments}.get(one.operator or "", one)
    hosts = [host.name for host in serving.hosts]
    verified, since = kept.last(fleet, one.slug), kept.since(fleet, one.slug)
    known = Known(
        one,
        verified,
        since[1] if since else None,
        [rolled_out[name] for name in hosts if name in rolled_out],
        [audited[name] for name in hosts if name in audited],
    )
    return one, stand(known), verified.ended if verified else None
