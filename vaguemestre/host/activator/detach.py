"""Activations run in a transient systemd unit: a lost link, a killed session or controller does not touch them.

The session that asked follows the unit's log and passes it on. When the activator is killed, systemd's ExecStopPost
finishes or undoes what it was doing (but not while the host shuts down: the boot will).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from vaguemestre.host.activator import resident
from vaguemestre.host.activator.commands import run
from vaguemestre.host.activator.disk import Disk
from vaguemestre.host.activator.failure import ActivationError, BusyError
from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.store import JOURNAL, STATE, Store

UNIT = "vaguemestre-activate.service"
_LOOK = 0.05  # seconds between two looks at the log
_AGAIN, _PATIENCE = 0.1, 20  # seconds between two attempts to start the unit, and how many
_MENDING = 600  # seconds that finishing or undoing may take
_ALIVE = 2.0  # seconds of silence before asking whether the unit still runs


def detach(store: Store, machine: Machine, verb: str, id: str) -> Iterator[dict[str, object]]:
    """Start `verb` on the release `id` in a unit of its own and yield what it says, the result last.

    Raises:
        BusyError: such a unit runs already.
        ActivationError: it cannot be started, or ended without a result.
    """
    disk = store.disk
    program = resident.put_program(disk, machine)
    log = f"{STATE}/log/{time.time_ns()}.jsonl"
    disk.put(log, b"")
    _begin(store, program, verb, id, log)
    return _follow(disk, log)


def _begin(store: Store, program: str, verb: str, id: str, log: str) -> None:
    python = f"/usr/bin/python3 -I {program}"
    mend = f"/bin/sh -c 'test ! -e {JOURNAL} || exec {python} recover --unless-stopping'"
    properties = ("Type=exec", f"ExecStopPost={mend}", f"TimeoutStopSec={_MENDING}", "SuccessExitStatus=1 3 5")
    options = ("--collect", "--quiet", *(f"--property={one}" for one in properties))
    command = (*python.split(), verb, id, f"--log={log}")
    for _ in range(_PATIENCE):
        done = run("systemd-run", f"--unit={UNIT}", *options, "--", *command)
        if not done.code:
            return
        if "already" not in done.output:
            raise ActivationError("lock", f"systemd-run failed:\n{done.output}")
        if holder := store.holder():
            raise BusyError(holder)
        time.sleep(_AGAIN)  # one that has given its result takes a moment to leave
    raise BusyError(UNIT)


def _follow(disk: Disk, log: str) -> Iterator[dict[str, object]]:
    with (disk.root / log[1:]).open() as lines:
        heard, rest, alive = time.monotonic(), "", True
        while True:
            rest += lines.readline()
            if rest.endswith("\n"):
                event, rest, heard = json.loads(rest), "", time.monotonic()
                yield event
                if event["event"] == "result":
                    return
            elif not alive:
                raise ActivationError("killed", "the activation was killed; what it was doing was finished or undone")
            elif time.monotonic() - heard > _ALIVE:
                heard, alive = time.monotonic(), _runs()  # and then the log once more: it may have ended since
            else:
                time.sleep(_LOOK)


def _runs() -> bool:
    """While systemd itself is being upgraded it may not answer: that is no sign of anything."""
    return run("systemctl", "is-active", UNIT).output not in ("inactive", "failed")
