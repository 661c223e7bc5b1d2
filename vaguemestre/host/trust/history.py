"""What happened to the list and its sources: one JSON line an event, the latest thousand and a few."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from vaguemestre.host.trust import durable

KEPT = 1000  # events
_ROOM = 250  # more of them before the oldest go

Event = dict[str, Any]
"""``at`` (ISO), ``event`` (accepted, quarantined, refused, failing, recovered, rebuilt, own...), and its facts."""


def note(path: Path, now: datetime, event: str, **facts: Any) -> Event:
    """Add an event, and give it back; one that cannot be written is no reason to stop."""
    line = {"at": now.isoformat(), "event": event, **facts}
    with suppress(OSError):
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with path.open("ab") as file:
            os.fchmod(file.fileno(), durable.MODE)
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        _bound(path)
    return line


def events(path: Path, number: int = KEPT) -> list[Event]:
    """The latest events, oldest first; a line that was cut by a loss of power is passed over."""
    found: list[Event] = []
    for line in _lines(path)[-number:]:
        with suppress(ValueError):
            found.append(dict(json.loads(line)))
    return found


def _bound(path: Path) -> None:
    lines = _lines(path)
    if len(lines) > KEPT + _ROOM:
        durable.write(path, b"".join(lines[-KEPT:]))


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True)
    except OSError:
        return []
