"""CSV as HR programs and spreadsheets write it (RFC 4180, with ``;``, ``,`` or a tab between cells)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from vaguemestre.errors import Problem
from vaguemestre.staff.errors import StaffFileError, refuse
from vaguemestre.staff.sheet import Entry, Sheet

SEPARATORS = ";\t,"  # the first of those that stand equally often in the header

_Record = tuple[int, list[str]]


def read(file: Path, text: str) -> Sheet:
    """The sheet in `text`; its first line that is not empty names the columns, empty lines are passed over.

    Raises:
        StaffFileError: no header, quotes that do not match, or lines with more or fewer cells than the header.
    """
    records = _records(file, text)
    line, header = next(records, (1, []))
    if not header:
        refuse(file, 1, "(file)", "is empty", "its first line names the columns")
    columns = tuple(_clean(cell) for cell in header)
    _named_once(file, line, columns)
    rows = [record for record in records if any(map(_clean, record[1]))]
    odd = [Problem(file, number, "(line)", *_odd(cells, columns)) for number, cells in rows if _uneven(cells, columns)]
    if odd:
        raise StaffFileError(odd)
    return Sheet("csv", columns, tuple(Entry(number, _values(columns, cells)) for number, cells in rows))


def _records(file: Path, text: str) -> Iterator[_Record]:
    """Each record that is not empty with the line it begins at; quoted cells may hold line breaks."""
    skipped, text = _without_hint(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    while True:
        line = reader.line_num + skipped + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            way_out = 'write a quote inside a cell twice, and end every cell that begins with "'
            refuse(file, line, "(line)", f"is no CSV: {error}", way_out)
        if cells is None:
            return
        if any(map(_clean, cells)):
            yield line, cells


def _without_hint(text: str) -> tuple[int, str]:
    """Without Excel's own first line ``sep=;``, which says nothing that is not seen in the next one."""
    first, _, rest = text.partition("\n")
    return (1, rest) if first.strip().lower() in {f"sep={one}" for one in SEPARATORS} else (0, text)


def _separator(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(SEPARATORS, key=header.count)


def _named_once(file: Path, line: int, columns: tuple[str, ...]) -> None:
    twice = sorted({one for one in columns if one and columns.count(one) > 1})
    if twice:
        refuse(file, line, "(header)", f"names a column twice: {', '.join(twice)}", "rename or remove one")


def _uneven(cells: list[str], columns: tuple[str, ...]) -> bool:
    """Empty cells behind the last column are a spreadsheet's habit, no mistake."""
    return len(cells) < len(columns) or any(map(_clean, cells[len(columns) :]))


def _odd(cells: list[str], columns: tuple[str, ...]) -> tuple[str, str]:
    wrong = f"has {len(cells)} cells, the header has {len(columns)}"
    return wrong, "put a cell that holds the separator in quotes; write empty cells too"


def _values(columns: tuple[str, ...], cells: list[str]) -> dict[str, tuple[str, ...]]:
    return {column: (cell,) for column, cell in zip(columns, cells, strict=False) if column}


def _clean(cell: str) -> str:
    return cell.strip().strip("\ufeff\u200b")
