"""The fleet's audits on the controller's disk: how every host was seen last, and what began, changed or ended when.

In the folder of records: ``last.json``, the last that is known of each host (`finding.Audit.plain`), and a line of JSON
for each event in ``events-YYYY-MM.jsonl``. An audit that finds nothing new writes no line, however often it runs;
months past the retention are removed. Events are written before ``last.json``: cut off between the two, the next audit
tells them again, and reading them tells them once.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vaguemestre import records
from vaguemestre.audit import memory
from vaguemestre.audit.finding import Audit, Severity, parsed
from vaguemestre.audit.memory import Event
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.records import Kind, RecordsError

if TYPE_CHECKING:
    from vaguemestre.establishment import Fleet


class AuditBusyError(VaguemestreError):
    """Another audit of this inventory is under way."""

    exit_code = Exit.BUSY


def last(fleet: Fleet) -> Audit | None:
    """What is known of each host, each from when it was last asked (`HostAudit.at`); None before the first audit.

    Raises:
        RecordsError: it cannot be read, or is damaged.
    """
    return last_in(records.folder(fleet, Kind.AUDITS))


def last_in(folder: Path) -> Audit | None:
    """As `last`, of the folder of records itself."""
    path = folder / "last.json"
    if not path.exists():
        return None
    try:
        return parsed(records.read(path))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordsError(f"{path}: of another kit, or damaged: {error}\n    move it away") from error


def remember(folder: Path, now: Audit, known: Iterable[str], months: int) -> Audit:
    """Keep an audit; gives it back with since when each thing stands, and with the hosts that it did not ask.

    `known` are all hosts of the inventory: what is no longer in it is forgotten. `months` of events are kept.

    Raises:
        RecordsError: it cannot be read or written.
    """
    before = last_in(folder)
    dated = memory.dated(before, now)
    dated = replace(dated, hosts=tuple(one for one in dated.hosts if one.host in set(known)))
    _append(folder, now.at, list(memory.events(before, dated)))
    records.keep(folder / "last.json", dated.plain())
    _prune(folder, now.at, months)
    return dated


def events(folder: Path, host: str | None = None) -> tuple[Event, ...]:
    """What happened, oldest first; of one host or establishment, or of all. Lines that were cut off are passed over."""
    told: dict[tuple[str, str], Event] = {}
    found = []
    for path in sorted(folder.glob("events-*.jsonl")):
        for one in _read(path):
            before = told.get((one.host, one.key))
            repeated = before and (before.what, before.severity) == (one.what, one.severity)
            told[one.host, one.key] = one
            if not repeated and host in (None, one.host, one.establishment):
                found.append(one)
    return tuple(found)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The right to audit, for one at a time; the system lets go of it if this process dies (flock(2)).

    Raises:
        AuditBusyError: somebody else has it.
        RecordsError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640), "r+")
    except OSError as error:
        raise RecordsError(f"{folder}: records of audits cannot be kept there: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AuditBusyError(
                f"another audit of this inventory is under way ({file.read().strip()})\n    wait for its end"
            ) from error
        file.truncate()
        file.write(f"process {os.getpid()}\n")
        file.flush()
        yield


def _append(folder: Path, at: str, fresh: Sequence[Event]) -> None:
    if not fresh:
        return
    path = folder / f"events-{at[:7]}.jsonl"
    lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in fresh)
    try:
        with path.open("ab+") as file:
            if file.tell() and not _ends_whole(file.fileno()):
                file.write(b"\n")  # a line that a power cut left half written spoils no other
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordsError(f"{path}: what changed could not be written down: {error.strerror}") from error


def _ends_whole(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, 1, size - 1) == b"\n"


def _read(path: Path) -> Iterator[Event]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            plain = json.loads(line)
            was = plain["was"] and Severity(plain["was"])
            yield Event(**{**plain, "severity": Severity(plain["severity"]), "was": was})
        except (ValueError, TypeError, KeyError):
            continue


def _prune(folder: Path, at: str, months: int) -> None:
    now = datetime.fromisoformat(at)
    oldest = now.year * 12 + now.month - months
    for path in folder.glob("events-????-??.jsonl"):
        year, month = path.stem.split("-")[1:]
        if int(year) * 12 + int(month) < oldest:
            path.unlink(missing_ok=True)
