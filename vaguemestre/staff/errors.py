"""What is wrong with a list of staff, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from vaguemestre.errors import Exit, Problem, VaguemestreError

SHOWN = 50  # problems; who has ten thousand has one cause


class StaffFileError(VaguemestreError):
    """The list cannot be used, so nothing was done; `problems` holds all that was found, by line."""

    exit_code = Exit.INVALID

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(_told(self.problems)))


def refuse(file: Path, line: int, field: str, wrong: str, way_out: str) -> NoReturn:
    """End the reading with one problem that hides all others.

    Raises:
        StaffFileError: always.
    """
    raise StaffFileError([Problem(file, line, field, wrong, way_out)])


def _told(problems: list[Problem]) -> Iterable[str]:
    number = len(problems)
    yield f"{number} thing{'s are' if number > 1 else ' is'} wrong in the list; nothing was done"
    yield from map(str, problems[:SHOWN])
    if number > SHOWN:
        rest = Counter(one.field for one in problems[SHOWN:])
        kinds = ", ".join(f"{many} of {field}" for field, many in rest.most_common())
        yield f"and {number - SHOWN} more ({kinds}); --json tells all"
