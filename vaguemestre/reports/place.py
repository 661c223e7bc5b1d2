"""Where an establishment stands: joined, waiting or failed, and since when. Decided from what is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from vaguemestre.audit.finding import HostAudit, Severity
from vaguemestre.establishment import Establishment, Mode
from vaguemestre.reports.requirements import Text
from vaguemestre.rollouts.record import HostRecord, Result
from vaguemestre.verify.kept import Verification


class Place(StrEnum):
    """How far an establishment has come."""

    FAILED = "failed"  # something that was tried there, or seen there, is not as it must be
    WAITING = "waiting"  # has not been verified yet
    JOINED = "joined"  # its last verification passed, and nothing worse is known since
    INDIVIDUAL = "individual"  # runs nothing: there is nothing to verify


@dataclass(frozen=True)
class Known:
    """What is on record of an establishment: its last whole verification, since when verifications end as that did, and
    for each host that serves it the last rollout and the last audit that had it.
    """

    establishment: Establishment
    verified: Verification | None = None
    since: datetime | None = None
    rollouts: Sequence[HostRecord] = ()
    audits: Sequence[HostAudit] = ()


@dataclass(frozen=True)
class Stand:
    """The place, since when (None: nobody knows), and why in words."""

    place: Place
    since: datetime | None
    why: Text


_LATEST = datetime.max.replace(tzinfo=UTC)
_NOTHING = Text("", "")
_NEVER = Text("jamais vérifié", "never verified")
_BROUGHT = Text("installé, à vérifier", "provisioned, to be verified")
_BROKEN = (Result.FAILED, Result.UNREACHABLE)


def stand(known: Known) -> Stand:
    """The newest word counts: what was seen before the last verification is settled by it."""
    if known.establishment.mode is Mode.INDIVIDUAL:
        return Stand(Place.INDIVIDUAL, None, _NOTHING)
    trouble = [*_audited(known), *_rolled_out(known)]
    if trouble:
        return min(trouble, key=lambda one: one.since or _LATEST)
    if known.verified is None:
        return _waiting(known)
    if not known.verified.passed:
        return Stand(Place.FAILED, known.since, _failures(known.verified))
    return Stand(Place.JOINED, known.since, _NOTHING)


def _waiting(known: Known) -> Stand:
    done = [moment for one in known.rollouts if one.result is Result.DONE and (moment := _moment(one.ended))]
    return Stand(Place.WAITING, max(done), _BROUGHT) if done else Stand(Place.WAITING, None, _NEVER)


def _failures(one: Verification) -> Text:
    number = one.count("failed")
    return Text(f"{number} comportement(s) en échec", f"{number} behaviour(s) failed")


def _audited(known: Known) -> list[Stand]:
    bad = [one for one in known.audits if one.severity is Severity.BAD and _later(known, one.at)]
    return [Stand(Place.FAILED, _moment(one.since), _finding(one)) for one in bad]


def _finding(one: HostAudit) -> Text:
    worst = next(found for found in one.findings if found.severity is Severity.BAD)
    return Text(f"{one.host} : {worst.fr}", f"{one.host}: {worst.en}")


def _rolled_out(known: Known) -> list[Stand]:
    bad = [one for one in known.rollouts if one.result in _BROKEN and _later(known, one.ended or one.began)]
    return [
        Stand(
            Place.FAILED,
            _moment(one.ended or one.began),
            Text(f"{one.host} : échec du déploiement", f"{one.host}: the rollout failed"),
        )
        for one in bad
    ]


def _later(known: Known, at: str | None) -> bool:
    moment = _moment(at)
    return moment is not None and (known.verified is None or moment > known.verified.ended)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
