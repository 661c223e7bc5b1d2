"""What systemd gives the daemon and wants to hear from it: sockets (sd_listen_fds(3)) and its state (sd_notify(3)).

The sockets belong to systemd, so a daemon that dies or restarts loses no connection: who asks meanwhile waits.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

FACES = ("policy", "map", "milter", "auth")
METRICS = "metrics"
_FIRST_DESCRIPTOR = 3
_BACKLOG = 512


class SupervisionError(Exception):
    """The sockets that were given cannot be used; `str()` says why and the way out."""


def given(environment: Mapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """The sockets that systemd passed, by face: a Unix socket by its file's name, the TCP one is `metrics`.

    Empty when none were passed. Raises SupervisionError: one is of no face.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return {}
    found: dict[str, socket.socket] = {}
    for number in range(int(environment.get("LISTEN_FDS", "0"))):
        passed = socket.socket(fileno=_FIRST_DESCRIPTOR + number)
        passed.set_inheritable(False)
        found[_face(passed)] = passed
    return found


def made(folder: Path) -> dict[str, socket.socket]:
    """Sockets of our own, for a daemon that runs without systemd; what lay there under their names goes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found: dict[str, socket.socket] = {}
    for face in (*FACES, METRICS):
        path = folder / face
        path.unlink(missing_ok=True)
        found[face] = socket.socket(socket.AF_UNIX)
        found[face].bind(str(path))
        path.chmod(0o600)
        found[face].listen(_BACKLOG)
    return found


def notify(message: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell systemd (``READY=1``, ``STATUS=...``, ``WATCHDOG=1``); nothing when it does not listen."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.setblocking(False)
        out.sendto(message.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def watchdog_seconds(environment: Mapping[str, str] = os.environ) -> float | None:
    """How often systemd wants a sign of life, at the latest; None when it does not."""
    limit = environment.get("WATCHDOG_USEC", "")
    return int(limit) / 1e6 if limit.isdigit() and environment.get("WATCHDOG_PID") in (None, str(os.getpid())) else None


def _face(passed: socket.socket) -> str:
    if passed.family in (socket.AF_INET, socket.AF_INET6):
        return METRICS
    name = Path(str(passed.getsockname())).name
    if name not in (*FACES, METRICS):
        raise SupervisionError(
            f"systemd passed the socket {name}, of no face: {', '.join(FACES)}\n    see vaguemestre-trust.socket"
        )
    return name
