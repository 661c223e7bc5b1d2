"""France as a schematic map: a tile for each department, near where it lies. Codes are INSEE's.

Corsica stands below the south-east, the three departments round Paris above the north-west, those overseas in a row of
their own.
"""

from __future__ import annotations

import re

_GRID = """
92 93 94 .. .. 80 62 59
.. .. .. 14 27 76 95 60 02 08 57
.. .. .. 50 61 78 75 77 51 55 54 67
29 22 35 53 72 28 91 89 10 52 88 68
.. 56 44 49 37 41 45 58 21 70 25 90
.. .. .. 85 79 86 36 18 03 71 01 39
.. .. .. 17 16 87 23 63 42 69 73 74
.. .. .. 33 24 46 19 15 43 38 05
.. .. .. 40 47 82 12 48 07 26 04
.. .. .. 64 32 31 81 34 30 84 83 06
.. .. .. .. 65 09 11 66 .. 13 .. 2B
971 972 973 974 976 .. .. .. .. .. .. 2A
"""
_CODE = re.compile(r"\((\w+)\)\s*$")

TILES: dict[str, tuple[int, int]] = {
    code: (column, row)
    for row, line in enumerate(_GRID.split("\n")[1:-1])
    for column, code in enumerate(line.split())
    if code != ".."
}
"""Column and row of each department, from the top left."""

COLUMNS = 1 + max(column for column, _ in TILES.values())
ROWS = 1 + max(row for _, row in TILES.values())


def code(department: str) -> str | None:
    """``27`` of ``Eure (27)``; None when the map has no such department."""
    found = _CODE.search(department)
    return found.group(1) if found and found.group(1) in TILES else None
