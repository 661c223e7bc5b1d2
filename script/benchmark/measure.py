"""Running a command with a watch in the hand and, when asked, an eye on the memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.05  # seconds between two looks at memory


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
    """Looks at a process and all it started, and what those started, until it is told to end."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._over = threading.Event()
        self._peak = 0
        self.start()

    def run(self) -> None:
        while not self._over.wait(_EVERY):
            self._peak = max(self._peak, sum(map(proportional_set_size, family(self._root))))

    def end(self) -> int:
        """The peak, in bytes."""
        self._over.set()
        self.join()
        return self._peak


def family(root: int) -> set[int]:
    """A process and its descendants, by their parents' pids (proc(5), stat)."""
    parents = {pid: parent for pid in _pids() if (parent := _parent(pid))}
    found = {root}
    while born := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= born
    return found


def proportional_set_size(pid: int) -> int:
    """PSS of a process in bytes (proc(5), smaps_rollup): memory it shares counts by its share; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
