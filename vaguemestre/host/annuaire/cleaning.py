"""An extraction's text, cleaned of what people and programs leave in it.

There are half a million lines: blocks of them go through functions of C, and only what stands out is looked at alone.
"""

from __future__ import annotations

import csv
import re

from vaguemestre.host.annuaire.columns import COLUMNS, SEPARATOR

# Control characters become blanks; line feeds alone have a meaning.
_BLANKED = bytes(32 if (code < 32 and code != 10) or code == 127 else code for code in range(256))
# What becomes a blank, then which blanks go. A pattern that begins with one octet is searched for with memchr(3).
_UNSEEN = (
    re.compile(rb"\xc2[\x80-\xa0]"),  # C1 controls, no-break space
    re.compile(rb"\xe2(?:\x80[\x8b-\x8f\xa8-\xaf]|\x81[\xa0-\xaf])"),  # no width, marks of direction, line separators
)
_LOOSE = (re.compile(rb" (?=[ |\n])"), re.compile(rb" (?<=[|\n] )"))


def tidy(block: bytes) -> str:
    """Lines without control and unseen characters, `\\r`, and blanks at the ends of fields or in a row.

    Raises:
        UnicodeDecodeError: something in it is not UTF-8.
    """
    block = block.translate(_BLANKED)
    for unseen in _UNSEEN:
        block = unseen.sub(b" ", block)
    for loose in _LOOSE:
        block = loose.sub(b"", block)
    return block.strip(b" ").decode()


def mended(text: str) -> list[str]:
    """The cells of a line with quotes, or with separators too many at its end.

    Quotes around a field go, doubled ones within become one; a separator within quotes is none. There may be any number
    of cells when the line cannot be mended.
    """
    cells = without_excess([_unquoted(one) for one in text.split(SEPARATOR)])
    if any(one.count('"') % 2 for one in cells):  # a separator within quotes, perhaps
        try:
            quoted = without_excess([one.strip(" ") for one in next(csv.reader([text], delimiter=SEPARATOR))])
        except csv.Error:
            return cells
        return quoted if len(quoted) == len(COLUMNS) else cells
    return cells


def without_excess(cells: list[str]) -> list[str]:
    """The cells without empty ones beyond the last column."""
    while len(cells) > len(COLUMNS) and not cells[-1]:
        cells.pop()
    return cells


def _unquoted(cell: str) -> str:
    inside = cell[1:-1].replace('""', "\0")
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inside:
        return inside.replace("\0", '"').strip(" ")
    return cell  # "A" and "B" are words in quotes, not a field
