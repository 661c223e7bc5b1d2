"""Postfix's queue, by the names of its files alone: no message is opened, showq(8) is not asked.

Long queue ids (postconf(5), enable_long_queue_ids) begin with the second of arrival in base 52; an id of the other kind
counts, but does not tell its age.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SPOOL = "/var/spool/postfix"
WAITING = ("maildrop", "incoming", "active", "deferred", "hold")
_DAMAGED = "corrupt"
_DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_LONG = re.compile(rf"([{_DIGITS}]{{6,}})[{_DIGITS}]{{4}}z[{_DIGITS}]+")  # seconds, microseconds, z, inode
_MOST = 200_000  # names looked at: a queue longer than that needs no exact number
_DEPTH = 4  # hash_queue_depth(5) and room


def queue(spool: Path) -> dict[str, int | None] | None:
    """How many messages wait in each queue, how many files Postfix has set aside as damaged, and `oldest`, the second
    (Unix time) at which the oldest that tells it arrived; None where there is no Postfix.
    """
    if not (spool / "deferred").is_dir():
        return None
    counts: dict[str, int | None] = {}
    oldest: int | None = None
    for name in (*WAITING, _DAMAGED):
        found = list(_names(spool / name, _DEPTH))
        counts[name] = len(found)
        arrived = [at for one in found if name != _DAMAGED and (at := arrival(one)) is not None]
        oldest = min((*arrived, *([oldest] if oldest else [])), default=None)
    return {**counts, "oldest": oldest}


def arrival(name: str) -> int | None:
    """The second at which a message with this queue id arrived; None when the id does not tell."""
    if not (match := _LONG.fullmatch(name)):
        return None
    seconds = 0
    for digit in match[1]:
        seconds = seconds * len(_DIGITS) + _DIGITS.index(digit)
    return seconds


def _names(folder: Path, depth: int) -> Iterator[str]:
    found = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if depth:
                    yield from _names(folder / entry.name, depth - 1)
            elif found < _MOST:
                found += 1
                yield entry.name
