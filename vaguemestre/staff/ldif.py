"""LDIF (RFC 2849) as directories export it: content records, also those that ldifde marks ``changetype: add``.

Changes, values behind a URL (``:<``) and broken base64 are refused; binary values are passed over.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.errors import Problem
from vaguemestre.staff.errors import StaffFileError, refuse
from vaguemestre.staff.sheet import Entry, Sheet

# RFC 2849: AttributeDescription, an OID or a name with options behind `;`.
_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*)(?:;[A-Za-z0-9;-]*)?:(?P<mark>[:<]?)[ ]*(?P<value>.*)", re.S)
_BEGINNING = re.compile(r"(?:#[^\n]*\n(?:[ ][^\n]*\n)*|\s)*(?:version|dn):", re.I)

_Logical = tuple[int, str]  # a line with its folded rest, and where it begins


@dataclass(frozen=True)
class _Said:
    """One line of a record; `value` is None when it is binary."""

    line: int
    name: str
    value: str | None


def seems(text: str) -> bool:
    """Whether this is LDIF: it begins with its version or with a name."""
    return _BEGINNING.match(text) is not None


def read(file: Path, text: str) -> Sheet:
    """The entries in `text`; columns are attributes in small letters.

    Raises:
        StaffFileError: with every line that is no LDIF, and every change record.
    """
    problems: list[Problem] = []
    records = [record for lines in _paragraphs(_unfolded(file, text)) if (record := _record(file, lines, problems))]
    if problems:
        raise StaffFileError(problems)
    entries = tuple(_entry(record) for record in records)
    return Sheet("ldif", tuple(dict.fromkeys(name for one in entries for name in one.values)), entries)


def _unfolded(file: Path, text: str) -> Iterator[_Logical]:
    """Lines without comments, with what was folded put back; an empty line ends a record."""
    held: _Logical | None = None
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if line.startswith(" "):
            if held is None:
                refuse(
                    file, number, "(line)", "continues nothing", "a line that begins with a blank belongs to another"
                )
            held = (held[0], held[1] + line[1:])
            continue
        if held is not None and not held[1].startswith("#"):
            yield held
        held = (number, line)
    if held is not None and not held[1].startswith("#"):
        yield held


def _paragraphs(lines: Iterator[_Logical]) -> Iterator[list[_Logical]]:
    gathered: list[_Logical] = []
    for line in lines:
        if line[1]:
            gathered.append(line)
        elif gathered:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _record(file: Path, lines: list[_Logical], problems: list[Problem]) -> list[_Said]:
    """The lines of one record; none when it is only the version, or when something was wrong with it."""
    said: list[_Said] = []
    for number, text in lines:
        try:
            said.append(_said(number, text))
        except ValueError as error:
            problems.append(Problem(file, number, "(line)", str(error), "export it again, with ldifde or ldapsearch"))
            return []
    if said[0].name == "version":
        said = said[1:]
    if said and (wrong := _no_content(said)):
        problems.append(Problem(file, said[0].line, "(record)", *wrong))
        return []
    return said


def _said(number: int, text: str) -> _Said:
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError("is no LDIF: it has no `name: value`")
    name, mark, value = found["name"].lower(), found["mark"], found["value"]
    if mark == "<":
        raise ValueError("is a value elsewhere (`:<`), which is not fetched")
    return _Said(number, name, _unpacked(value) if mark == ":" else value)


def _unpacked(value: str) -> str | None:
    try:
        data = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is no base64 (RFC 2849)") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _no_content(said: list[_Said]) -> tuple[str, str] | None:
    if said[0].name != "dn":
        return "does not begin with `dn:`", "export it again: every record begins with its name"
    change = next((one.value for one in said if one.name == "changetype"), None)
    if change not in (None, "add"):
        return f"is a change ({change}), not what is there", "export the entries, not a log of changes"
    return None


def _entry(record: list[_Said]) -> Entry:
    values: dict[str, tuple[str, ...]] = {}
    for one in record[1:]:
        if one.value is not None and one.name != "changetype":
            values[one.name] = (*values.get(one.name, ()), one.value)
    return Entry(record[0].line, values)
