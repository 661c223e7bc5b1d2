"""One wave of a rollout: whether it may begin, and how each of its hosts fares."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from vaguemestre.rollouts import claims
from vaguemestre.rollouts.course import targets
from vaguemestre.rollouts.kept import kept
from vaguemestre.rollouts.record import HostRecord, Record, Result, note, now, read
from vaguemestre.rollouts.windows import closed

_BEGINS = (Result.UNDER_WAY,)


def closed_windows(path: Path, hosts: Collection[str], moment: datetime) -> dict[str, str]:
    """Which of a wave's hosts must not be changed now, and when they may be; one is enough for the wave to wait."""
    if read(path).options.outside_window:
        return {}
    reasons = {host: closed(kept(path, host).windows, moment) for host in hosts}
    return {host: why for host, why in reasons.items() if why}


def too_many(changing: Collection[str], record: Record) -> str | None:
    """Why these hosts, which serve now, are too many to be changed at once; None when they are not."""
    if len(changing) <= record.most_at_once or "share" in record.options.allow:
        return None
    return (
        f"the wave would change {len(changing)} hosts at once that serve now, and {record.most_at_once} are the most "
        "(--allow share)\n    make more waves of it, or begin with fewer establishments"
    )


def claimed(path: Path, hosts: Collection[str]) -> dict[str, str]:
    """Renew the claims of a wave's hosts; those that another rollout has got, and its words."""
    record = read(path)
    return claims.refused(claims.take(path.parent, record, targets(path, record, hosts)))


def noted(path: Path, host: str, result: Result, **how: Any) -> HostRecord:
    """Note how a host fares; gives its part of the record as it is then.

    `live` is what is live on it; the first one noted of a host that this rollout has not changed is what it had before.
    """
    before = read(path).host(host)
    if result in _BEGINS:
        how |= {"began": now(), "before": before.before if before.changed else how.get("live")}
    else:
        how |= {"ended": now()}
    return note(path, host, result=result, **how).host(host)
