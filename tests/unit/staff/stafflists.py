"""Lists of staff for tests, and what reading them gives. Nobody in them exists."""

from __future__ import annotations

from pathlib import Path

from vaguemestre.people import StaffImport
from vaguemestre.staff.errors import StaffFileError
from vaguemestre.staff.reading import Reading, read

DOMAIN = "pasteur.test"
HEADER = "Adresse MSSanté;N° RPPS;Nom;Prénom;Service"
ANNE, PAUL = "10009990010", "10009990028"  # RPPS numbers whose keys fit, of nobody


def reading(folder: Path, content: str | bytes, domains: tuple[str, ...] = (DOMAIN,), **rules: object) -> Reading:
    """The reading of a list with this content, under the rules of `mailboxes.import`."""
    file = folder / "staff"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(file, StaffImport.model_validate(rules), domains)


def wrong(folder: Path, content: str | bytes, **rules: object) -> list[tuple[int, str, str]]:
    """Line, field and what is wrong, of everything that is wrong with it."""
    try:
        problems = list(reading(folder, content, **rules).problems)
    except StaffFileError as error:
        problems = error.problems
    return [(one.line, one.field, one.wrong) for one in problems]
