"""One entry of a list of staff: what it says of a mailbox, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.errors import Problem
from vaguemestre.host.mailboxes.holder import registered
from vaguemestre.host.mailboxes.roster import FIELDS, Row
from vaguemestre.host.mailboxes.texts import tidy
from vaguemestre.staff.sheet import Entry
from vaguemestre.staff.values import ValueRefusedError, checked

# What an empty cell does not take away: it only says nothing.
_SAID_OR_NOT = ("type", "rpps", "staff_id", "structure", "quota", "rank", "paperless")
_COLUMNS = "mailboxes.import.columns"


@dataclass(frozen=True)
class Place:
    """The file, the establishment's domains and which column holds each field; its structure's national id."""

    file: Path
    domains: tuple[str, ...]
    columns: Mapping[str, str]
    structure: str = ""

    def problem(self, line: int, field: str, wrong: str, way_out: str) -> Problem:
        """One thing wrong there; the column is named as the file does."""
        column = self.columns.get(field, field)
        return Problem(self.file, line, field if column == field else f"{field} ({column})", wrong, way_out)


def has_address(entry: Entry, place: Place) -> bool:
    """Whether it has a mailbox at all: most entries of a directory have none of ours."""
    return bool(_addresses(entry, place))


def row(entry: Entry, place: Place) -> tuple[Row, list[Problem]]:
    """What the entry says, by field of `Mailbox`; to be used only when there is no problem."""
    said: dict[str, str] = {}
    problems: list[Problem] = []
    for field in place.columns:
        try:
            cell = _address(entry, place) if field == "address" else _one(entry, place, field)
            if cell or field not in _SAID_OR_NOT:
                said[FIELDS.get(field, field)] = checked(field, cell) if cell else ""
        except ValueRefusedError as refused:
            problems.append(place.problem(entry.line, field, refused.wrong, refused.way_out))
    _registered(said, place)
    faulty = {problem.field.split(" ")[0] for problem in problems}
    problems += [one for one in _of_holder(entry.line, said, place) if one.field.split(" ")[0] not in faulty]
    return Row(entry.line, {"address": "", **said}), problems


def _address(entry: Entry, place: Place) -> str:
    """Of several addresses the one that is ours."""
    found = _addresses(entry, place)
    if not found:
        raise ValueRefusedError("is empty", "every line needs the address of a mailbox; remove the line")
    if len(found) > 1:
        raise ValueRefusedError(f"has {len(found)} addresses of this establishment", "keep one")
    domain = found[0].rpartition("@")[2].lower()
    if domain and "@" in found[0] and domain not in place.domains:
        raise ValueRefusedError(
            f"{domain} is none of the establishment's domains",
            f"its domains: {', '.join(place.domains)}; is another column meant? `{_COLUMNS}.address`",
        )
    return found[0]


def _addresses(entry: Entry, place: Place) -> list[str]:
    values = [clean for value in entry.values.get(place.columns["address"], ()) if (clean := tidy(value))]
    if len(values) < 2:
        return values
    return [value for value in values if value.rpartition("@")[2].lower() in place.domains]


def _one(entry: Entry, place: Place, field: str) -> str:
    values = entry.values.get(place.columns[field], ())
    if len(values) > 1:
        raise ValueRefusedError(
            f"has {len(values)} values", f"keep one, or name another attribute: `{_COLUMNS}.{field}`"
        )
    return tidy(values[0]) if values else ""


def _registered(said: dict[str, str], place: Place) -> None:
    """Who has no RPPS is known by the number that the establishment gave; the RPPS goes first."""
    number = said.pop("staff_id", "")
    if number and not said.get("person") and said.get("kind", "PER") == "PER":
        said["person"] = registered(said.get("structure") or place.structure, number)


def _of_holder(line: int, said: Mapping[str, str], place: Place) -> Iterator[Problem]:
    """What each type requires (nomenclature TRE_R257); the file's own want of a column is told once, elsewhere."""
    kind = said.get("kind") or "PER"
    if kind == "PER" and "rpps" in place.columns and not said.get("person"):
        way_out = "fill it in, or the establishment's own number of the person (staff_id), or write another type"
        yield place.problem(line, "rpps", "a mailbox of a person (PER) needs it", way_out)
    if kind in ("ORG", "APP") and said.get("person"):
        yield place.problem(line, "rpps", f"a mailbox of type {kind} belongs to a structure", "leave it empty")
    if kind == "CAB" and not said.get("description"):
        yield place.problem(line, "description", "a mailbox of a practice (CAB) needs it", "fill it in")
