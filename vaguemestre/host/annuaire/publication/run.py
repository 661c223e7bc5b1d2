"""One run: read what is wanted, compare with what is confirmed, bring the difference to the nation, write it all down.

A timer calls it. One run at a time. Before an operation leaves it is written down, and its outcome before the next one
leaves: a run that is killed anywhere goes on at the next, without doing anything twice or forgetting anything. A run
reads our directory again every minute, so that what is urgent does not wait behind what is much.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from vaguemestre.host.annuaire.publication import approval, confirmed, report
from vaguemestre.host.annuaire.publication.confirmed import Record, State
from vaguemestre.host.annuaire.publication.desired import Desired, desired
from vaguemestre.host.annuaire.publication.difference import Limits, Withheld, difference, guard, ours
from vaguemestre.host.annuaire.publication.layout import Places, Settings
from vaguemestre.host.annuaire.publication.ledger import Ledger
from vaguemestre.host.annuaire.publication.memory import Memory
from vaguemestre.host.annuaire.publication.operation import Batch, Operation, Outcome, Result, Writer
from vaguemestre.host.mailboxes.bal import Mailbox
from vaguemestre.host.moving import layout as moving

ROUND = 60.0  # seconds, after which our directory is read again
LONGEST = 540.0  # seconds of one run; the timer begins another
_TIRED = 3  # calls in a row that came to nothing: the nation is left alone until the next run
_DAY = timedelta(days=1)

Read = Callable[[], Iterable[Mailbox]]
Clock = Callable[[], datetime]


class BusyError(Exception):
    """Another run is under way."""


def clock() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class View:
    """How things stand: every record, what differs, what of it may be done, what waits for a person."""

    desired: Desired
    records: dict[str, Record]
    differences: tuple[Operation, ...]
    operations: tuple[Operation, ...]
    withheld: Withheld | None

    def due(self, now: datetime) -> tuple[Operation, ...]:
        """What is tried now, the urgent first."""
        return tuple(one for one in self.operations if confirmed.due(self.records.get(one.address), one, now))


@dataclass
class Tally:
    """What a run did; `halted` says why it stopped early, empty when it did not."""

    results: dict[str, int] = field(default_factory=dict)
    halted: str = ""
    barren: int = 0

    def count(self, outcome: Outcome) -> None:
        name = str(outcome.result)
        self.results[name] = self.results.get(name, 0) + 1

    def judge(self, outcomes: tuple[Outcome, ...]) -> None:
        """Whether to go on."""
        failed = [one for one in outcomes if one.result in (Result.DEFERRED, Result.UNKNOWN)]
        self.barren = self.barren + 1 if failed else 0
        if failed and (self.barren >= _TIRED or any(one.halt for one in failed)):
            self.halted = failed[-1].loggable or failed[-1].slug


def view(
    settings: Settings, places: Places, records: dict[str, Record], mailboxes: Iterable[Mailbox], now: datetime
) -> View:
    """What must be done, and what of it may; nothing is written."""
    wanted = desired(mailboxes, settings.kept_back)
    differences = ours(difference(wanted.listings, records), moving.elsewhere())
    agreed = approval.approved(places.approval, now)
    gone = [one for one in records.values() if _just_withdrawn(one, now) and one.address not in agreed]
    operations, withheld = guard(
        differences,
        known=wanted.known,
        published=sum(one.confirmed is not None for one in records.values()),
        withdrawn=len(gone),
        approved=agreed,
        limits=Limits(settings.max_removed_percent),
    )
    return View(wanted, records, differences, operations, withheld)


def publish(
    settings: Settings, places: Places, ledger: Ledger, writer: Writer, read: Read, time_of: Clock = clock
) -> tuple[View, Memory]:
    """Bring the nation up to date, as far as it goes; how things stand then, and what to remember of it.

    Raises:
        EntriesError: our directory cannot be read; nothing more was sent.
        LedgerError, OSError: nor can what is known be read or written.
    """
    end = time.monotonic() + LONGEST
    tally = Tally()
    records = _recovered(ledger, writer)
    while True:
        found = _noted(ledger, view(settings, places, records, read(), time_of()), time_of())
        records = found.records
        due = found.due(time_of())
        if not due or tally.halted or time.monotonic() >= end:
            break
        _round(places, ledger, writer, found, due, tally, min(end, time.monotonic() + ROUND), time_of)
    ledger.forget(records.values(), time_of())
    at = time_of().isoformat(timespec="seconds")
    return found, Memory(at, tally.results, tally.halted, len(found.operations))


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Hold the lock of the folder; raises BusyError when somebody else does."""
    places.root.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BusyError("a run of the publication is under way; look again in a minute") from None
    finally:
        os.close(handle)


