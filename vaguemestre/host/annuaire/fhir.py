"""The national directory read by its FHIR interface: all of it, then what changed; handed over as an extraction.

The first reading is full: every Practitioner, PractitionerRole and Organization with a mailbox, page by page. Later
ones ask for what changed since the one before (`_lastUpdated`), mailbox or none, for who lost theirs must be met too.
The interface remembers changes for 30 days only; after a longer silence, and once a week, all is read again.

What is handed over has the extraction's own columns, so whatever examines, compares and applies one does not know the
difference. Nothing is handed over before a reading is whole; one that was cut goes on at its page.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from vaguemestre.host.annuaire.fhir_client import Access, Client
from vaguemestre.host.annuaire.fhir_resources import TYPES
from vaguemestre.host.annuaire.fhir_store import Known, Progress, Store
from vaguemestre.host.trust import durable
from vaguemestre.host.trust.fetch import FetchError

__all__ = ["Access", "Client", "Snapshot", "snapshot"]

WINDOW = timedelta(days=29)
"""How long changes may be asked for; the interface's limit is 30 days."""

FULL_EVERY = timedelta(days=7)

_OVERLAP = timedelta(minutes=15)  # of two readings: what was changed while the first one ran is met again
_OLDEST = timedelta(hours=24)  # of a reading to go on with
_MISSING = 1000  # one in so many of what was announced may: mailboxes come and go while pages are read
_LOST_LINK = ("http_400", "http_404", "http_410")
_PAGES_AT_MOST = 200_000
_INCLUDED = "&_include=PractitionerRole:practitioner&_include=PractitionerRole:organization"
_PAGE = "_count=50&_total=accurate"

OnPage = Callable[[int, int], None]
"""Told after each page how many resources of a type are here, and how many there are, 0 when that is not known."""


@dataclass(frozen=True)
class Snapshot:
    """What the interface has: a file in the extraction's columns, as of `made` (UTC).

    `full` is whether all was read, not only what changed; `changed` whether anything is not as it was.
    """

    path: Path
    made: datetime
    full: bool
    changed: bool


def snapshot(
    access: Access,
    store: Path,
    target: Path,
    *,
    now: datetime,
    full: bool = False,
    progress: OnPage | None = None,
    client: Client | None = None,
) -> Snapshot:
    """Read what there is to be read, keep it in the file `store`, write all that is known to `target`.

    `full` asks for everything whatever is known.

    Raises:
        FetchError: it could not be read to the end; what was read is kept for the next time. Slugs are those of
            `trust.fetch`, and: key (it is refused), no_fhir, foreign_next, endless, short (fewer came than announced).
        OSError: the disk.
    """
    with Store(store) as kept:
        going = _going(kept, now, full=full)
        going = _read(kept, going, client or Client(access), progress)
        kept.end(going)
        _write(target, kept.lines())
        return Snapshot(target, _moment(going.begun or going.started), not going.since, bool(going.changed))


def since(known: Known, now: datetime) -> str:
    """From when on changes are to be asked for; empty: all is to be read."""
    if not known.until or not known.full:
        return ""
    until, last = _moment(known.until), _moment(known.full)
    if not timedelta() <= now - last < FULL_EVERY or not now - until < WINDOW - _OVERLAP:
        return ""
    return _told(min(until, now) - _OVERLAP)


def _going(kept: Store, now: datetime, *, full: bool) -> Progress:
    """The reading to go on with, or a new one."""
    going = kept.progress()
    if going and timedelta() <= now - _moment(going.started) < _OLDEST and not (full and going.since):
        return going
    known = kept.known()
    going = Progress("" if full else since(known, now), _told(now), known.generation)
    return _begun(kept, going)


def _begun(kept: Store, going: Progress) -> Progress:
    """A full reading has a generation of its own."""
    going = going if going.since else replace(going, generation=going.generation + 1)
    kept.begin(going)
    return going


def _read(kept: Store, going: Progress, client: Client, progress: OnPage | None) -> Progress:
    """All that is left of a reading."""
    resumed = bool(going.next)
    while going.place < len(TYPES):
        try:
            going = _page(kept, going, client, progress)
        except FetchError as error:
            if error.slug not in _LOST_LINK:
                raise
            if resumed:  # the link of a day ago is forgotten: this type from its beginning
                going = replace(going, next="", met=0)
            elif going.since and not going.met:  # so far back it does not remember
                going = _begun(kept, replace(going, since="", place=0))
            else:
                raise
        resumed = False
    return going


def _page(kept: Store, going: Progress, client: Client, progress: OnPage | None) -> Progress:
    """One page, and where the reading is then."""
    page = client.page(going.next or client.url(_query(TYPES[going.place], going.since)))
    met, announced = going.met + page.met, page.total or going.announced
    after = replace(
        going,
        begun=going.begun or (_told(page.date) if page.date else ""),
        next=page.next,
        met=met,
        announced=announced,
        pages=going.pages + 1,
    )
    if not page.next:
        if announced - met > announced // _MISSING:
            kept.abandon()
            raise FetchError("short", f"{TYPES[going.place]}: {met} resources came of {announced} that were announced")
        after = replace(after, place=going.place + 1, met=0, announced=0)
    elif after.pages > _PAGES_AT_MOST or met > 2 * announced + 1000:
        kept.abandon()
        raise FetchError("endless", f"{TYPES[going.place]}: {met} resources of {announced} came, and there are more")
    after = kept.take(page.matches, page.others, after)
    if progress:
        progress(met, announced)
    return after


def _query(kind: str, since: str) -> str:
    """What to ask: everybody with a mailbox, or everybody who changed; with whom a role refers to."""
    wanted = f"_lastUpdated=ge{since}" if since else "mailbox-mss:contains=%40"
    return f"{kind}?{wanted}&{_PAGE}{_INCLUDED if kind == 'PractitionerRole' else ''}"


def _write(target: Path, lines: Iterable[str]) -> None:
    """The file, whole or not at all, for its owner alone; a line of it may be about anybody."""
    begun = target.with_name(f"{target.name}.new")
    left: Iterator[str] = iter(lines)
    with open(begun, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        while block := list(islice(left, 5_000)):
            file.write(("\n".join(block) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
    begun.rename(target)
    durable.sync(target.parent)


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(told: str) -> datetime:
    return datetime.fromisoformat(told)
