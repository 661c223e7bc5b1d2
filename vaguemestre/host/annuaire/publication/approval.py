"""Withdrawals that a person has agreed to: exactly these mailboxes, for a day."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from vaguemestre.host.trust import durable

VALID = timedelta(days=1)


@dataclass(frozen=True)
class Approval:
    """Who agreed, when, to withdraw which mailboxes."""

    at: str
    by: str
    addresses: tuple[str, ...]


def standing(path: Path, now: datetime) -> tuple[Approval, ...]:
    """The approvals that still count; a file that cannot be read approves of nothing."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        known = [Approval(one["at"], one["by"], tuple(one["addresses"])) for one in told]
        return tuple(one for one in known if timedelta(0) <= now - datetime.fromisoformat(one.at) < VALID)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def approved(path: Path, now: datetime) -> frozenset[str]:
    """All addresses that may be withdrawn."""
    return frozenset(address for one in standing(path, now) for address in one.addresses)


def add(path: Path, addresses: Iterable[str], by: str, now: datetime) -> None:
    """Agree to these; raises OSError."""
    known = (*standing(path, now), Approval(now.isoformat(), by, tuple(addresses)))
    durable.write(path, json.dumps([asdict(one) for one in known], ensure_ascii=False).encode())