def _recovered(ledger: Ledger, writer: Writer) -> dict[str, Record]:
    """After a run that may have been killed: what can still be believed."""
    records = ledger.all()
    states = [one.attempt for one in records.values() if one.attempt is not None]
    writer.recover(frozenset(one.batch for one in states if one.state is State.HANDED))
    again = {one.address: confirmed.woken(one, unsent=writer.certain) for one in records.values()}
    ledger.put(one for one in again.values() if one is not records[one.address])
    return again


def _noted(ledger: Ledger, found: View, now: datetime) -> View:
    """With the moment since when each difference is, and is urgent; withheld ones too."""
    open_ = {one.address: one.urgent for one in found.differences}
    changed = []
    for address in {*open_, *found.records}:
        record = found.records.get(address, Record(address))
        since = (record.since or now) if address in open_ else _waits(record)
        urgent = (record.urgent_since or now) if open_.get(address) or _hides(record) else None
        noted = replace(record, since=since, urgent_since=urgent)
        if noted != record:
            changed.append(noted)
    ledger.put(changed)
    return replace(found, records={**found.records, **{one.address: one for one in changed}})


def _waits(record: Record) -> datetime | None:
    """What was handed over is not confirmed yet."""
    return record.since if record.attempt is not None and record.attempt.state is State.HANDED else None


def _hides(record: Record) -> bool:
    """Hiding it was handed over, and nobody has said that it is done."""
    attempt = record.attempt
    if attempt is None or attempt.state is not State.HANDED:
        return False
    return record.visible and (attempt.target is None or attempt.target.redlist)


def _round(
    places: Places,
    ledger: Ledger,
    writer: Writer,
    found: View,
    due: tuple[Operation, ...],
    tally: Tally,
    end: float,
    time_of: Clock,
) -> None:
    for batch in writer.batches(due):
        if tally.halted or time.monotonic() >= end:
            return
        found.records.update(_sent(places, ledger, writer, batch, found.records, tally, time_of))


def _sent(
    places: Places,
    ledger: Ledger,
    writer: Writer,
    batch: Batch,
    records: dict[str, Record],
    tally: Tally,
    time_of: Clock,
) -> dict[str, Record]:
    """One batch: written down, sent, written down, released; its records then."""
    going = {one.address: confirmed.sent(_known(records, one), one, batch.name, time_of()) for one in batch.operations}
    ledger.put(going.values())
    outcomes = tuple(writer.send(batch))
    now = time_of()
    report.write(places.report, (report.line(one, batch.name, now) for one in outcomes))  # rather twice than never
    done = {one.operation.address: confirmed.after(going[one.operation.address], one, now) for one in outcomes}
    ledger.put(done.values())
    writer.release(batch)
    for one in outcomes:
        tally.count(one)
    tally.judge(outcomes)
    return {**going, **done}


def _known(records: dict[str, Record], operation: Operation) -> Record:
    return records.get(operation.address, Record(operation.address))


def _just_withdrawn(record: Record, now: datetime) -> bool:
    at = record.confirmed_at
    return record.by == "delete" and record.confirmed is None and at is not None and now - at < _DAY
