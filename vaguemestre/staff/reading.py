"""From a file to what it says of each mailbox, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.errors import Problem
from vaguemestre.host.mailboxes.roster import CALLED, Row
from vaguemestre.people import StaffImport
from vaguemestre.staff import columns, ldif, line, table, text
from vaguemestre.staff.errors import StaffFileError
from vaguemestre.staff.line import Place
from vaguemestre.staff.sheet import Entry, Sheet

_DISABLED = 2  # ADS_UF_ACCOUNTDISABLE in userAccountControl (MS-ADTS section 2.2.16)


@dataclass(frozen=True)
class Reading:
    """What the lines say that can be used (`rows`), and what is wrong in the others.

    `passed_over`: LDIF entries without an address of ours. `disabled`: accounts that are shut in Active Directory,
    which count as absent.
    """

    place: Place
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    passed_over: int = 0
    disabled: int = 0


def read(file: Path, rules: StaffImport, domains: Sequence[str], structure: str = "") -> Reading:
    """Read the list of an establishment with these mail domains and this national id.

    Raises:
        StaffFileError: as a whole it cannot be read: its encoding, CSV or LDIF, columns, or nobody is in it.
    """
    written = text.read(file, rules.encoding)
    sheet = ldif.read(file, written) if ldif.seems(written) else table.read(file, written)
    places, wrong = columns.found(file, sheet, rules.columns)
    if wrong:
        raise StaffFileError(wrong)
    return _read(sheet, Place(file, tuple(domains), places, structure))


def _read(sheet: Sheet, place: Place) -> Reading:
    working = [one for one in sheet.entries if not _disabled(one)]
    meant = [one for one in working if sheet.kind == "csv" or line.has_address(one, place)]
    if not meant:
        way_out = "an empty list is no list: nobody is suspended by it"
        raise StaffFileError([Problem(place.file, 1, "(file)", "has nobody with an address in it", way_out)])
    read = [line.row(one, place) for one in meant]
    good = tuple(row for row, wrong in read if not wrong)
    problems = [problem for _, wrong in read for problem in wrong]
    problems += [*_without_rpps([row for row, _ in read], place), *_twice([row for row, _ in read], place)]
    return Reading(place, good, tuple(problems), len(working) - len(meant), len(sheet.entries) - len(working))


def _disabled(entry: Entry) -> bool:
    """Active Directory keeps the accounts of those who left, and shuts them."""
    flags = entry.values.get("useraccountcontrol", ("",))[0]
    return flags.isdecimal() and bool(int(flags) & _DISABLED)


def _without_rpps(rows: Sequence[Row], place: Place) -> Iterator[Problem]:
    """Told once, not on every line."""
    persons = sum(row.said.get("kind", "PER") == "PER" for row in rows)
    if persons and not {"rpps", "staff_id"} & place.columns.keys():
        yield place.problem(
            1,
            "rpps",
            f"no column is known to hold it, and {persons} of {len(rows)} mailboxes are persons' (PER)",
            "write `mailboxes.import.columns.rpps:` with its name",
        )


def _twice(rows: Sequence[Row], place: Place) -> Iterator[Problem]:
    for field in ("address", "person"):
        first: dict[str, int] = {}
        for row in rows:
            value = row.said.get(field, "")
            if value and first.setdefault(value, row.line) != row.line:
                wrong = f"is that of line {first[value]} already"
                yield place.problem(row.line, CALLED[field], wrong, "a mailbox is one person's, on one line")


def of_host(place: Place, problems: Sequence[Mapping[str, object]]) -> list[Problem]:
    """What the host found wrong with lines that are well written."""
    return [
        place.problem(int(str(one["line"])), str(one["field"]), str(one["wrong"]), str(one["way_out"]))
        for one in problems
    ]
