"""Running a command with a watch in the hand and, when asked, an eye on the memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.05  # seconds between two looks at memory; a look costs about 2 ms a process


class FailedError(Exception):
    """A command that was to be measured failed: its time means nothing."""


@dataclass(frozen=True)
class Measured:
    """Wall seconds, and the most memory held at once by all processes of the command (PSS, bytes), 0 if not watched."""

    seconds: float
    memory: int
    said: str


def measure(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    expected: tuple[int, ...] = (0,),
    watch: bool = False,
) -> Measured:
    """Run a command to its end.

    Raises:
        FailedError: its exit code is none of `expected`; the message holds what it said.
    """
    began = time.monotonic()
    child = subprocess.Popen(
        argv,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    watcher = Watcher(child.pid) if watch else None
    out, _ = child.communicate(stdin)
    seconds = time.monotonic() - began
    memory = watcher.end() if watcher else 0
    said = out.decode(errors="replace")
    if child.returncode not in expected:
        raise FailedError(f"`{' '.join(argv)}` exited {child.returncode}:\n{said[-4000:]}")
    return Measured(seconds, memory, said)


class Watcher(threading.Thread):
    """Looks at all processes of a session until it is told to end."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._over = threading.Event()
        self._peak = 0
        self.start()

    def run(self) -> None:
        while not self._over.wait(_EVERY):
            self._peak = max(self._peak, sum(map(proportional_set_size, _members(self._session))))

    def end(self) -> int:
        """The peak, in bytes."""
        self._over.set()
        self.join()
        return self._peak


def proportional_set_size(pid: int) -> int:
    """PSS of a process in bytes (proc(5), smaps_rollup): memory it shares counts by its share; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _members(session: int) -> list[int]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _session_of(pid) == session]


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1
