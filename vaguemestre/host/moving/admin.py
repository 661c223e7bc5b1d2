"""The host's verb `moving`: a domain goes to another stack, or comes from one. One JSON object on stdout.

``{"result": R, ...}`` with R

  shown     `domains`: of each that moves, `here`, `leaving` and `way`; `mailboxes` is how many it has here, `listed`
            whether the white list that is held names this host's certificate for it
  exported  `entries` (see `entries.spelt`)
  done      `since` (Unix time, of `close`), `open` (addresses that were, of `leave`)
  counted   `waiting` and `sessions`, `active`
  mail      `mail`: address -> folder -> messages, bytes, UIDVALIDITY, UIDNEXT
  refused (exit 2), failed (exit 1)   `message`

Entries come on stdin. The order is the controller's (`vaguemestre.moving`); here each step is refused where it would
make two stacks write the same mailboxes.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vaguemestre.host.mailboxes.bal import Refused
from vaguemestre.host.mailboxes.here import end_sessions
from vaguemestre.host.mailboxes.store import StoreError, directory
from vaguemestre.host.moving import charge, mail, queue
from vaguemestre.host.moving.entries import Entries, spelt, understood
from vaguemestre.host.moving.layout import STATE, Charge, LayoutError, Settings, Way, settings
from vaguemestre.host.moving.layout import charge as remembered

Said = dict[str, Any]
COMMANDS = ("show", "export", "import", "close", "drained", "leave", "settled", "stay", "arrive", "route", "mail")
_SETTLE = 2.0  # seconds, in which sessions that just began have read the tables


def main(argv: list[str]) -> int:
    """Run one command; 0 done, 1 failed, 2 refused."""
    asked = _parser().parse_args(argv)
    try:
        said = _begin() if asked.command == "begin" else _run(asked)
    except Refused as refused:
        return _say({"result": "refused", "message": str(refused)}, 2)
    except (StoreError, LayoutError, OSError, subprocess.SubprocessError, ValueError) as error:
        return _say({"result": "failed", "message": str(error)}, 1)
    return _say(said, 0)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="moving", description="Domains on the move.", allow_abbrev=False)
    made.add_argument("command", choices=("begin", *COMMANDS))
    made.add_argument("domain", nargs="?", default="")
    made.add_argument("--since", type=float, default=0.0)
    return made


def _begin() -> Said:
    """Where something new arrives, another stack is in charge until the controller says otherwise."""
    known, now = settings(), remembered()
    for domain in known.arriving:
        if domain not in now.away and domain not in now.here:
            now = now.gone(domain, Way.HELD)
    charge.tell(now.away)
    charge.remember(now)
    return {"result": "done"}


def _run(asked: argparse.Namespace) -> Said:
    known, now, domain = settings(), remembered(), asked.domain.lower()
    if asked.command == "show":
        return _shown(known, now)
    if asked.command == "route":
        return _route(known, now)
    if domain not in known.domains:
        raise Refused(f"{domain or 'no domain'} does not move here; moving are {', '.join(known.domains)}")
    step = {
        "export": _export, "import": _import, "close": _close, "leave": _leave, "stay": _stay, "arrive": _arrive,
    }.get(asked.command)  # fmt: skip
    if step:
        return step(domain, known, now)
    return _asked(asked.command, domain, asked.since)


def _asked(command: str, domain: str, since: float) -> Said:
    match command:
        case "drained":
            return {"result": "counted", "waiting": queue.waiting(domain), "sessions": queue.sessions(since)}
        case "settled":
            return {"result": "counted", "active": queue.waiting(domain, "active", "incoming", "maildrop")}
        case _:
            return {"result": "mail", "mail": mail.counted(domain)}


def _shown(known: Settings, now: Charge) -> Said:
    with directory() as connection:
        found = {domain: len(Entries(connection, domain).all()) for domain in known.domains}
    listed = _listed()
    domains = {
        domain: {
            "here": domain not in now.away,
            "leaving": domain in known.leaving,
            "way": now.away.get(domain, ""),
            "mailboxes": found[domain],
            "listed": domain in listed,
        }
        for domain in known.domains
    }
    return {"result": "shown", "domains": domains}


def _listed() -> set[str]:
    from vaguemestre.host.trust import layout, own

    trust, places = layout.settings(), layout.Places(layout.STATE)
    shown = own.certificate(trust.certificate)
    named = own.ours(own.entries(places, trust), shown)
    return {*own.beside(places, trust, shown), *(domain for domain, fine in named.items() if fine)}


def _export(domain: str, _: Settings, __: Charge) -> Said:
    with _entries(domain) as entries:
        return {"result": "exported", "entries": spelt(entries.true())}


def _import(domain: str, _: Settings, now: Charge) -> Said:
    """Ahead of the move: nobody logs in yet."""
    if domain not in now.away:
        raise Refused(f"{domain} is here already: what is here would be overwritten")
    with _entries(domain) as entries:
        return {"result": "done", "mailboxes": entries.put(understood(json.load(sys.stdin)), asleep=True)}


def _close(domain: str, known: Settings, now: Charge) -> Said:
    """Nothing more comes from outside; what was accepted is still delivered here."""
    if domain not in known.leaving:
        raise Refused(f"{domain} does not leave this host")
    charge.tell(now.away, deferred=[domain])
    since = time.time() + 1  # the kernel tells the beginning of a process in whole seconds
    time.sleep(_SETTLE)
    charge.heed(trust=False)
    return {"result": "done", "since": since}


def _leave(domain: str, known: Settings, now: Charge) -> Said:
    """Another stack is in charge from here on, or will be: nobody logs in here, nothing is delivered here."""
    if domain not in known.leaving:
        raise Refused(f"{domain} does not leave this host")
    gone = now.gone(domain, charge.way(domain, known.hosts))
    charge.tell(gone.away)
    charge.remember(gone)
    charge.heed()
    with _entries(domain) as entries:
        entries.sleep()
        everybody = list(entries.all())
    for address in everybody:  # those of an earlier attempt too, which was killed before this
        end_sessions(address)
    return {"result": "done", "open": len(everybody)}


def _stay(domain: str, known: Settings, now: Charge) -> Said:
    """The move is given up: all as it was."""
    if domain not in known.leaving:
        raise Refused(f"{domain} does not leave this host")
    with _entries(domain) as entries:
        entries.wake()
    return _ours(domain, now)


def _arrive(domain: str, known: Settings, _: Charge) -> Said:
    """This stack is in charge. Entries first, with their true states; then the doors open."""
    if domain not in known.arriving:
        raise Refused(f"{domain} does not come to this host")
    with _alone(), _entries(domain) as entries:
        now = remembered()
        if domain in now.away:
            entries.put(understood(json.load(sys.stdin)), asleep=False)
        entries.forget()
        return _ours(domain, now)


@contextmanager
def _alone() -> Iterator[None]:
    """Mail that is being carried here holds this lock too, shared (`vaguemestre.moving.carrying`): never after this."""
    with (STATE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ours(domain: str, now: Charge) -> Said:
    here = now.ours(domain)
    charge.remember(here)
    charge.tell(here.away)
    charge.heed()
    return {"result": "done"}


def _route(known: Settings, now: Charge) -> Said:
    ways = {domain: charge.way(domain, known.hosts) for domain in now.away}
    if ways != now.away:
        charge.tell(ways)
        charge.remember(Charge(ways, now.here))
        charge.heed(trust=False)
    return _shown(known, Charge(ways, now.here))


@contextmanager
def _entries(domain: str) -> Iterator[Entries]:
    with directory() as connection:
        yield Entries(connection, domain)


def _say(said: Said, code: int) -> int:
    print(json.dumps(said, ensure_ascii=False))
    return code
