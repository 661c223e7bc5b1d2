"""The host's verb `trust`: show, lookup, diff, approve, history, refresh, push, push-crl.

Exit codes: 0 done, 1 failed or not listed, 2 refused and nothing changed, 3 a list waits for approval (diff).
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from vaguemestre.host import frame
from vaguemestre.host.frame import FAILED, OK, Said
from vaguemestre.host.trust import crls, intake, views, wording
from vaguemestre.host.trust.intake import Quarantine, RefusedError, Taken
from vaguemestre.host.trust.layout import SETTINGS, STATE, LayoutError, Places, Settings, settings
from vaguemestre.host.trust.refresh import BusyError, Run, alone, begun, conclude, observe, refresh
from vaguemestre.host.trust.sources import Memory

WAITING = 3

_PATIENCE = 20.0  # seconds that an administrator's change waits for a run that is under way


@dataclass(frozen=True)
class Call:
    """One command as it was asked for; `brought` is the file that came with it."""

    settings: Settings
    places: Places
    now: datetime
    asked: argparse.Namespace
    brought: bytes


def main(argv: list[str]) -> int:
    """Run one command; its exit code."""
    asked = parser().parse_args(argv)
    refused, failed = (RefusedError, LayoutError, ValueError), (BusyError, OSError, sqlite3.Error)
    code, said = frame.answer(lambda: run(asked, datetime.now(UTC)), refused, failed)
    frame.say(said, wording.text, as_json=asked.json)
    return code


def run(asked: argparse.Namespace, now: datetime) -> Said:
    """Do it: exit code, and what to say.

    Raises:
        RefusedError, LayoutError, ValueError: it must not be done, nothing was changed.
        BusyError, OSError, sqlite3.Error: it could not be done.
    """
    brought = frame.brought(asked.file) if "file" in asked else b""  # as who called: the file may be only theirs
    frame.become_owner(asked.state, "trust")
    return _COMMANDS[asked.command](Call(settings(asked.settings), Places(asked.state), now, asked, brought))


def parser() -> argparse.ArgumentParser:
    root, verb = frame.commands("trust", "The trust space as this host knows it.", SETTINGS, STATE)
    verb("show", "what is held, since when, and how it stands")
    verb("lookup", "what the list says of one domain").add_argument("domain", help="a domain or an address")
    verb("diff", "what the list in quarantine would change, by operator")
    approve = verb("approve", "put the list in quarantine in force, once")
    approve.add_argument("digest", nargs="?", default="", help="its SHA-256, or 8 characters of it; as diff shows it")
    approve.add_argument("--by", default="", help="who approves, for the history")
    verb("history", "what happened").add_argument("--last", type=int, default=30, help="so many events")
    renew = verb("refresh", "ask the sources for what is due")
    renew.add_argument("--now", action="store_true", help="ask all of them now")
    renew.add_argument("--if-empty", action="store_true", help="ask only where nothing is held, and hurry")
    verb("push", "take a white list that was brought by hand").add_argument("file", help="the file, or -")
    verb("push-crl", "take a revocation list that was brought by hand").add_argument("file", help="the file, or -")
    return root


def _show(call: Call) -> Said:
    state = observe(begun(call.settings, call.places, call.now))
    return OK, views.show(call.places, call.settings, state, call.now)


def _lookup(call: Call) -> Said:
    said = views.lookup(call.places, call.asked.domain)
    return OK if said["result"] == "listed" else FAILED, said


def _diff(call: Call) -> Said:
    said = views.diff(call.places, call.settings, call.now)
    return WAITING if said["result"] == "different" else OK, said


def _history(call: Call) -> Said:
    return OK, views.past(call.places, max(1, call.asked.last))


def _refresh(call: Call) -> Said:
    """By the timer a source that fails is no failure of the run: alarms tell of it, when it is time."""
    asked = call.asked
    report = refresh(call.settings, call.places, call.now, if_empty=asked.if_empty, force=asked.now)
    after = begun(call.settings, call.places, call.now).memory.sources
    failing = {url: after[url].message for url in report.asked if url in after and after[url].failure}
    alarms = [{"name": one.key, "stage": one.stage, "text": one.en} for one in report.alarms]
    said = {"result": "refreshed", "asked": report.asked, "events": report.events, "failing": failing, "alarms": alarms}
    return FAILED if failing and asked.now else OK, said


def _approve(call: Call) -> Said:
    """Refused when another list waits than the one that was looked at: each is approved of by itself."""
    with _changing(call) as run:
        waiting = _approved(intake.quarantined(call.places), call.asked.digest)
        source = run.memory.source(call.settings.white_list.url)
        seen = source.succeeded if source.digest == waiting.digest else None
        xml = call.places.quarantine.read_bytes()
        taken = intake.take(call.places, call.settings, xml, call.now, confirmed=seen, approved=True)
        run.memory = replace(run.memory, accepted=call.now)
        run.note("approved", by=call.asked.by, **_facts(taken))
    return OK, {**_facts(taken), "result": "approved"}


def _approved(waiting: Quarantine | None, digest: str) -> Quarantine:
    """What waits, when it is what the administrator means; raises RefusedError."""
    if waiting is None:
        raise RefusedError("nothing", "no list waits for approval")
    if digest and not frame.means(digest, waiting.digest):
        raise RefusedError(
            "digest",
            f"what waits is {waiting.digest[:16]} of {waiting.generated:%Y-%m-%d %H:%M} UTC, not {digest}\n"
            "    look at it: vaguemestre trust diff",
        )
    return waiting


def _push(call: Call) -> Said:
    """Checked like one that was fetched; it counts as confirmed when it was made, for nobody knows more."""
    with _changing(call) as run:
        taken = intake.take(call.places, call.settings, call.brought, call.now)
        if taken.result == "accepted":
            run.memory = replace(run.memory, accepted=call.now)
        if taken.result != "unchanged":
            run.note(taken.result, brought=True, **_facts(taken))
    return WAITING if taken.result == "quarantined" else OK, {**_facts(taken), "result": taken.result}


def _push_crl(call: Call) -> Said:
    with _changing(call) as run:
        taken = crls.take(call.places, call.settings, call.brought, call.now)
        run.memory = _credited(run.memory, call.settings, taken, call.now)
        facts = {"name": taken.name, "number": taken.number, "revoked": taken.new, "restored": taken.gone}
        run.note("revocation", brought=True, **facts)
    return OK, {"result": "taken", **facts}


def _facts(taken: Taken) -> dict[str, Any]:
    return {
        "digest": taken.digest,
        "generated": taken.generated.isoformat(),
        "summary": taken.summary,
        "why": list(taken.why),
    }


def _credited(memory: Memory, known: Settings, taken: crls.Taken, now: datetime) -> Memory:
    """As if its source had answered: the one that gave this authority's list before, or one that never gave any."""
    issuer = taken.issuer.hex()
    urls = sorted(
        known.revocation.crl, key=lambda url: (memory.source(url).issuer != issuer, memory.source(url).issuer)
    )
    if not urls or memory.source(urls[0]).issuer not in ("", issuer):
        return memory
    return memory.with_source(urls[0], memory.source(urls[0]).answered(now, issuer=issuer, digest=taken.digest))


@contextmanager
def _changing(call: Call) -> Iterator[Run]:
    """An administrator's change: alone, and its consequences (alarms, what is remembered) drawn at once.

    Raises:
        BusyError: a run has been under way all the time.
    """
    with frame.in_turn(lambda: alone(call.places), BusyError, _PATIENCE):
        run = begun(call.settings, call.places, call.now)
        yield run
        conclude(run)


_COMMANDS: dict[str, Callable[[Call], Said]] = {
    "show": _show,
    "lookup": _lookup,
    "diff": _diff,
    "approve": _approve,
    "history": _history,
    "refresh": _refresh,
    "push": _push,
    "push-crl": _push_crl,
}
