"""The report: what became of every operation, one JSON line each, for years of questions about one mailbox.

Addresses are personal data: the files are for the account and root, and rotate by size.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from vaguemestre.host.annuaire.publication.listing import changed
from vaguemestre.host.annuaire.publication.operation import Outcome
from vaguemestre.host.trust import durable

LARGEST = 4 << 20  # bytes of one file, some 20,000 lines
FILES = 6  # besides the one that is written

Line = dict[str, Any]
"""``at`` (ISO), ``address``, ``operation``, ``result``, ``fields`` that changed, ``code``, ``message``, ``batch``."""


def line(outcome: Outcome, batch: str, now: datetime) -> Line:
    """What is kept of an outcome: names of fields, never their content."""
    operation = outcome.operation
    told = {
        "at": now.isoformat(timespec="seconds"),
        "address": operation.address,
        "operation": operation.kind,
        "result": str(outcome.result),
        "redlist": operation.after.redlist if operation.after else None,
        "fields": list(changed(operation.before, operation.after)),
        "code": outcome.slug,
        "message": outcome.message,
        "batch": batch,
    }
    return {name: value for name, value in told.items() if value not in ("", None, [])}


def write(path: Path, lines: Iterable[Line]) -> None:
    """Add lines, on the disk when this returns; a file that has become large makes room first. Raises OSError."""
    octets = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in lines)
    if not octets:
        return
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size + len(octets) > LARGEST:
            _rotate(path)
    with path.open("ab") as file:
        os.fchmod(file.fileno(), durable.MODE)
        if file.tell() and not _ends_whole(path):
            file.write(b"\n")  # a writer before was cut in the middle of a line
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def lines(path: Path, last: int, address: str = "") -> list[Line]:
    """The latest lines, oldest first, of one mailbox or of all."""
    found: deque[Line] = deque(maxlen=last)
    for one in (*(_numbered(path, number) for number in range(FILES, 0, -1)), path):
        found.extend(line for line in _read(one) if address in ("", line.get("address")))
    return list(found)


def _read(path: Path) -> Iterator[Line]:
    with suppress(FileNotFoundError), path.open("rb") as file:
        for octets in file:
            with suppress(ValueError):  # cut by a loss of power
                found = json.loads(octets)
                if isinstance(found, dict):
                    yield found


def _rotate(path: Path) -> None:
    for number in range(FILES - 1, 0, -1):
        with suppress(FileNotFoundError):
            _numbered(path, number).replace(_numbered(path, number + 1))
    path.replace(_numbered(path, 1))
    durable.sync(path.parent)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
