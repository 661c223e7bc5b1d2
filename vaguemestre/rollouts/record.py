"""The record of one rollout: who brought which release to which host, in which wave, and what came of it.

One JSON file a rollout, ``ID.json`` in the folder `Kind.ROLLOUTS`; it is written anew at every step of every host, so
that it says where things stood when the controller was killed. IDs sort by time. Nothing secret is in it.
"""

from __future__ import annotations

import fcntl
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vaguemestre import records
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.rollouts.process import Process

FORMAT = 1
CLAIM_SECONDS = 7200
"""A rollout that is silent for so long has no claim on its hosts any more; every wave renews it."""
_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")


class RolloutError(VaguemestreError):
    """A rollout cannot begin, or there is no such rollout; nothing was changed on any host."""

    exit_code = Exit.INVALID


class Result(StrEnum):
    """How one host fares in a rollout."""

    WAITING = "waiting"  # its turn has not come
    UNDER_WAY = "under-way"  # being changed; if the controller was killed: the host goes on by itself
    DONE = "done"  # exactly what its release says, and verified
    PUT_BACK = "put-back"  # was well, others of its wave were not: what was live before is live again
    NOT_BEGUN = "not-begun"  # nothing was tried on it, because of others
    REFUSED = "refused"  # nothing was tried on it: a secret, a limit, a maintenance window
    BUSY = "busy"  # nothing was tried on it: another rollout has it
    UNREACHABLE = "unreachable"
    FAILED = "failed"


class Ending(StrEnum):
    """How a whole rollout stands."""

    UNDER_WAY = "under-way"
    INTERRUPTED = "interrupted"  # its controller is gone, and it may be resumed
    DONE = "done"
    FAILED = "failed"  # a host failed, or could not be reached, or was refused; later waves were not touched


@dataclass(frozen=True)
class HostRecord:
    """One host in a rollout. `release`: the id it is to get; `before`: what was live when its turn came, None on a
    bare host; `changed`: the rollout changed it; `live`: what is live as far as is known. Times are ISO 8601, UTC.
    """

    host: str
    establishment: str
    wave: int
    release: str
    result: Result = Result.WAITING
    reason: str = ""
    before: str | None = None
    live: str | None = None
    changed: bool = False
    began: str | None = None
    ended: str | None = None


@dataclass(frozen=True)
class Options:
    """What was asked for beside the usual; `allow` are names of limits, see `vaguemestre.plan.Limits`."""

    behaviour: bool = False
    outside_window: bool = False
    allow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """One rollout. `by` is user@controller, `kit` the kit's version, `revision` the inventory's commit, with a + when
    files differed from it, None when it is not under git; `process` is who works on it, `noted` when it last wrote;
    `most_at_once`: so many hosts that serve a wave may change. Not `begun`: it was refused as a whole, at once.
    """

    id: str
    by: str
    kit: str
    revision: str | None
    began: str
    noted: str
    ended: str | None = None
    process: Process | None = None
    options: Options = field(default_factory=Options)
    most_at_once: int = 0
    begun: bool = False
    hosts: tuple[HostRecord, ...] = ()

    def host(self, name: str) -> HostRecord:
        """One host's part.

        Raises:
            RolloutError: it has none.
        """
        found = next((one for one in self.hosts if one.host == name), None)
        if found is None:
            raise RolloutError(f"{name} is not part of rollout {self.id}\n    resume it with the hosts it began with")
        return found

    def with_host(self, name: str, **how: Any) -> Record:
        """The record with these fields of one host changed."""
        changed = replace(self.host(name), **how)
        return replace(self, hosts=tuple(changed if one.host == name else one for one in self.hosts))

    @property
    def waves(self) -> tuple[int, ...]:
        return tuple(sorted({one.wave for one in self.hosts}))

    @property
    def ending(self) -> Ending:
        """How it stands now; asks this machine whether the process that works on it lives."""
        if self.ended is None:
            return Ending.UNDER_WAY if self._alive() else Ending.INTERRUPTED
        return Ending.DONE if all(one.result is Result.DONE for one in self.hosts) else Ending.FAILED

    def _alive(self) -> bool:
        """Of a process on another machine it is only known when it last wrote something."""
        if self.process is None:
            return False
        silent = datetime.now(UTC) - datetime.fromisoformat(self.noted)
        return self.process.lives() if self.process.is_here else silent.total_seconds() < CLAIM_SECONDS

    @property
    def exit_code(self) -> Exit:
        """The worst that befell a host; hosts left aside because of others do not count."""
        found = {one.result for one in self.hosts}
        return next((code for result, code in _CODES if result in found), Exit.OK if self.ended else Exit.FAILED)

    def counted(self) -> Mapping[Result, int]:
        """How many hosts fare how."""
        return Counter(one.result for one in self.hosts)


_CODES = (
    (Result.FAILED, Exit.FAILED),
    (Result.UNREACHABLE, Exit.UNREACHABLE),
    (Result.BUSY, Exit.BUSY),
    (Result.REFUSED, Exit.INVALID),
    (Result.UNDER_WAY, Exit.FAILED),
    (Result.WAITING, Exit.FAILED),
)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id() -> str:
    """Such as ``20261123T140501Z-1f0c``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(2)}"


def read(path: Path) -> Record:
    """The record in this file.

    Raises:
        RecordsError: it is missing, damaged, or of another make.
    """
    plain = records.read(path)
    if plain.pop("format", None) != FORMAT:
        raise records.RecordsError(f"{path}: no record of a rollout of this kit's\n    move it away")
    try:
        return TypeAdapter(Record).validate_python(plain)
    except ValidationError as error:
        raise records.RecordsError(f"{path}: damaged: {error.errors()[0]['msg']}\n    move it away") from error


def write(path: Path, record: Record) -> None:
    """Keep the record whole.

    Raises:
        RecordsError: it cannot be written.
    """
    records.keep(path, {"format": FORMAT, **asdict(replace(record, noted=now()))})


@contextmanager
def turn(path: Path) -> Iterator[Record]:
    """The record, read while nobody else changes it; write it before the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read(path)


def note(path: Path, host: str, **how: Any) -> Record:
    """Change these fields of one host's part; many hosts do so at the same time."""
    with turn(path) as record:
        changed = record.with_host(host, **how)
        write(path, changed)
    return changed


def history(folder: Path, last: int | None = None) -> tuple[Record, ...]:
    """All rollouts recorded, or the last few, the newest first.

    Raises:
        RecordsError: one of them cannot be read.
    """
    return tuple(read(path) for path in tuple(reversed(tuple(records.names(folder))))[:last])


def find(folder: Path, prefix: str = "") -> Path:
    """The file of the rollout whose id begins so; of the last one when `prefix` is empty.

    Raises:
        RolloutError: there is none, or several.
    """
    named = [path for path in records.names(folder) if path.stem.startswith(prefix)]
    if not named:
        raise RolloutError(
            f"{prefix or 'rollout'}: none is recorded in {folder}\n    see `vaguemestre rollout history`"
        )
    if prefix and len(named) > 1:
        raise RolloutError(f"{prefix}: {len(named)} rollouts begin so: {_few([path.stem for path in named])}")
    return named[-1]


def last_begun(folder: Path) -> Path:
    """The file of the last rollout that was not refused as a whole.

    Raises:
        RolloutError: there is none.
    """
    for path in reversed(tuple(records.names(folder))):
        if read(path).begun:
            return path
    raise RolloutError(f"no rollout has begun yet, says {folder}\n    see `vaguemestre rollout history`")


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")
