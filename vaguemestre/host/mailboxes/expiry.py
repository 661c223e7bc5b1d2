"""What time does to mailboxes that have ended: closed, then quarantined, then purged. Pure.

The delays are the inventory's (`retention`). Two states lie between a mailbox that is closed and the loss of its mail,
each with its own date, so that a clock that is wrong for a day removes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vaguemestre.host.mailboxes.bal import Mailbox, Retention, Site, moved

_TIME = "%Y%m%d%H%M%SZ"
_THEN = {"closed": "quarantined", "quarantined": "purged"}


@dataclass(frozen=True)
class Expired:
    """What is due now: mailboxes before and after. `waiting` are those beyond what may be purged in one day."""

    steps: tuple[tuple[Mailbox, Mailbox], ...]
    waiting: int


def expired(boxes: Iterable[Mailbox], site: Site, now: str, max_purged: int) -> Expired:
    """What is due at `now`; of those to be purged at most `max_purged`, those that waited longest first.

    A mailbox in a domain that is no longer served here has no delays, so nothing happens to it.
    """
    due = [box for box in boxes if _due(box, site, now)]
    purges = sorted((box for box in due if box.state == "quarantined"), key=lambda box: (box.since, box.address))
    chosen = [*(box for box in due if box.state == "closed"), *purges[:max_purged]]
    steps = tuple((box, moved(box, _THEN[box.state], now, box.state_by)) for box in chosen)
    return Expired(steps, len(purges) - len(purges[:max_purged]))


def leaves(box: Mailbox, retention: Retention) -> str | None:
    """When a mailbox that has ended goes on to its next state; None where it stays."""
    days = {"closed": retention.closed_days, "quarantined": retention.quarantine_days}.get(box.state)
    if days is None or not box.since:
        return None
    try:
        return (datetime.strptime(box.since, _TIME) + timedelta(days=days)).strftime(_TIME)
    except (ValueError, OverflowError):  # no date that a calendar knows: for a person to look at
        return None


def _due(box: Mailbox, site: Site, now: str) -> bool:
    domain = site.domains.get(box.domain)
    moment = leaves(box, domain.retention) if domain else None
    return moment is not None and moment <= now
