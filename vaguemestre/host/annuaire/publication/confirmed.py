"""What the nation last confirmed of each mailbox, and how the latest attempt to change that stands. Pure.

A record goes from one state to the next by `sent` (written down before anything leaves this host), then `after` (what
became of it). Killed in between, `woken` says at the next run what can still be believed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from vaguemestre.host.annuaire.publication import listing
from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.annuaire.publication.operation import Operation, Outcome, Result

_FIRST = timedelta(minutes=1)
_LONGEST = timedelta(hours=6)
_LONGEST_URGENT = timedelta(minutes=5)
_UNKNOWN_HOLDER = timedelta(hours=24)
"""A person or a structure that the nation does not know yet may be registered there tomorrow."""


class State(StrEnum):
    """How an attempt stands."""

    SENT = "sent"  # given to the writer; nothing is known yet
    HANDED = "handed"  # in a file for somebody else's tool; its report will tell
    WAITING = "waiting"  # failed in passing; tried again at `not_before`
    REJECTED = "rejected"  # the nation does not want it; tried again when the mailbox changes


@dataclass(frozen=True)
class Attempt:
    """The latest attempt: what the mailbox was to become (None: withdrawn), and why it has not. Times are UTC."""

    target: Listing | None
    state: State
    batch: str
    at: datetime
    failures: int = 0
    not_before: datetime | None = None
    slug: str = ""
    message: str = ""


@dataclass(frozen=True)
class Record:
    """One mailbox. `uncertain`: an attempt's outcome never became known, so the nation may hold something else.

    `suspected` is what it may hold then, however many attempts came after, until one is confirmed. `since` is when what
    is confirmed and what is wanted began to differ, `urgent_since` when that began to be urgent.
    """

    address: str
    confirmed: Listing | None = None
    confirmed_at: datetime | None = None
    by: str = ""
    uncertain: bool = False
    suspected: Listing | None = None
    since: datetime | None = None
    urgent_since: datetime | None = None
    attempt: Attempt | None = None

    @property
    def held(self) -> Listing | None:
        """What the nation holds, or will once it has read the files that were handed over."""
        if self.attempt is not None and self.attempt.state is State.HANDED:
            return self.attempt.target
        return self.confirmed

    @property
    def visible(self) -> bool:
        """Whether the nation may be showing it to anybody."""
        return self.uncertain or (self.confirmed is not None and not self.confirmed.redlist)


def sent(record: Record, operation: Operation, batch: str, now: datetime) -> Record:
    """Before it leaves; `batch` names what goes together."""
    failures = record.attempt.failures if _same(record, operation.after) and record.attempt else 0
    return replace(record, attempt=Attempt(operation.after, State.SENT, batch, now, failures))


def woken(record: Record, *, unsent: bool) -> Record:
    """A record whose run was killed between `sent` and `after`; `unsent`: with this writer nothing can have left."""
    if record.attempt is None or record.attempt.state is not State.SENT:
        return record
    waiting = replace(record.attempt, state=State.WAITING, slug="cut", message="the run was cut short")
    known = record if unsent else _doubted(record, record.attempt.target)
    return replace(known, attempt=waiting)


def after(record: Record, outcome: Outcome, now: datetime) -> Record:
    """What the record becomes by the outcome of an operation that was `sent`."""
    operation = outcome.operation
    match outcome.result:
        case Result.CONFIRMED:
            return Record(record.address, operation.after, now, operation.kind)
        case Result.HANDED:
            return replace(record, attempt=_attempt(record, outcome, State.HANDED, now))
        case Result.REJECTED:
            again = now + _UNKNOWN_HOLDER if outcome.slug == "unknown_holder" else None
            return replace(record, attempt=_attempt(record, outcome, State.REJECTED, now, again))
        case Result.DEFERRED | Result.UNKNOWN:
            known = _doubted(record, operation.after) if outcome.result is Result.UNKNOWN else record
            waiting = _attempt(record, outcome, State.WAITING, now)
            waiting = replace(waiting, failures=waiting.failures + 1)
            pause = max(patience(waiting.failures, urgent=operation.urgent), timedelta(seconds=outcome.retry_after))
            return replace(known, attempt=replace(waiting, not_before=now + pause))


def due(record: Record | None, operation: Operation, now: datetime) -> bool:
    """Whether it is tried now: what was rejected is not, unless the mailbox has changed since."""
    if record is None or record.attempt is None or not _same(record, operation.after):
        return True
    attempt = record.attempt
    if attempt.not_before is None:
        return attempt.state is State.WAITING
    return now >= attempt.not_before


def reopened(record: Record, *, lost: bool) -> Record:
    """As if it had never failed: it is tried at the next run. What was handed over stays so, unless it got `lost`."""
    states = (State.WAITING, State.REJECTED, State.HANDED) if lost else (State.WAITING, State.REJECTED)
    if record.attempt is None or record.attempt.state not in states:
        return record
    return replace(record, attempt=replace(record.attempt, state=State.WAITING, not_before=None, failures=0))


def patience(failures: int, *, urgent: bool) -> timedelta:
    """How long to wait after so many failures: doubled each time, and what is urgent never long."""
    longest = _LONGEST_URGENT if urgent else _LONGEST
    return min(longest, _FIRST * (1 << min(failures - 1, 16)))


def plain(record: Record) -> dict[str, Any]:
    """For JSON; `parse` is its inverse."""
    return asdict(record)


def parse(told: dict[str, Any]) -> Record:
    """The record that `plain` wrote, times as ISO texts; KeyError, TypeError or ValueError when it is none."""
    attempt = told["attempt"]
    return Record(
        address=told["address"],
        confirmed=_listing(told["confirmed"]),
        confirmed_at=_time(told["confirmed_at"]),
        by=told["by"],
        uncertain=bool(told["uncertain"]),
        suspected=_listing(told["suspected"]),
        since=_time(told["since"]),
        urgent_since=_time(told["urgent_since"]),
        attempt=attempt and _parsed(attempt),
    )


def _doubted(record: Record, target: Listing | None) -> Record:
    """Perhaps the nation holds `target` by now, perhaps not."""
    return replace(record, uncertain=True, suspected=target or record.suspected)


def _parsed(told: dict[str, Any]) -> Attempt:
    return Attempt(
        **{
            **told,
            "target": _listing(told["target"]),
            "state": State(told["state"]),
            "at": datetime.fromisoformat(told["at"]),
            "not_before": _time(told["not_before"]),
        }
    )


def _attempt(
    record: Record, outcome: Outcome, state: State, now: datetime, not_before: datetime | None = None
) -> Attempt:
    batch = record.attempt.batch if record.attempt else ""
    failures = record.attempt.failures if record.attempt else 0
    return Attempt(outcome.operation.after, state, batch, now, failures, not_before, outcome.slug, outcome.message)


def _same(record: Record, target: Listing | None) -> bool:
    return record.attempt is not None and record.attempt.target == target


def _listing(told: dict[str, Any] | None) -> Listing | None:
    return None if told is None else listing.parse(told)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
