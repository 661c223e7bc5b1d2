"""Who may change hosts: one rollout at a time, on this controller by its records, everywhere by claims on the hosts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vaguemestre.engines import wire
from vaguemestre.engines.door import Outcome
from vaguemestre.engines.pyinfra import ask
from vaguemestre.engines.targets import Target
from vaguemestre.rollouts.record import CLAIM_SECONDS, Ending, HostRecord, Record, history

_RECENT = 50  # rollouts that may still have hosts


def others(folder: Path, record: Record) -> dict[str, Record]:
    """The hosts of `record` that another rollout of this controller is changing, and which.

    Of two that begin at the same moment, neither having claimed a host yet, the one with the lower ID goes on.
    """
    return {
        one.host: other
        for other in history(folder, _RECENT)
        if other.id != record.id and (other.begun or other.id < record.id) and other.ending is Ending.UNDER_WAY
        for one in _shared(record, other)
    }


def told(other: Record) -> str:
    """Why a host of another rollout's is left alone."""
    return (
        f"part of rollout {other.id} of {other.by}, since {other.began}\n"
        f"    wait for it; `vaguemestre rollout show {other.id}` tells how far it is"
    )


def take(folder: Path, record: Record, targets: Mapping[str, Target]) -> dict[str, Outcome]:
    """Claim these hosts, or renew the claim.

    Rollouts of this controller that died, or ended while a host was away, are replaced.
    """
    over = (one.id for one in history(folder, _RECENT) if one.ending is not Ending.UNDER_WAY and _shared(record, one))
    instead = ",".join(sorted(one for one in over if one != record.id))
    words = (f"--by={record.by}", f"--seconds={CLAIM_SECONDS}", f"--instead={instead}")
    return ask(targets, "claim", record.id, *words) if targets else {}


def refused(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """The hosts that another rollout has, and its words."""
    return {
        host: one.message for host, one in outcomes.items() if isinstance(one, wire.Failed) and one.phase == "claim"
    }


def leave(targets: Mapping[str, Target], rollout: str = "") -> dict[str, Outcome]:
    """Give up this rollout's claim on these hosts, or whoever's it is when none is named."""
    return ask(targets, "disclaim", *([rollout] if rollout else [])) if targets else {}


def _shared(record: Record, other: Record) -> list[HostRecord]:
    mine = {one.host for one in record.hosts}
    return [one for one in other.hosts if one.host in mine]
