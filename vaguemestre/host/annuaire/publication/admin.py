"""The host's verb `publication`: show, plan, run, report, retry, approve, import-report.

Exit codes: 0 done, 1 failed, 2 refused and nothing changed, 3 something waits to be published (plan).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vaguemestre.host import frame
from vaguemestre.host.annuaire.publication import (
    alarms,
    answers,
    approval,
    confirmed,
    entries,
    ledger,
    memory,
    report,
    run,
    views,
    wording,
)
from vaguemestre.host.annuaire.publication.answers import ReportError
from vaguemestre.host.annuaire.publication.confirmed import Record
from vaguemestre.host.annuaire.publication.difference import Withheld
from vaguemestre.host.annuaire.publication.entries import EntriesError
from vaguemestre.host.annuaire.publication.layout import SETTINGS, STATE, LayoutError, Places, Settings, settings
from vaguemestre.host.annuaire.publication.ledger import LedgerError
from vaguemestre.host.annuaire.publication.memory import Memory
from vaguemestre.host.annuaire.publication.run import BusyError
from vaguemestre.host.annuaire.publication.writers import WriterError, key, writer
from vaguemestre.host.frame import OK, Said
from vaguemestre.host.trust import telling

CHANGES = 3

_PATIENCE = 30.0  # seconds that an administrator's change waits for a run that is under way


class RefusedError(Exception):
    """What was asked must not be done; `str()` says why and the way out."""


@dataclass(frozen=True)
class Call:
    """One command as it was asked for; `key` is the interface's, `brought` the file that came with it."""

    settings: Settings
    places: Places
    asked: argparse.Namespace
    key: str
    brought: bytes

    @property
    def now(self) -> datetime:
        return run.clock()


def main(argv: list[str]) -> int:
    """Run one command; its exit code."""
    asked = parser().parse_args(argv)
    refused = (RefusedError, LayoutError, ReportError, WriterError)
    failed = (BusyError, EntriesError, LedgerError, OSError)
    code, said = frame.answer(lambda: _run(asked), refused, failed)
    frame.say(said, wording.text, as_json=asked.json)
    return code


def _run(asked: argparse.Namespace) -> Said:
    brought = (
        frame.brought(asked.file, answers.LARGEST) if "file" in asked else b""
    )  # as who called: the file may be only theirs
    known = settings(asked.settings)
    secret = key(known) if asked.command == "run" else ""  # as root, where it is root's
    frame.become_owner(asked.state, "directory")
    return _COMMANDS[asked.command](Call(known, Places(asked.state), asked, secret, brought))


def parser() -> argparse.ArgumentParser:
    root, verb = frame.commands("publication", "Our mailboxes in the national directory.", SETTINGS, STATE)
    root.add_argument("--ldap", default="ldapi:///", help=argparse.SUPPRESS)
    verb("show", "how many are published, what waits, what was refused, and how it stands")
    verb("plan", "what would be sent to the nation now, and what waits for approval; nothing is sent")
    verb("run", "bring the nation up to date")
    told = verb("report", "what became of each operation")
    told.add_argument("address", nargs="?", default="", help="of one mailbox only")
    told.add_argument("--last", type=int, default=30, help="so many lines")
    verb("retry", "try again what was refused, or waits").add_argument(
        "address", nargs="*", help="these, though they were handed over in a file that is lost; none: all but those"
    )
    agree = verb("approve", "agree to the withdrawals that are held back, for a day")
    agree.add_argument("digest", help="their digest, or 8 characters of it; as plan shows it")
    agree.add_argument("--by", default="", help="who approves")
    verb("import-report", "take in the report on files that were handed over").add_argument("file", help="it, or -")
    return root


def _show(call: Call) -> Said:
    with ledger.opened(call.places.ledger) as held:
        return OK, views.show(call.settings, call.places, held.all(), call.now)


def _plan(call: Call) -> Said:
    with ledger.opened(call.places.ledger) as held:
        found = _view(call, held)
    said = views.plan(call.settings, found, call.now)
    return CHANGES if found.operations or found.withheld else OK, said


