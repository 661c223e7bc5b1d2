"""One run that brings what is known up to date: what is due is asked for, verified, put in force; the rest is told.

A timer calls it every five minutes; the schedule decides what is due. One run at a time, one request in flight. What
was known stays in force, whatever a source does, until something better was verified. The time and the folder are
arguments, so that days can be rehearsed in a second.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from vaguemestre.host.trust import crls, fetch, history, intake, own, sources, store, telling
from vaguemestre.host.trust.alarms import Alarm, State, alarms
from vaguemestre.host.trust.fetch import Answer, FetchError, Request
from vaguemestre.host.trust.intake import RefusedError
from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.sources import Memory, Source

_SECONDS = {"list": 90.0, "crl": 30.0}  # for one whole answer
_HURRIED = 15.0  # seconds, when the daemon's first start waits for it
_CLOCKS_DIFFER = timedelta(minutes=10)
_DATED = frozenset(("future", "signer_expired", "signer_not_yet_valid", "not_yet", "outdated"))


class BusyError(Exception):
    """Another run is under way."""


@dataclass
class Run:
    """One run: what it goes by, what it learns, what happened. `ask` is what talks to the sources."""

    settings: Settings
    places: Places
    now: datetime
    memory: Memory
    seconds: float | None = None
    ask: Callable[[Request], Answer] = fetch.get
    events: list[history.Event] = field(default_factory=list)

    def note(self, event: str, **facts: Any) -> None:
        self.events.append(history.note(self.places.history, self.now, event, **facts))


@dataclass(frozen=True)
class Report:
    """What a run did (events, as in the history) and what stands after it."""

    events: tuple[history.Event, ...]
    alarms: tuple[Alarm, ...]
    asked: tuple[str, ...]


def refresh(
    settings: Settings,
    places: Places,
    now: datetime,
    *,
    if_empty: bool = False,
    force: bool = False,
    ask: Callable[[Request], Answer] = fetch.get,
) -> Report:
    """One run. `force` asks every source now; `if_empty` asks only where nothing usable is held, and hurries.

    Raises:
        BusyError: another run is under way.
        OSError: the folder of state cannot be written.
    """
    with alone(places):
        run = begun(settings, places, now)
        run.seconds, run.ask = _HURRIED if if_empty else None, ask
        asked = _renewed(run, if_empty, force)
        standing = conclude(run)
        return Report(tuple(run.events), standing, asked)


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Hold the lock of the folder; raises BusyError when somebody else does."""
    places.root.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BusyError("another refresh is under way; look again in a minute") from None
    finally:
        os.close(handle)


def begun(settings: Settings, places: Places, now: datetime) -> Run:
    """A run that knows what the last one remembered."""
    return Run(settings, places, now, sources.load(places.sources, settings.sources))


def conclude(run: Run) -> tuple[Alarm, ...]:
    """After a run, or after an administrator's change: our own entries, what is remembered, alarms."""
    state = observe(run)
    for domain, one in state.own.items():
        if one.since == run.now and one.before is not None:
            run.note("own", domain=domain, listed=one.listed, before=one.before)
    run.memory = replace(run.memory, own=state.own)
    sources.save(run.places.sources, run.memory)
    standing = alarms(state, run.settings, run.now)
    telling.say(telling.tell(channel(run.places, run.settings), standing, run.now))
    return standing


def channel(places: Places, settings: Settings) -> telling.Channel:
    """Where the alarms of the trust space are told."""
    return telling.Channel(
        name="trust",
        about="espace de confiance MSSante",
        told=places.told,
        standing=places.alarms,
        mail_host=settings.mail_host,
        postmaster=settings.postmaster,
        notify=settings.notify,
    )


def observe(run: Run) -> State:
    """What is known now, for the alarms and for people."""
    facts = intake.facts(run.places)
    shown = own.certificate(run.settings.certificate)
    listed = own.entries(run.places, run.settings) if facts else None
    watched = run.memory.own if listed is None else sources.watched(run.memory.own, own.names(listed), run.now)
    return State(
        listing=facts,
        confirmed=store.confirmed(run.places.listing),
        quarantine=intake.quarantined(run.places),
        known=crls.known(run.places),
        sources=run.memory.sources,
        own=watched,
        ours=own.ours(listed or {}, shown),
        beside=own.beside(run.places, run.settings, shown) if facts else (),
        certificate=shown,
        clock=clock_trouble(run.memory),
        trouble=run.memory.trouble,
    )


def clock_trouble(memory: Memory) -> str:
    """What is wrong with the clock, by what others have dated and signed; "" when nothing seems to be."""
    return memory.clock or next((one.message for one in memory.sources.values() if one.failure == "clock"), "")


def behind(places: Places, now: datetime) -> str:
    """How the clock shows that it is behind what is held, all of it signed by others; "" when it does not."""
    facts = intake.facts(places)
    dated = [("the list that is held", facts.generated)] if facts else []
    dated += [(f"the revocation list of {one.name}", one.this_update) for one in crls.known(places)]
    what, latest = max(dated, key=lambda one: one[1], default=("", now))
    if latest <= now + _CLOCKS_DIFFER:
        return ""
    return f"it says {now:%Y-%m-%d %H:%M} UTC, but {what} was made {latest:%Y-%m-%d %H:%M} UTC"


def _renewed(run: Run, if_empty: bool, force: bool) -> tuple[str, ...]:
    run.memory = replace(run.memory, trouble="", clock=behind(run.places, run.now))
    if run.memory.clock:
        return ()
    steps = ((run.settings.white_list.url, _list), *((url, _crl) for url in run.settings.revocation.crl))
    return tuple(url for url, step in steps if _guarded(run, step, url, if_empty, force))


