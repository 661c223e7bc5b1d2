"""Running commands, locks between labs, and long-lived processes known by pid and start time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.lab.errors import LabError

Progress = Callable[[str], None]
Result = subprocess.CompletedProcess[bytes]


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    check: bool = True,
    timeout: float | None = None,
    within: Sequence[str] = (),
) -> Result:
    """Run a command to its end, by way of `within`; raises LabError when it is absent, late, or (`check`) fails."""
    shown = " ".join(argv[:6]) + (" ..." if len(argv) > 6 else "")
    try:
        done = subprocess.run([*within, *argv], input=stdin, env=env, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{error.filename} is not installed: run script/lab-requirements") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{shown}` gave no answer in {timeout:.0f} s") from error
    if check and done.returncode:
        raise LabError(f"`{shown}` failed ({done.returncode}):\n{last_words(done)}")
    return done


def last_words(done: Result, lines: int = 15) -> str:
    """The last lines a command said, on either stream."""
    said = (done.stdout + b"\n" + done.stderr).decode(errors="replace").strip()
    return "\n".join("  " + line for line in said.splitlines()[-lines:])


@contextmanager
def lock(path: Path, progress: Progress, what: str) -> Iterator[None]:
    """Hold `path` exclusively; says what it waits for when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process to finish with {what}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Process:
    """One process, named so that a later one with the same pid is never taken for it."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The living process with this pid, or None. The start time is in clock ticks since boot (proc(5), stat)."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] == "Z" else cls(pid, int(fields[19]))

    @classmethod
    def load(cls, path: Path) -> Process | None:
        """The process recorded in `path` when it still lives, else None."""
        try:
            pid, started = map(int, path.read_text().split())
        except (FileNotFoundError, ValueError):
            return None
        found = cls.of(pid)
        return found if found and found.started == started else None

    def save(self, path: Path) -> None:
        """Record this process in `path`."""
        path.write_text(f"{self.pid} {self.started}\n")

    def end(self, patience: float = 3.0) -> None:
        """Ask it to end, insist after `patience` seconds; does nothing when it is gone already."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + patience
            while Process.of(self.pid) == self and time.monotonic() < deadline:
                os.kill(self.pid, number)
                _reap(self.pid)
                time.sleep(0.02)


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every process of this machine: its pid and its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.parent.name, path.read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue


def start(argv: Sequence[str], record: Path, log: Path) -> Process:
    """Start a process that outlives this one and record it; raises LabError when it ends at once."""
    with log.open("ab") as output:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    found = Process.of(child.pid)
    if found is None or child.poll() is not None:
        raise LabError(f"`{' '.join(argv)}` ended at once; see {log}")
    found.save(record)
    return found


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
