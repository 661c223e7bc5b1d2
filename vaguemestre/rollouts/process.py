"""Who works on a rollout: a process of some machine, told from another that has got its number since."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_STARTED = 19  # proc_pid_stat(5): field 22, counted from the state that follows the command's name


@dataclass(frozen=True)
class Process:
    """A process, on the machine `host`. `started` is in clock ticks since the boot `boot`."""

    host: str
    boot: str
    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(socket.gethostname(), _boot(), pid, _started(pid) or 0)

    @property
    def is_here(self) -> bool:
        """Whether it is this machine's, which alone can tell whether it lives."""
        return self.host == socket.gethostname()

    def lives(self) -> bool:
        """Whether it still works, here."""
        return self.is_here and self.boot == _boot() and _started(self.pid) == self.started

    def is_ancestor(self, pid: int) -> bool:
        """Whether the process `pid` is this one, or was started by it, or by one that it started."""
        while pid > 1:
            if Process.of(pid) == self:
                return True
            pid = _parent(pid)
        return False


def _boot() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""


def _started(pid: int) -> int | None:
    """When it was started; None when there is no such process, or only its end is left to be collected."""
    words = _stat(pid)
    return None if not words or words[0] in ("Z", "X") else int(words[_STARTED])


def _parent(pid: int) -> int:
    words = _stat(pid)
    return int(words[1]) if words else 0


def _stat(pid: int) -> list[str]:
    """proc_pid_stat(5) after the command's name, which may hold anything; nothing when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
