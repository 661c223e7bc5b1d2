"""What is still under way here for a domain: messages in Postfix's queue, and sessions that began before it closed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


def waiting(domain: str, *queues: str) -> int:
    """Messages with a recipient in this domain, in the queues of these names (postqueue(1)) or, without, in any.

    Raises:
        OSError, subprocess.SubprocessError: Postfix does not say.
    """
    listed = subprocess.run(["/usr/sbin/postqueue", "-j"], capture_output=True, timeout=60, check=True).stdout
    messages = [json.loads(line) for line in listed.splitlines()]
    return sum(_for(domain, one) for one in messages if not queues or one["queue_name"] in queues)


def sessions(since: float) -> int:
    """SMTP servers of Postfix that began before this moment (Unix time), with the rules of then."""
    return sum(1 for began in _smtpds() if began < since)


def _for(domain: str, message: dict[str, Any]) -> bool:
    return any(one.get("address", "").lower().endswith(f"@{domain}") for one in message["recipients"])


def _smtpds() -> Iterator[float]:
    booted = _booted()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")  # proc(5)
            except OSError:
                continue  # it has ended
            if name == "smtpd":
                yield booted + int(rest.split()[19]) / _TICKS


def _booted() -> float:
    lines = Path("/proc/stat").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("btime "))
