"""The host's verb `mailbox import`: a list of staff on stdin, its plan told or done, whatever the number of mailboxes.

stdin: ``{"roster": Roster, "passwords": {ADDRESS: PASSWORD}}``, a secret never being an argument. stdout: lines
``{"event": "step", "text": ...}`` while it works, and last one object with `result`:

  planned   `plan`, `without_password` (addresses), `too_many` (text or null)
  wrong     `problems`, each with line, field, wrong, way_out; nothing was done
  refused   `message`: too many would go, or the plan is no longer the one that was shown; nothing was done
  imported  `plan`, `done` (number by action), `failures` (address and message), `passwords_set` (addresses)
  failed    `message`: the directory is away, or another import runs

Each mailbox is one step that is done or not. When the link is cut the host goes on to the end; when the host itself
goes down, the next run does what is left.
"""

from __future__ import annotations

import fcntl
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from vaguemestre.host.mailboxes.bal import RECEIVING, Refused
from vaguemestre.host.mailboxes.here import end_sessions, in_charge, now, site
from vaguemestre.host.mailboxes.roster import Plan, Roster, Step, counted, plan, too_many
from vaguemestre.host.mailboxes.store import EntryError, Store, StoreError, one_entry
from vaguemestre.host.mailboxes.store import opened as directory
from vaguemestre.host.moving.layout import LayoutError

LOCK = "/run/vaguemestre-import.lock"
_TOLD_EVERY = 1.0  # seconds

Said = dict[str, Any]
Thing = TypeVar("Thing")
Passwords = Mapping[str, str]


class BusyError(Exception):
    """Another import is at work on this host."""


def main(dry_run: bool, expect: str) -> int:
    """Do what stdin asks; 0 done, planned or nothing to do, 1 failed, 2 wrong or refused."""
    try:
        asked = json.load(sys.stdin)
        roster = Roster.of(asked["roster"])
        for domain in roster.domains:
            in_charge(f"@{domain}")
        with _alone(), directory() as store:
            said = run(store, roster, asked.get("passwords") or {}, dry_run, expect)
    except (Refused, LayoutError) as refused:
        said = {"result": "refused", "message": str(refused)}
    except (KeyError, TypeError, ValueError) as error:
        said = {"result": "refused", "message": f"the list arrived damaged ({type(error).__name__}: {error})"}
    except StoreError as error:
        said = {"result": "failed", "message": f"{error}\n    what is done stays done; run the import again"}
    except (OSError, BusyError) as error:
        said = {"result": "failed", "message": str(error)}
    _say(said)
    return _code(said)


def run(store: Store, roster: Roster, passwords: Passwords, dry_run: bool, expect: str) -> Said:
    """What `main` says.

    Raises:
        StoreError: the directory went away; what is done is done, and is not done again by the next run.
    """
    planned = plan(roster, site(), store.all(), now())
    if planned.wrong:
        return {"result": "wrong", "problems": [asdict(one) for one in planned.wrong]}
    refusal = too_many(planned, roster)
    if dry_run:
        waiting = sorted(_waiting(planned, roster, store))
        return {"result": "planned", "plan": planned.plain(), "without_password": waiting, "too_many": refusal}
    if refusal or expect not in ("", planned.digest):
        return {"result": "refused", "message": refusal or _MEANWHILE}
    return _done(store, planned, passwords)


_MEANWHILE = "somebody changed mailboxes here since the plan was made\n    run the import again"


def _done(store: Store, planned: Plan, passwords: Passwords) -> Said:
    done, failures = _each(planned.steps, lambda step: _do(store, step), lambda step: step.after.address, "mailboxes")
    missing = store.without_password() if passwords else set()
    wanted = [address for address in passwords if address in missing]
    given, without = _each(
        wanted, lambda address: _give(store, address, passwords), lambda address: address, "passwords"
    )
    return {
        "result": "imported",
        "plan": planned.plain(),
        "done": counted(done),
        "failures": [{"address": address, "message": words} for address, words in failures + without],
        "passwords_set": given,
    }


def _each(
    things: Sequence[Thing], do: Callable[[Thing], None], called: Callable[[Thing], str], what: str
) -> tuple[list[Thing], list[tuple[str, str]]]:
    """Do it with each; those done, and of the others the address with the reason."""
    done: list[Thing] = []
    failures: list[tuple[str, str]] = []
    for thing in _told(things, what):
        try:
            do(thing)
            done.append(thing)
        except (EntryError, StoreError) as error:
            failures.append((called(thing), str(error)))
    return done, failures


def _told(things: Sequence[Thing], what: str) -> Iterator[Thing]:
    said = time.monotonic()
    for number, thing in enumerate(things):
        if time.monotonic() - said >= _TOLD_EVERY:
            said = time.monotonic()
            _say({"event": "step", "text": f"{number} of {len(things)} {what}"})
        yield thing


def _say(what: Said) -> None:
    """One line; that nobody listens any more, the link being cut, is no reason to stop half-way."""
    with suppress(BrokenPipeError):
        print(json.dumps(what, ensure_ascii=False), flush=True)


def _do(store: Store, step: Step) -> None:
    with one_entry():
        if step.before is None:
            store.add(step.after)
        else:
            store.change(step.before, step.after)
    if step.after.state != "active":
        end_sessions(step.after.address)


def _give(store: Store, address: str, passwords: Passwords) -> None:
    with one_entry():
        store.set_password(address, passwords[address])


def _waiting(planned: Plan, roster: Roster, store: Store) -> set[str]:
    """The mailboxes of the list that will be open, or are, and have no password."""
    coming = {step.after.address for step in planned.steps if step.before is None}
    listed = {row.address for row in roster.rows}
    living = {box.address for box in store.all() if box.state in RECEIVING}
    return coming | (listed & living & store.without_password())


@contextmanager
def _alone() -> Iterator[None]:
    with Path(LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("another import is at work on this host\n    wait until it is done") from error
        yield


def _code(said: Said) -> int:
    if said["result"] in ("wrong", "refused"):
        return 2
    return 1 if said["result"] == "failed" or said.get("failures") else 0
