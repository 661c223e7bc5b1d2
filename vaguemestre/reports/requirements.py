"""The catalogue of operator requirements: what is required, how sure that is, how it is tested, and what proves it.

The data are in ``catalogue/*.yml``, a file a chapter. Where the national reference could not be read, a requirement's
`basis` says so: the catalogue is the kit's own reading of public documents, not the ANS's list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import ClassVar

import yaml
from pydantic import ConfigDict, TypeAdapter

FOLDER = Path(__file__).parent / "catalogue"
_FRENCH = Path(__file__).parent / "behaviours.yml"
ALL_CASES = "*"
"""Among `Requirement.cases`: each case of the trust audit."""


@dataclass(frozen=True)
class Text:
    """The same in French and in English."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    fr: str
    en: str

    def in_language(self, language: str) -> str:
        return self.fr if language == "fr" else self.en


class Basis(StrEnum):
    """How sure it is that this is required."""

    CERTAIN = "certain"  # read in an official document, or measured on a real national file
    SECONDARY = "secondary"  # somebody else restates an official document that could not be read
    INFERRED = "inferred"  # follows from good practice; no rule was read
    UNKNOWN = "unknown"  # looked for and not found


@dataclass(frozen=True)
class Requirement:
    """One row. `behaviours` are proofs of `vaguemestre verify` ("mail.to_a_peer"), `cases` of the trust audit
    ("sans-tls-audit.inbound"): both are asked of the establishment itself. `kit` names tests of the kit, which prove
    the mechanism and not this establishment ("lab/test_mail::..."). `lacks` is what nothing proves yet.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    number: int
    title: Text
    required: Text
    basis: tuple[Basis, ...]
    tested: Text
    behaviours: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    kit: tuple[str, ...] = ()
    lacks: Text | None = None


@dataclass(frozen=True)
class Chapter:
    """Requirements about one thing."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    title: Text
    requirements: tuple[Requirement, ...]


@cache
def catalogue() -> tuple[Chapter, ...]:
    """All chapters, in the order of the numbers."""
    reader = TypeAdapter(Chapter)
    return tuple(reader.validate_python(_yaml(path)) for path in sorted(FOLDER.glob("*.yml")))


@cache
def french() -> dict[str, str]:
    """What behaviours are called in French; `{}` stands for the variant."""
    return TypeAdapter(dict[str, str]).validate_python(_yaml(_FRENCH))


def _yaml(path: Path) -> object:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