def _publish(call: Call) -> Said:
    """By the timer, a nation that does not answer is no failure of the run: alarms tell of it, when it is time."""
    if call.settings.writer == "none":
        return OK, {"result": "off"}
    with run.alone(call.places):
        before = memory.load(call.places.run)
        try:
            with ledger.opened(call.places.ledger) as held:
                chosen = writer(call.settings, call.places, call.key, call.now)
                found, after = run.publish(call.settings, call.places, held, chosen, lambda: _boxes(call))
        except (EntriesError, LedgerError, OSError) as error:
            _conclude(call, before.troubled(str(error), call.now), None, None)
            raise
        _conclude(call, after, found.records, found.withheld)
    return OK, {"result": "published", **views.remembered(after), "withheld": views.withheld(found.withheld)}


def _conclude(call: Call, after: Memory, records: dict[str, Record] | None, withheld: Withheld | None) -> None:
    """Remember the run, and tell what stands; when nothing could be read, what stood before stands on."""
    memory.save(call.places.run, after)
    channel = alarms.channel(call.settings, call.places)
    trouble = after.lasting(call.now)
    if records is None:
        known = alarms.standing(channel)
        standing = (*alarms.troubled(trouble), *(one for one in known if one.name != alarms.TROUBLE))
    else:
        standing = alarms.alarms(records, withheld, after.halted, call.now)
    telling.say(telling.tell(channel, standing, call.now))


def _report(call: Call) -> Said:
    lines = report.lines(call.places.report, max(1, call.asked.last), call.asked.address.strip().lower())
    return OK, {"result": "report", "lines": lines}


def _retry(call: Call) -> Said:
    wanted = {one.strip().lower() for one in call.asked.address}
    with _changing(call) as held:
        records = held.all()
        if strangers := sorted(wanted - {*records}):
            raise RefusedError(f"nothing is known of {', '.join(strangers)}\n    vaguemestre publication plan tells")
        chosen = [one for one in records.values() if not wanted or one.address in wanted]
        again = [after for one in chosen if (after := confirmed.reopened(one, lost=bool(wanted))) is not one]
        held.put(again)
    return OK, {"result": "retried", "addresses": sorted(one.address for one in again)}


def _approve(call: Call) -> Said:
    with _changing(call) as held:
        waiting = _view(call, held).withheld
        if waiting is None:
            raise RefusedError("no withdrawal waits for approval")
        digest = call.asked.digest
        if not frame.means(digest, waiting.digest):
            raise RefusedError(
                f"what waits is {waiting.digest[:16]}, {len(waiting.addresses)} withdrawals, not {digest}\n"
                "    look at it: vaguemestre publication plan"
            )
        approval.add(call.places.approval, waiting.addresses, call.asked.by, call.now)
    return OK, {"result": "approved", "digest": waiting.digest, "addresses": list(waiting.addresses)}


def _import(call: Call) -> Said:
    told = answers.read(call.brought, call.settings.table, call.settings.answers)
    with _changing(call) as held:
        settled = answers.settle(held.all(), told, call.now)
        report.write(call.places.report, settled.lines)
        held.put(settled.records)
    counts = {"lines": len(told), "settled": len(settled.lines), "strangers": settled.strangers}
    refused = [one for one in settled.lines if one["result"] == "rejected"]
    return OK, {"result": "imported", **counts, "rejected": refused}


def _view(call: Call, held: ledger.Ledger) -> run.View:
    return run.view(call.settings, call.places, held.all(), _boxes(call), call.now)


def _boxes(call: Call) -> list[Any]:
    return list(entries.mailboxes(call.asked.ldap))


@contextmanager
def _changing(call: Call) -> Iterator[ledger.Ledger]:
    """An administrator's change: alone. Raises BusyError when a run has been under way all the time."""
    alone = frame.in_turn(lambda: run.alone(call.places), BusyError, _PATIENCE)
    with alone, ledger.opened(call.places.ledger) as held:
        yield held


_COMMANDS: dict[str, Callable[[Call], Said]] = {
    "show": _show,
    "plan": _plan,
    "run": _publish,
    "report": _report,
    "retry": _retry,
    "approve": _approve,
    "import-report": _import,
}
