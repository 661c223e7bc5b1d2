"""A new extraction on its way in: is there one, is it fit, and may it be taken without a person's word.

What comes is taken, held back, or refused. Refused is what no approval makes good: no extraction at all, fewer
mailboxes than the floor, cut short, older than what is held. Held back is what changes more than a day does.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from vaguemestre.host.annuaire import download, interface, state
from vaguemestre.host.annuaire.digest import Record, write
from vaguemestre.host.annuaire.download import SECONDS, Offer, ThrottledError
from vaguemestre.host.annuaire.inspection import Inspection, inspect
from vaguemestre.host.annuaire.run import Run
from vaguemestre.host.annuaire.runs import Runs
from vaguemestre.host.annuaire.source import ExtractionError
from vaguemestre.host.annuaire.state import Kept, Waiting
from vaguemestre.host.trust.fetch import FetchError, Request
from vaguemestre.host.trust.sources import Source, due

_SOON, _LATE = timedelta(minutes=10), timedelta(hours=6)
_UNNAMED = timedelta(hours=20)  # a file that nothing tells from yesterday's is fetched once a day


class RefusedError(Exception):
    """A file that is of no use, whoever approves; `slug` is kept with its source, `str()` is for people."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


def renew(run: Run, force: bool) -> None:
    """Ask the source, and its mirror when that gives nothing; the first that answers well is enough.

    Raises:
        OSError, BranchError, DigestError: this host's disk, slapd, or what is kept; no source's fault.
    """
    for url in run.settings.sources:
        source = run.state.source(url)
        if force or _due(run, url, source):
            source = _asked(run, url, source)
        if not source.failure:
            return


def _due(run: Run, url: str, source: Source) -> bool:
    """After a failure in ten minutes, then in twenty, and so on; not before a server wants to be asked again."""
    if (start := run.state.not_before.get(url)) and run.now < start <= run.now + _LATE:
        return False
    wait = min(_SOON * 2 ** min(source.failures, 10), _LATE)
    return due(source, run.settings.every, wait, run.now)


def _asked(run: Run, url: str, source: Source) -> Source:
    """The source after one question, whatever came of it; changes of its state are history."""
    wait = None
    try:
        _taken_in(run, url)
        after = source.answered(run.now)
    except ThrottledError as error:
        wait, after = run.now + error.wait, source.failed(run.now, error.slug, str(error))
    except (FetchError, RefusedError) as error:
        after = source.failed(run.now, error.slug, str(error))
    except ExtractionError as error:
        after = source.failed(run.now, "damaged", f"{url}: {error}")
    not_before = {one: at for one, at in run.state.not_before.items() if one != url} | ({url: wait} if wait else {})
    run.remember(sources={**run.state.sources, url: after}, not_before=not_before)
    if after.failure and after.failure != source.failure:
        run.note("failing", source=url, failure=after.failure, message=after.message)
    if source.failure and not after.failure:
        run.note("recovered", source=url, failure=source.failure, since=source.since and source.since.isoformat())
    return after


def _taken_in(run: Run, url: str) -> None:
    """Look at what the source has, if it is new.

    Raises:
        FetchError, ExtractionError, RefusedError: it gives nothing usable.
    """
    if run.settings.source == "fhir":
        path, made = interface.taken(run)
        _judged(run, url, path, _inspected(run, path, made))
        return
    ask = Request(url, run.settings.max_bytes, run.settings.anchors, run.settings.proxy, seconds=SECONDS)
    offer = download.offered(ask)
    if _known(run, url, offer):
        return
    path, offer = download.fetched(ask, offer, run.places.begun, run.progress("fetched"))
    found = _inspected(run, path, offer.made)
    try:
        _judged(run, url, path, found)
    finally:
        run.remember(passed={**run.state.passed, url: _named(run, offer)})


def _inspected(run: Run, path: Path, made: datetime | None) -> Inspection:
    """Whatever the file is from; its digest is left beside it."""
    limits = run.settings.limits
    return inspect(path, _digest(run), _held(run), limits, made=made, progress=run.progress("read"))


def _digest(run: Run) -> Path:
    return run.places.begun / "digest"


def _known(run: Run, url: str, offer: Offer) -> bool:
    """Whether the file that is there was looked at before; raises RefusedError again when it was of no use."""
    source, named = run.state.source(url), _named(run, offer)
    if named:
        if run.state.passed.get(url) != named:
            return False
        if source.failure in _LASTING:
            raise RefusedError(source.failure, source.message)
        return not source.failure
    return source.succeeded is not None and run.now - source.succeeded < _UNNAMED


_LASTING = ("unfit", "stale")


def _named(run: Run, offer: Offer) -> str:
    """What tells this file, judged by these limits, from the next; empty when nothing does."""
    told = " ".join(filter(None, (offer.name if offer.made else "", offer.etag, offer.modified)))
    limits = hashlib.sha256(repr(run.settings.limits).encode()).hexdigest()[:8]
    return f"{told} {offer.size} {limits}" if told else ""


def _held(run: Run) -> Path | None:
    """The digest that a new extraction is compared with: of what is held, else made of what the directory has.

    Raises:
        BranchError: nothing is remembered and slapd cannot be asked. Without anything to compare with, a short file
            could not be told from a whole one.
    """
    held = run.state.coming or run.state.held
    if held and state.whole(run.places, held):
        return state.folder(run.places, held).digest
    path = run.places.begun / "dump"
    with run.opened() as branch, Runs(run.places.begun) as runs:
        for one in branch.records():
            runs.add(f"{one.address}\t{one.fingerprint}")
        facts = write(path, (Record(*line.split("\t")) for line in runs.sorted()), held.generated if held else None)
    return path if facts.mailboxes else None


def _judged(run: Run, url: str, path: Path, found: Inspection) -> None:
    """Take it, hold it back, or raise RefusedError."""
    facts = found.found.digest
    name, generated = facts.sha256, found.found.generated
    held = run.state.coming or run.state.held
    if held and generated and held.generated and generated < held.generated:
        raise RefusedError("stale", f"{url}: made {_day(generated)}, the one held was made {_day(held.generated)}")
    if found.unfit:
        raise RefusedError("unfit", f"{url}: {'; '.join(found.unfit)}")
    if held and held.name == name:
        dated = replace(held, generated=generated or held.generated)
        run.remember(**{"coming" if run.state.coming else "held": dated}, waiting=None)
        return
    summary = found.churn.summary if found.churn else "the first extraction"
    kept = Kept(name, generated, facts.mailboxes, run.now, url, run.settings.source, summary)
    state.keep(run.places, kept, path, _digest(run), found.found.merged)
    if found.churn and found.churn.held_back:
        _held_back(run, kept, found.churn.why, summary)
        return
    run.remember(coming=kept, load=False, waiting=None)
    run.note("taken", sha256=name, generated=generated and generated.isoformat(), summary=summary)


def _held_back(run: Run, kept: Kept, why: tuple[str, ...], summary: str) -> None:
    waiting = run.state.waiting
    since = waiting.since if waiting else run.now  # a newer one took its place: they have waited since then
    run.remember(waiting=Waiting(kept, since, why, summary))
    run.note("held_back", sha256=kept.name, generated=kept.generated and kept.generated.isoformat(),
             summary=summary, why=why)  # fmt: skip


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
