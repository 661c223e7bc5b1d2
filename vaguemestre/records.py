"""What the controller did and saw, kept beside the inventory as JSON: rollouts, audits, verifications.

The folder is `settings.records`. It is no secret and no configuration: whoever loses it loses history, nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from vaguemestre.errors import VaguemestreError

if TYPE_CHECKING:  # the model is slow to import, and reading a record has no need of it
    from vaguemestre.establishment import Fleet


class RecordsError(VaguemestreError):
    """The folder of records cannot be written, or a record in it cannot be read."""


class Kind(StrEnum):
    """What is kept; each kind has a folder of its own."""

    ROLLOUTS = "rollouts"
    AUDITS = "audits"
    VERIFICATIONS = "verifications"


def folder(fleet: Fleet, kind: Kind) -> Path:
    """Where records of this kind lie; it may not exist yet."""
    return (fleet.root / fleet.settings.records / kind.value).resolve()


def keep(path: Path, record: object) -> None:
    """Write one record whole, or not at all: a reader sees the old one or the new one.

    Raises:
        RecordsError: it cannot be written there.
    """
    text = json.dumps(record, ensure_ascii=False, indent=2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o640)
        Path(file.name).replace(path)
    except OSError as error:
        raise RecordsError(f"{path}: the record could not be written: {error.strerror}") from error


def read(path: Path) -> dict[str, Any]:
    """One record.

    Raises:
        RecordsError: there is none, or it is no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordsError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise RecordsError(f"{path}: damaged, line {getattr(error, 'lineno', '?')}\n    move it away") from error
    if not isinstance(found, dict):
        raise RecordsError(f"{path}: no record of this kit\n    move it away")
    return found


def names(where: Path) -> Iterator[Path]:
    """The records of a folder, oldest name first; none when there is no such folder."""
    yield from sorted(where.glob("*.json"))
