"""One run: asked whether there is a new extraction, fetched, inspected, taken or held back; then the directory follows.

A timer calls it every quarter of an hour; the schedule decides what is due. One run at a time. What the directory holds
stays, whatever a source does, until something better was inspected as a whole: a source that is silent, old, short or
strange removes nobody. The time and the folder are arguments, so that weeks can be rehearsed in a second.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vaguemestre.host.annuaire import applying, branch, intake, metrics, state
from vaguemestre.host.annuaire.alarms import alarms
from vaguemestre.host.annuaire.branch import BranchError
from vaguemestre.host.annuaire.digest import DigestError
from vaguemestre.host.annuaire.layout import Places, Settings
from vaguemestre.host.annuaire.run import OnProgress, Opened, Run, alone
from vaguemestre.host.annuaire.source import ExtractionError
from vaguemestre.host.annuaire.state import Kept, State
from vaguemestre.host.trust import history, telling
from vaguemestre.host.trust.alarms import Alarm
from vaguemestre.host.trust.telling import Channel

LOOK_EVERY = timedelta(days=7)
"""Every entry of the directory is compared with what is held so often, whatever the directory says of itself."""


@dataclass(frozen=True)
class Report:
    """What a run did (events, as in the history), what stands after it, and whether a load by slapadd is to follow."""

    events: tuple[history.Event, ...]
    alarms: tuple[Alarm, ...]
    state: State


def refresh(
    settings: Settings,
    places: Places,
    now: datetime,
    *,
    force: bool = False,
    resume: bool = False,
    rebuild: bool = False,
    opened: Opened = branch.opened,
    on_progress: OnProgress | None = None,
) -> Report:
    """One run. `force` asks now; `resume` asks nobody, and only goes on with what was taken.

    `rebuild` has the whole database made anew by the privileged step, whatever the directory holds.

    Raises:
        BusyError: another run is under way.
        OSError: the folder of state cannot be written.
    """
    with alone(places):
        run = begun(settings, places, now, opened, on_progress)
        run.rebuild = rebuild
        if not resume:
            _guarded(run, lambda: intake.renew(run, force))
        elif run.state.load:
            run.unloaded = True
        return conclude(run)


def begun(
    settings: Settings,
    places: Places,
    now: datetime,
    opened: Opened = branch.opened,
    on_progress: OnProgress | None = None,
) -> Run:
    """A run that knows what the last one remembered, but for its trouble."""
    known = state.load(places)
    return Run(settings, places, now, replace(known, trouble=""), known.trouble, opened=opened, on_progress=on_progress)


def conclude(run: Run) -> Report:
    """The directory follows what was taken; then alarms and numbers."""
    _guarded(run, lambda: follow(run))
    with suppress(OSError):  # then it is a trouble already
        state.save(run.places, run.state)
    standing = alarms(run.state, run.settings, run.now)
    telling.say(telling.tell(channel(run.places, run.settings), standing, run.now))
    metrics.write(run.places.metrics, run.state, standing, run.now)
    return Report(tuple(run.events), standing, run.state)


def follow(run: Run) -> None:
    """Make the directory what was taken last; a load that is too much for a delta is left to the privileged step.

    Raises:
        BranchError: slapd is gone; the next run goes on.
        DigestError, ExtractionError, OSError: what is kept is not whole, or the disk.
    """
    aim = run.state.coming or run.state.held
    if aim is None:
        return
    if run.rebuild:
        run.remember(coming=aim, load=True)
        return
    look = run.state.coming is None and _look_due(run)
    known = state.folder(run.places, run.state.held) if run.state.held else None
    with run.opened() as there:
        applied = applying.apply(
            there, state.folder(run.places, aim), known, run.settings.own_domains, run.places, look=look
        )
    if applied.too_much:
        run.remember(coming=aim, load=True)
        if run.unloaded:
            _troubled(run, "the load by slapadd did not come about; see journalctl -u vaguemestre-annuaire")
        return
    _held(run, aim, applied)


def _held(run: Run, aim: Kept, applied: applying.Applied) -> None:
    """What was to come is what is held."""
    done, looked = applied.done, applied.looked or run.state.load
    new = run.state.coming is not None
    if new:
        run.note("applied", sha256=aim.name, generated=aim.generated and aim.generated.isoformat(),
                 mailboxes=aim.mailboxes, done=str(done), loaded=run.state.load)  # fmt: skip
    elif done.added or done.changed or done.removed:
        run.note("repaired", done=str(done))
    run.remember(
        held=aim,
        coming=None,
        load=False,
        applied=run.now if new else run.state.applied,
        looked=run.now if looked else run.state.looked,
        refused=done.refusals if new or looked else run.state.refused,
    )


def _look_due(run: Run) -> bool:
    return run.state.looked is None or run.now - run.state.looked >= LOOK_EVERY


def _guarded(run: Run, step: Callable[[], object]) -> None:
    """What this host itself lacks is an alarm of its own; what is held stays."""
    try:
        step()
    except (BranchError, OSError) as error:
        _troubled(run, str(error))
    except (DigestError, ExtractionError) as error:
        # What is kept is spoilt: forgotten, so that the whole is fetched again; the directory still has all of it.
        _troubled(run, f"what was kept of the extraction is spoilt, it is fetched again: {error}")
        run.remember(held=None, coming=None, load=False, passed={}, sources={})


def _troubled(run: Run, why: str) -> None:
    if run.trouble_before != why:
        run.note("trouble", why=why)
    run.state = replace(run.state, trouble=why)


def channel(places: Places, settings: Settings) -> Channel:
    """Where the alarms of the national directory are told."""
    return Channel(
        name="directory",
        about="annuaire national MSSante",
        told=places.told,
        standing=places.alarms,
        mail_host=settings.mail_host,
        postmaster=settings.postmaster,
        notify=settings.notify,
    )
