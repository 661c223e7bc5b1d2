"""The one family of errors a person is meant to read.

An error says where (file, line, field), what is wrong and the way out. The CLI prints it without a traceback and
exits with `exit_code`; both engines show it as the host's failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """Exit codes of every command, kept stable for scripts and CI."""

    OK = 0
    FAILED = 1  # the work was tried and failed on at least one host
    INVALID = 2  # the inventory, an option or a file is wrong: nothing was tried
    CHANGES = 3  # plan, diff, audit: there is something to change
    UNREACHABLE = 4  # at least one host could not be reached; others were dealt with
    BUSY = 5  # another activation or rollout holds the lock


class VaguemestreError(Exception):
    """Base of the errors raised on purpose; `str()` is a whole message for a person."""

    exit_code = Exit.FAILED


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in the inventory: `file` and 1-based `line`, the dotted `field`, what is wrong, the way out."""

    file: Path
    line: int
    field: str
    wrong: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.wrong}\n    {self.way_out}"


class InventoryError(VaguemestreError):
    """The inventory cannot be used; `problems` holds all that was found, never only the first."""

    exit_code = Exit.INVALID

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ReleaseError(VaguemestreError):
    """A release cannot be built from these items; the message names the paths and the authors."""

    exit_code = Exit.INVALID