def _guarded(run: Run, step: Callable[[Run, str, bool, bool], bool], url: str, if_empty: bool, force: bool) -> bool:
    """A disk that fails at one step must not keep the others from theirs; it is an alarm of its own."""
    try:
        return step(run, url, if_empty, force)
    except (OSError, sqlite3.Error) as error:
        run.memory = replace(run.memory, trouble=f"{error}")
        return True


def _list(run: Run, url: str, if_empty: bool, force: bool) -> bool:
    source = _mended_list(run, run.memory.source(url))
    every = run.settings.white_list.every
    if if_empty and intake.facts(run.places) is not None:
        return False
    if not (force or if_empty or sources.due(source, every, crls.wait(source), run.now)):
        return False
    run.memory = run.memory.with_source(url, _asked(run, url, source, _take_list))
    return True


def _mended_list(run: Run, source: Source) -> Source:
    """A list whose files were spoilt is made anew from what was published, or asked for as if there were none."""
    result = intake.mend(run.places, run.settings, run.memory.accepted, run.now)
    if result:
        run.note(result, what="list")
    held = intake.facts(run.places)
    if result == "lost" or held is None:
        return replace(source, asked=None if result == "lost" else source.asked, etag="", modified="")
    return source


def _take_list(run: Run, source: Source, answer: Answer) -> Source:
    """What the source answered, taken in.

    Raises:
        RefusedError: it is not what it should be.
    """
    held, waiting = intake.facts(run.places), intake.quarantined(run.places)
    if answer.body is None:
        if held is not None and source.digest == held.digest:
            store.confirm(run.places.listing, run.now)
        elif waiting is None or source.digest != waiting.digest:
            raise RefusedError("unchanged", "it says that nothing changed since a file that is not held")
        return source.answered(run.now)
    taken = intake.take(run.places, run.settings, answer.body, run.now, confirmed=run.now)
    if taken.result == "accepted":
        run.memory = replace(run.memory, accepted=run.now)
    if taken.result != "unchanged" and (waiting is None or waiting.digest != taken.digest):
        run.note(taken.result, digest=taken.digest, generated=taken.generated.isoformat(), summary=taken.summary,
                 why=taken.why)  # fmt: skip
    return source.answered(run.now, etag=answer.etag, modified=answer.modified, digest=taken.digest)


def _crl(run: Run, url: str, if_empty: bool, force: bool) -> bool:
    source = run.memory.source(url)
    if crls.mend(run.places, run.settings):
        run.note("rebuilt", what="revocation")
    held = crls.known_by(run.places, source.issuer)
    if held is None:
        source = replace(source, etag="", modified="")
    if if_empty and held is not None:
        return False
    if not (force or if_empty or crls.due(source, held, run.settings.revocation.every, run.now)):
        return False
    run.memory = run.memory.with_source(url, _asked(run, url, source, _take_crl))
    return True


def _take_crl(run: Run, source: Source, answer: Answer) -> Source:
    if answer.body is None:
        crls.still_good(run.places, source, run.now)
        return source.answered(run.now)
    taken = crls.take(run.places, run.settings, answer.body, run.now)
    if taken.gone or taken.new:
        run.note("revocation", name=taken.name, number=taken.number, revoked=taken.new, restored=taken.gone)
    return source.answered(
        run.now, etag=answer.etag, modified=answer.modified, digest=taken.digest, issuer=taken.issuer.hex()
    )


def _asked(run: Run, url: str, source: Source, take: Callable[[Run, Source, Answer], Source]) -> Source:
    """The source after one question, whatever came of it; changes of its state are history."""
    date: datetime | None = None
    try:
        answer = run.ask(_request(run, url, source))
        date = answer.date
        after = take(run, source, answer)
    except FetchError as error:
        after = _failed(run, source, error.slug, str(error), error.date)
    except RefusedError as error:
        after = _failed(run, source, error.slug, f"{url}: {error}", date)
    except (OSError, sqlite3.Error):
        raise  # our own disk's trouble, not the source's
    except Exception as error:  # a library before a stranger's bytes: the other sources still get their turn
        after = _failed(run, source, "internal", f"{url}: {type(error).__name__}: {error}", date)
    if after.failure and after.failure != source.failure:
        run.note("failing", source=url, failure=after.failure, message=after.message)
    if source.failure and not after.failure:
        run.note("recovered", source=url, failure=source.failure, since=source.since and source.since.isoformat())
    return after


def _failed(run: Run, source: Source, slug: str, message: str, date: datetime | None) -> Source:
    """When dates disagree and the source's own clock disagrees with ours as well, it is a clock that is wrong."""
    if slug in _DATED and date is not None and abs(date - run.now) > _CLOCKS_DIFFER:
        message = f"{message}; its server says it is {date:%Y-%m-%d %H:%M} UTC, here it is {run.now:%Y-%m-%d %H:%M} UTC"
        slug = "clock"
    return source.failed(run.now, slug, message)


def _request(run: Run, url: str, source: Source) -> Request:
    is_list = url == run.settings.white_list.url
    return Request(
        url=url,
        max_bytes=run.settings.white_list.max_bytes if is_list else crls.LARGEST,
        anchors=run.settings.white_list.anchors if is_list else run.settings.authorities,
        proxy=run.settings.proxy,
        etag=source.etag,
        modified=source.modified,
        seconds=run.seconds or _SECONDS["list" if is_list else "crl"],
    )
