"""The host's verb `annuaire`: show, refresh, approve, history; and what systemd calls: load, ldif and prepare.

Only `load` and `prepare` stay root, and read nothing but the state (`loading`, `settling`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from vaguemestre.host import frame
from vaguemestre.host.annuaire import answers, applying, interface, ldif, loading, settling, state, views
from vaguemestre.host.annuaire.approval import ApprovalError, approve
from vaguemestre.host.annuaire.delta import mark
from vaguemestre.host.annuaire.digest import DigestError
from vaguemestre.host.annuaire.entry import entry
from vaguemestre.host.annuaire.layout import SETTINGS, STATE, LayoutError, Places, Settings, settings
from vaguemestre.host.annuaire.loading import LoadError
from vaguemestre.host.annuaire.refresh import begun, conclude, refresh
from vaguemestre.host.annuaire.run import BusyError, OnProgress, alone
from vaguemestre.host.annuaire.source import ExtractionError
from vaguemestre.host.frame import FAILED, OK, Said

_PATIENCE = 60.0  # seconds that an administrator's change waits for a run that is under way


@dataclass(frozen=True)
class Call:
    """One command as it was asked for."""

    settings: Settings
    places: Places
    now: datetime
    asked: argparse.Namespace


def main(argv: list[str]) -> int:
    """Run one command; its exit code."""
    asked = parser().parse_args(argv)
    if asked.command in _SILENT:
        return _SILENT[asked.command](asked)
    refused, failed = (ApprovalError, LayoutError), (BusyError, LoadError, OSError)
    code, said = frame.answer(lambda: _run(asked, argv), refused, failed)
    frame.say(said, answers.text, as_json=asked.json)
    return code


def parser() -> argparse.ArgumentParser:
    root, verb = frame.commands("annuaire", "The national directory as this host holds it.", SETTINGS, STATE)
    verb("show", "what is held, what waits for approval and why, and how the sources do")
    renew = verb("refresh", "ask for a new extraction when it is time, and bring the directory up to date")
    renew.add_argument("--now", action="store_true", help="ask now")
    renew.add_argument("--resume", action="store_true", help="ask nobody; go on with what was taken")
    renew.add_argument("--rebuild", action="store_true", help="make the database of national mailboxes anew")
    agreed = verb("approve", "take the extraction that is held back, once")
    agreed.add_argument("digest", help="its SHA-256, or 8 characters of it; as show tells it")
    agreed.add_argument("--by", default="", help="who approves, for the history")
    verb("history", "what happened").add_argument("--last", type=int, default=30, help="so many events")
    verb("load", "as root: bring to the disk what was written, and in by slapadd what is too much; for systemd")
    verb("prepare", "as root, before slapd starts: throw away a database that power left unsettled; for systemd")
    verb("ldif", "write the directory that is to come as LDIF; for load")
    return root


def _run(asked: argparse.Namespace, argv: list[str]) -> Said:
    if os.geteuid() == 0 and asked.command in ("refresh", "approve"):
        return _with_load(asked, argv)
    frame.become_owner(asked.state, "directory")
    return _COMMANDS[asked.command](Call(settings(asked.settings), Places(asked.state), datetime.now(UTC), asked))


def _with_load(asked: argparse.Namespace, argv: list[str]) -> Said:
    """As the job of the timer does it: unprivileged, then the load if there is one, then unprivileged again."""
    code, said = _as_owner(argv)
    if not said.get("load"):
        with suppress(BusyError):  # whoever is at work will settle it
            _load(Places(asked.state))
        return code, said
    _load(Places(asked.state))
    places = [f"--settings={asked.settings}", f"--state={asked.state}"]
    code, after = _as_owner([*places, "refresh", "--resume", "--json"])
    return code, {**after, "result": said["result"], "events": [*said["events"], *after.get("events", [])]}


def _as_owner(argv: list[str]) -> Said:
    command = loading.as_account((*loading.HOST, *argv, *([] if "--json" in argv else ["--json"])))
    with interface.handed_on() as (key, environment):
        ran = subprocess.run(command, stdin=key, env=environment, stdout=subprocess.PIPE, check=False)
    try:
        return ran.returncode, dict(json.loads(ran.stdout))
    except ValueError:
        return FAILED, {"result": "failed", "message": f"the refresh ended with {ran.returncode} and said nothing"}


def _show(call: Call) -> Said:
    return OK, views.show(call.places, call.settings, call.now)


def _history(call: Call) -> Said:
    return OK, views.past(call.places, max(1, call.asked.last))


def _refresh(call: Call) -> Said:
    """By the timer a source that fails is no failure of the run: alarms tell of it, when it is time."""
    asked = call.asked
    report = refresh(
        call.settings,
        call.places,
        call.now,
        force=asked.now,
        resume=asked.resume,
        rebuild=asked.rebuild,
        on_progress=_progress(),
    )
    said = views.refreshed(report)
    return FAILED if asked.now and (said["failing"] or said["trouble"]) else OK, said


def _approve(call: Call) -> Said:
    with frame.in_turn(lambda: alone(call.places), BusyError, _PATIENCE):
        run = begun(call.settings, call.places, call.now, on_progress=_progress())
        approve(run, call.asked.digest, call.asked.by)
        said = views.refreshed(conclude(run))
        return FAILED if said["trouble"] else OK, {**said, "result": "approved"}


def _load_verb(asked: argparse.Namespace) -> int:
    """For systemd; a load that failed is told by the alarm of the run after it, and tried again with it."""
    try:
        _load(Places(asked.state))
    except (LoadError, BusyError, OSError) as error:
        print(f"<3>the national directory was not loaded: {error}", file=sys.stderr)
        return FAILED
    return OK


def _load(places: Places) -> None:
    if not places.state.exists():  # nothing is to be made here as root before the account has
        return
    with alone(places):
        loading.recover()
        if places.unsettled.exists():
            settling.settle(places.unsettled, loading.national())
        if state.load(places).load:
            seconds = loading.load(places.root)
            print(f"<5>the national directory was loaded by slapadd in {seconds:.0f} s", file=sys.stderr)


def _prepare_verb(asked: argparse.Namespace) -> int:
    """For systemd; slapd starts whatever comes of it."""
    try:
        if settling.prepare(Places(asked.state).unsettled, loading.national()):
            print("<4>the nation's mailboxes were being written when power went: they are loaded anew", file=sys.stderr)
    except (LoadError, OSError) as error:
        print(f"<3>the nation's mailboxes may not be whole: {error}", file=sys.stderr)
        return FAILED
    return OK


def _ldif_verb(asked: argparse.Namespace) -> int:
    """To stdout, for slapadd; the lock is held by who reads it."""
    try:
        known, places = settings(asked.settings), Places(asked.state)
        coming = state.load(places).coming
        if coming is None:
            raise LayoutError("nothing is coming")
        there = state.folder(places, coming)
        entries = (entry(one) for one in applying.listed(there, known.own_domains))
        sys.stdout.writelines(ldif.whole(mark(coming.name, known.own_domains), entries))
        sys.stdout.flush()
    except (LayoutError, DigestError, ExtractionError, OSError) as error:
        print(str(error), file=sys.stderr)
        return FAILED
    return OK


def _progress() -> OnProgress | None:
    """On a terminal, how far it is; the journal needs none."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def tell(what: str, done: int, size: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            share = f"{100 * done // size} %" if size else f"{done >> 20} MiB"
            print(f"\r{what} {share}   ", end="", file=sys.stderr, flush=True)

    return tell


_COMMANDS: dict[str, Callable[[Call], Said]] = {
    "show": _show,
    "refresh": _refresh,
    "approve": _approve,
    "history": _history,
}
_SILENT: dict[str, Callable[[argparse.Namespace], int]] = {
    "load": _load_verb,
    "ldif": _ldif_verb,
    "prepare": _prepare_verb,
}
