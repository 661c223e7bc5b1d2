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

    def lives(self) -> bool:
        """Whether it still works; of a process on another machine nothing is known, and it counts as living."""
        if self.host != socket.gethostname():
            return True
        return self.boot == _boot() and _started(self.pid) == self.started


def _boot() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""


def _started(pid: int) -> int | None:
    """When it was started; None when there is no such process, or only its end is left to be collected."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in ("Z", "X") else int(words[_STARTED])
