"""Debian itself: its point release and kernel, whether a restart is due, and how full the disks are."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_MOUNTS = ("/", "/boot", "/var", "/var/log", "/var/spool/postfix", "/var/vmail")
"""Places whose file systems matter; several are on one."""


def system(root: Path) -> dict[str, Any]:
    """`debian`: its point release; `kernel`: what runs; `restart`: why a restart is due, or "". Times are Unix time."""
    return {
        "debian": _line(root / "etc/debian_version"),
        "kernel": os.uname().release,
        "restart": _restart(root),
        "clock": time.time(),
        "up": _up(root),
    }


def disks(root: Path) -> list[dict[str, Any]]:
    """Each file system once, by the first place on it: `used` and `inodes`, shares of 0 to 1; `free` in bytes."""
    return list(_disks(root))


def _disks(root: Path) -> Iterator[dict[str, Any]]:
    seen = set()
    for place in _MOUNTS:
        with suppress(OSError):
            path = root / place[1:]
            device = path.stat().st_dev
            if device not in seen:
                seen.add(device)
                yield {"place": place, **_fullness(os.statvfs(path))}


def _fullness(found: os.statvfs_result) -> dict[str, Any]:
    """As df(1) counts: what is kept for root is nobody's."""
    used = found.f_blocks - found.f_bfree
    inodes = found.f_files - found.f_ffree
    return {
        "used": round(used / max(1, used + found.f_bavail), 4),
        "inodes": round(inodes / max(1, found.f_files), 4),
        "free": found.f_bavail * found.f_frsize,
    }


def _restart(root: Path) -> str:
    """Debian's own mark, or another kernel than the one that would boot; in a container there is none to boot."""
    if (root / "run/reboot-required").exists():
        return "packages"
    with suppress(OSError):
        newest = (root / "vmlinuz").readlink().name.removeprefix("vmlinuz-")
        return "" if newest == os.uname().release else f"kernel {newest}"
    return ""


def _up(root: Path) -> float | None:
    with suppress(OSError, ValueError, IndexError):
        return float((root / "proc/uptime").read_text().split()[0])
    return None


def _line(path: Path) -> str:
    with suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8").strip()[:80]
    return ""
