"""Moments as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from vaguemestre.errors import Exit, VaguemestreError

_UNITS = {"m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1),
          "j": timedelta(days=1), "w": timedelta(weeks=1)}  # fmt: skip
_AGO = re.compile(r"(\d{1,4}) ?(min|m|h|d|j|w)")


class MomentError(VaguemestreError):
    """A moment on the command line is none."""

    exit_code = Exit.INVALID


def moment(text: str, now: datetime | None = None) -> str:
    """What `text` means, as ISO 8601, UTC, to the second: `2h`, `3d` ago; `2026-11-20`, `2026-11-20T14:00`, in UTC.

    Raises:
        MomentError: it is none.
    """
    now = now or datetime.now(UTC)
    if match := _AGO.fullmatch(text.strip()):
        return _written(now - int(match[1]) * _UNITS[match[2]])
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise MomentError(f"--since {text}: no moment\n    write 30min, 2h, 3d, or a date: 2026-11-20") from None
    return _written(found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))


def lapse(since: str | None, now: str) -> str:
    """How long that is ago, in one unit: `now`, `5 min`, `3 h`, `12 d`; empty when it is not known."""
    if since is None:
        return ""
    seconds = int((datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds())
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "now"


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
