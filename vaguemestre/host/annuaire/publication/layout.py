"""Where publication has its settings and state on a host, and what the settings say.

``/etc/vaguemestre/publication.json`` is rendered by the role directory. State belongs to the account vgm-annuaire::

    /var/lib/vaguemestre-annuaire/publication/
        ledger.db       what the nation last confirmed      report.jsonl   what became of every operation
        approval.json   withdrawals a person agreed to      run.json       the latest run
        alarms.json     which alarms stand, since when      told.json      whom the alarms still have to reach
        lock            held by the one run at a time       spool/         files for the national channel (writer csv),
                                                            staged/        and those that are not whole yet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaguemestre.host import written
from vaguemestre.host.written import LayoutError as LayoutError

SETTINGS = Path("/etc/vaguemestre/publication.json")
STATE = Path("/var/lib/vaguemestre-annuaire/publication")
KEY = Path("/etc/vaguemestre/annuaire-api.key")
CREDENTIAL = "api-key"
"""The name by which systemd hands the key to the service."""

FIELDS = (
    "operation",
    "address",
    "type",
    "person",
    "structure",
    "redlist",
    "paperless",
    "rank",
    "service",
    "description",
    "responsible",
    "batch",
    "date",
)
"""What a column of the CSV writer may hold."""


@dataclass(frozen=True)
class Fhir:
    """The interface: `url` its base, `identifiers` oid or url, `paperless` whether dématérialisation is sent too."""

    url: str
    anchors: Path
    proxy: str | None
    calls_per_second: float
    identifiers: str
    paperless: bool


@dataclass(frozen=True)
class Table:
    """A file's form: columns (header, field of FIELDS), separator, encoding, operation -> its code; flags' words."""

    columns: tuple[tuple[str, str], ...]
    separator: str
    encoding: str
    codes: Mapping[str, str]
    yes: str
    no: str


@dataclass(frozen=True)
class Answers:
    """The form of the channel's report: headers of its columns, and which results mean that it was done."""

    address: str
    result: str
    message: str
    batch: str
    accepted: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """All of publication.json. `notify` is Postfix's address, None on a host without one."""

    writer: str
    fhir: Fhir
    table: Table
    answers: Answers
    max_removed_percent: float
    kept_back: frozenset[str]
    mail_host: str
    postmaster: str
    notify: tuple[str, int] | None


@dataclass(frozen=True)
class Places:
    """The paths below the folder of state."""

    root: Path

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.db"

    @property
    def report(self) -> Path:
        return self.root / "report.jsonl"

    @property
    def approval(self) -> Path:
        return self.root / "approval.json"

    @property
    def run(self) -> Path:
        return self.root / "run.json"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def alarms(self) -> Path:
        return self.root / "alarms.json"

    @property
    def told(self) -> Path:
        return self.root / "told.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"


def settings(path: Path = SETTINGS) -> Settings:
    """Read publication.json.

    Raises:
        LayoutError: it is not there, no JSON, or something in it is missing or of another kind.
    """
    return written.read(path, "directory", parse)


def parse(plain: Mapping[str, Any]) -> Settings:
    """The settings that `plain`, read from JSON, spells; KeyError, TypeError or ValueError when it does not."""
    notify = plain.get("notify")
    return Settings(
        writer=str(plain["writer"]),
        fhir=_fhir(plain["fhir"]),
        table=_table(plain["csv"]),
        answers=_answers(plain["csv"]["report"]),
        max_removed_percent=float(plain["max_removed_percent"]),
        kept_back=frozenset(map(str, plain["kept_back"])),
        mail_host=str(plain["mail_host"]),
        postmaster=str(plain["postmaster"]),
        notify=(str(notify[0]), int(notify[1])) if notify else None,
    )


def _fhir(plain: Mapping[str, Any]) -> Fhir:
    return Fhir(
        url=str(plain["url"]).rstrip("/"),
        anchors=Path(plain["anchors"]),
        proxy=plain.get("proxy") or None,
        calls_per_second=float(plain["calls_per_second"]),
        identifiers=str(plain["identifiers"]),
        paperless=bool(plain["paperless"]),
    )


def _table(plain: Mapping[str, Any]) -> Table:
    columns = tuple((str(header), str(field)) for header, field in plain["columns"])
    if strangers := {field for _, field in columns} - {*FIELDS}:
        raise ValueError(f"no such fields: {', '.join(sorted(strangers))}")
    return Table(
        columns=columns,
        separator=str(plain["separator"]),
        encoding=str(plain["encoding"]),
        codes={str(kind): str(code) for kind, code in plain["codes"].items()},
        yes=str(plain["yes"]),
        no=str(plain["no"]),
    )


def _answers(plain: Mapping[str, Any]) -> Answers:
    texts = {name: str(plain[name]) for name in ("address", "result", "message", "batch")}
    return Answers(**texts, accepted=tuple(str(one).casefold() for one in plain["accepted"]))
