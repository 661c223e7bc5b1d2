"""An extraction inspected as a whole: is it fit for use, and may it take the place of what is held. Applies nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from vaguemestre.host.annuaire import churn, digest, examination
from vaguemestre.host.annuaire.churn import Churn
from vaguemestre.host.annuaire.digest import Facts
from vaguemestre.host.annuaire.examination import Findings
from vaguemestre.host.annuaire.source import Source


@dataclass(frozen=True)
class Limits:
    """What a file must be in itself, and how far it may be from what is held."""

    file: examination.Limits = field(default_factory=examination.Limits)
    step: churn.Limits = field(default_factory=churn.Limits)


@dataclass(frozen=True)
class Inspection:
    """`unfit` says why the file must not be used at all; `held` and `churn` are there if something is held."""

    found: Findings
    unfit: tuple[str, ...]
    held: Facts | None = None
    churn: Churn | None = None

    @property
    def refused(self) -> bool:
        """Whether it would not be applied by itself: unfit, or held back."""
        return bool(self.unfit) or (self.churn is not None and self.churn.held_back)


def inspect(
    file: Path,
    new: Path,
    held: Path | None,
    limits: Limits,
    *,
    made: datetime | None = None,
    operators: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Inspect `file`, leave its digest at `new`, and compare that with the digest `held`.

    `made` is the extraction's date when its source says it and its name does not. An unfit file is compared too: what
    it would do says what is wrong with it.

    Raises:
        ExtractionError: the file cannot be read as an extraction.
        DigestError: what is held is not whole; it must then be made anew from what the directory holds.
        OSError: the disk.
    """
    with Source(file, made=made, progress=progress) as source:
        found = examination.examine(source, new)
    unfit = examination.unfit(found, limits.file)
    if held is None:
        return Inspection(found, unfit)
    known = digest.facts(held)
    balance = churn.weigh(digest.records(held), digest.records(new))
    judged = churn.guard(balance, limits.step, known.generated, found.generated, operators)
    return Inspection(found, unfit, known, judged)
