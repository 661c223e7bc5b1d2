"""What is wrong with a certificate or a key, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vaguemestre.errors import Exit, VaguemestreError


@dataclass(frozen=True)
class Fault:
    """One thing wrong, in words for a person, and the way out when there is one."""

    wrong: str
    way_out: str = ""

    def __str__(self) -> str:
        return f"{self.wrong}\n    {self.way_out}" if self.way_out else self.wrong


class PkiError(VaguemestreError):
    """A request or a certificate is refused; nothing was changed."""

    exit_code = Exit.INVALID

    @classmethod
    def of(cls, name: str, faults: Iterable[Fault]) -> PkiError:
        """All that is wrong about what was brought for `name`."""
        return cls("\n".join(f"{name}: {fault}" for fault in faults) + "\n    nothing was changed")
