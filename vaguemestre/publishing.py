"""What an inventory says of publication: the way to the nation's directory, how often, and what needs approval."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from vaguemestre.terms import Line, Model, Url, Whole

Cell = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")]
"""What a cell of a table says: one line, possibly empty."""


class FhirWriter(Model):
    """The nation's FHIR interface, written to by PATCH; its key is the secret `annuaire.key`, never written here."""

    url: Url = Field(
        default="https://gateway.api.esante.gouv.fr/fhir/v2", description="base address of the FHIR server"
    )
    identifiers: Literal["oid", "url"] = Field(
        default="oid", description="how holders are named: national numbers under their OIDs, or bare ones under URLs"
    )
    paperless: bool = Field(default=True, description="send dematerialisation too, which newer guides leave out")
    calls_per_second: Whole = Field(default=8, ge=1, le=17, description="the nation allows 17 for each application")


class Column(Model):
    """One column of the files that are handed over."""

    header: Line = Field(description="what stands in the first line")
    value: Literal[
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
    ] = Field(description="what stands below; batch is the file's own name")


class OperationCodes(Model):
    """What the column `operation` says."""

    insert: Line = Field(default="C", description="a mailbox is new")
    replace: Line = Field(default="M", description="it changed")
    delete: Line = Field(default="S", description="it is no longer published")


class ReportColumns(Model):
    """How the report on a file is read."""

    address: Line = Field(default="Adresse BAL", description="header of the column with the address")
    result: Line = Field(default="Statut", description="header of the column with what became of it")
    message: Cell = Field(default="Message", description="header of the column that says why; empty: there is none")
    batch: Cell = Field(default="", description="header of the column with the file's name; empty: there is none")
    accepted: tuple[Line, ...] = Field(default=("OK",), min_length=1, description="results that mean it was done")


_COLUMNS = (
    ("Operation", "operation"),
    ("Type de BAL", "type"),
    ("Adresse BAL", "address"),
    ("Identifiant PP", "person"),
    ("Identification Structure", "structure"),
    ("Service de rattachement", "service"),
    ("Description", "description"),
    ("Responsable", "responsible"),
    ("Liste rouge", "redlist"),
    ("Dematerialisation", "paperless"),
    ("Rang", "rank"),
)


def _usable(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """A file without addresses or operations says nothing; two columns of one name contradict each other."""
    values = {one.value for one in columns}
    if not {"operation", "address"} <= values:
        raise PydanticCustomError("columns", "the columns address and operation are missing, or one of them")
    if len({one.header for one in columns}) < len(columns):
        raise PydanticCustomError("columns", "two columns have the same header")
    return columns


class CsvWriter(Model):
    """Files for a tool that carries them to the nation, and the reports that come back."""

    columns: Annotated[tuple[Column, ...], AfterValidator(_usable)] = Field(
        default=tuple(Column(header=header, value=value) for header, value in _COLUMNS),  # type: ignore[arg-type]
        description="the columns, in their order",
    )
    separator: Literal[";", ",", "|", "\t"] = Field(default=";", description="what stands between two cells")
    encoding: Literal["utf-8", "cp1252", "iso8859-15"] = Field(default="utf-8", description="of files and reports")
    codes: OperationCodes = OperationCodes()
    yes: Cell = Field(default="O", description="what a flag says when it is set")
    no: Cell = Field(default="N", description="what a flag says when it is not")
    report: ReportColumns = ReportColumns()


class Publication(Model):
    """Publication of our mailboxes in the national directory (annuaire)."""

    writer: Literal["none", "fhir", "csv"] = Field(
        default="none", description="none: nothing is published; fhir: by the interface; csv: by files"
    )
    every_minutes: Whole = Field(
        default=10, ge=1, le=30, description="how often changes are sent; a red-listed person must be hidden in an hour"
    )
    max_removed_percent: float = Field(
        default=5.0, ge=0, le=100, description="more mailboxes withdrawn in a day than this: held back for approval"
    )
    fhir: FhirWriter = FhirWriter()
    csv: CsvWriter = CsvWriter()
