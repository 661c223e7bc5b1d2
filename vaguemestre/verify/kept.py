"""What verifications leave: every run is kept beside the inventory, one record for each establishment.

`folder(fleet, Kind.VERIFICATIONS)/SLUG/ID-KIND-ENDING.json`, such as ``20261123T140501Z-1f0c-behaviours-passed.json``:
an ID sorts by time, and how a run ended is known without opening it. A record says what was asked and what was seen; it
holds no address of a person, no password, no message.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from vaguemestre import circumstances, records
from vaguemestre.establishment import Fleet
from vaguemestre.records import Kind, RecordsError

SCHEMA = 1
LIMIT = 200
"""Records of one kind for one establishment; the oldest go, but never the last whole one."""

Asked = Literal["behaviours", "trust-audit"]
Seen = Literal["passed", "failed", "skipped"]
Ending = Literal["passed", "failed", "part"]
"""Of a run: "part" when not all was asked, whatever came of it."""


@dataclass(frozen=True)
class Evidence:
    """One thing that was tried. `proof` names it ("mail.to_a_peer", "sans-tls-audit.inbound"), `variant` the parameters
    it was tried with ("587", or nothing); `requirements` are numbers of the operator requirements that it proves.
    """

    proof: str
    variant: str
    requirements: tuple[int, ...]
    sentence: str
    outcome: Seen
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class HostSeen:
    """A host that serves the establishment; the release live when the run ended, None when nobody could say."""

    name: str
    release: str | None
    since: str | None


@dataclass(frozen=True)
class Verification:
    """One run on one establishment. `whole`: all that can be asked was asked; `rehearsal`: in a lab."""

    id: str
    asked: Asked
    establishment: str
    begun: datetime
    ended: datetime
    by: str
    kit: str
    whole: bool
    rehearsal: bool
    hosts: tuple[HostSeen, ...]
    evidence: tuple[Evidence, ...]
    schema: int = SCHEMA

    @property
    def passed(self) -> bool:
        """Whether something was asked and nothing of it failed; what was skipped is no failure."""
        return bool(self.evidence) and not any(one.outcome == "failed" for one in self.evidence)

    @property
    def ending(self) -> Ending:
        return "part" if not self.whole else "passed" if self.passed else "failed"

    def count(self, outcome: Seen) -> int:
        return sum(one.outcome == outcome for one in self.evidence)


@dataclass(frozen=True)
class Run:
    """What all records of one run share; made when the run begins."""

    id: str
    asked: Asked
    begun: datetime
    by: str

    @classmethod
    def begin(cls, asked: Asked) -> Run:
        """From this moment, in the name of whoever calls."""
        now = _now()
        return cls(f"{now.strftime(_STAMP)}-{secrets.token_hex(2)}", asked, now, circumstances.by())

    def ended(
        self, fleet: Fleet, slug: str, hosts: Sequence[HostSeen], evidence: Sequence[Evidence], *, whole: bool = True
    ) -> Verification:
        """What it found out about one establishment."""
        return Verification(
            self.id, self.asked, slug, self.begun, _now(), self.by, version("vaguemestre"), whole,
            fleet.settings.lab is not None, tuple(hosts), tuple(evidence),
        )  # fmt: skip


_READER = TypeAdapter(Verification)
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}-(behaviours|trust-audit)-(passed|failed|part)")


def keep(fleet: Fleet, one: Verification) -> Path:
    """Write the record and let the oldest go; where it is.

    Raises:
        RecordsError: it cannot be written.
    """
    path = _folder(fleet, one.establishment) / f"{one.id}-{one.asked}-{one.ending}.json"
    records.keep(path, {**asdict(one), "begun": one.begun.isoformat(), "ended": one.ended.isoformat()})
    _let_go(path.parent, one.asked)
    return path


def history(fleet: Fleet, slug: str, asked: Asked = "behaviours") -> Iterator[Verification]:
    """The establishment's records of this kind, newest first.

    Raises:
        RecordsError: one of them is damaged, or of a later kit.
    """
    for path in reversed(_paths(_folder(fleet, slug), asked)):
        yield _read(path)


def last(fleet: Fleet, slug: str, asked: Asked = "behaviours") -> Verification | None:
    """The newest whole one; None when there has been none.

    Raises:
        RecordsError: as `history`.
    """
    whole = _whole(_folder(fleet, slug), asked)
    return _read(whole[-1]) if whole else None


def since(fleet: Fleet, slug: str, asked: Asked = "behaviours") -> tuple[Ending, datetime] | None:
    """How the last whole one ended, and when the first of those ended so that have all ended so since; from names."""
    found = [(_ending(path), _time(path)) for path in _whole(_folder(fleet, slug), asked)]
    if not found:
        return None
    ending, at = found[-1]
    for before, earlier in reversed(found):
        if before != ending:
            break
        at = earlier
    return ending, at


def _folder(fleet: Fleet, slug: str) -> Path:
    return records.folder(fleet, Kind.VERIFICATIONS) / slug


def _paths(folder: Path, asked: Asked) -> list[Path]:
    return [path for path in records.names(folder) if _NAME.fullmatch(path.stem) and f"-{asked}-" in path.stem]


def _whole(folder: Path, asked: Asked) -> list[Path]:
    return [path for path in _paths(folder, asked) if _ending(path) != "part"]


def _ending(path: Path) -> Ending:
    return path.stem.rpartition("-")[2]  # type: ignore[return-value]  # as in _NAME


def _time(path: Path) -> datetime:
    return datetime.strptime(path.stem.partition("-")[0], _STAMP).replace(tzinfo=UTC)


def _read(path: Path) -> Verification:
    try:
        return _READER.validate_python(records.read(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the record"
        raise RecordsError(f"{path}: {field}: {first['msg']}\n    made by another kit? move it away") from error


def _let_go(folder: Path, asked: Asked) -> None:
    last_whole = _whole(folder, asked)[-1:]
    for path in _paths(folder, asked)[:-LIMIT]:
        if path not in last_whole:
            path.unlink(missing_ok=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
