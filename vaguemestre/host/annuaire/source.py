"""An extraction as a stream of octets: out of a zip archive or plain text, within bounds, nothing written to disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path, PurePath
from types import TracebackType
from typing import IO

from vaguemestre.host.annuaire.columns import date_of

MAX_BYTES = 1 << 30
"""Of text; the real file has 89 million. A zip archive that unfolds to more is no extraction."""

_CHUNK = 1 << 15  # octets; some two hundred lines stay in a processor's cache
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)


class ExtractionError(Exception):
    """A file that cannot be read as an extraction at all; `str()` says why, and quotes nothing of its entries."""


class Source:
    """An extraction, open for one pass; use it in a `with` block.

    `size` is the number of octets of its text, `generated` when it was made (UTC), None when no name says so: the
    archive's member is believed before the archive, which anybody may have renamed.
    """

    def __init__(
        self,
        path: Path,
        *,
        made: datetime | None = None,
        max_bytes: int = MAX_BYTES,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """`made` is its date if no name says it; `progress` is told of octets read and of all, often.

        Raises:
            ExtractionError: it is missing, empty, too large, or an archive that is damaged or holds not one file.
        """
        self.path = path
        self.read = 0  # octets so far
        self._limit = max_bytes
        self._progress = progress
        self._open = ExitStack()
        try:
            self._file, self.size, name = self._opened()
            self.generated = _dated(name) or _dated(path.name) or made
        except (OSError, *_DAMAGED, NotImplementedError, RuntimeError) as error:
            self._open.close()
            raise ExtractionError(_reason(error)) from error
        except ExtractionError:
            self._open.close()
            raise

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def chunks(self) -> Iterator[bytes]:
        """Its octets; raises ExtractionError when they end too early, are damaged, or do not end."""
        while chunk := self._chunk():
            self.read += len(chunk)
            if self.read > self._limit:
                raise ExtractionError(f"it is larger than {self._limit:,} octets")
            if self._progress:
                self._progress(self.read, self.size)
            yield chunk

    def _chunk(self) -> bytes:
        try:
            return self._file.read(_CHUNK)
        except (OSError, *_DAMAGED) as error:
            raise ExtractionError(_reason(error)) from error

    def _opened(self) -> tuple[IO[bytes], int, str]:
        """The stream of text, its size, and the name of the file it is."""
        if not self.path.is_file():
            raise ExtractionError("there is no such file" if not self.path.exists() else "this is no file")
        file = self._open.enter_context(self.path.open("rb"))
        if file.read(2) != b"PK":
            file.seek(0)
            return file, self._bounded(self.path.stat().st_size), self.path.name
        archive = self._open.enter_context(zipfile.ZipFile(self.path))
        member = _only(archive)
        return self._open.enter_context(archive.open(member)), self._bounded(member.file_size), member.filename

    def _bounded(self, size: int) -> int:
        if not size:
            raise ExtractionError("it is empty")
        if size > self._limit:
            raise ExtractionError(f"it has {size:,} octets of text; {self._limit:,} is the limit")
        return size


def _only(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) != 1:
        raise ExtractionError(f"the archive holds {len(members)} files, not one")
    return members[0]


def _dated(name: str) -> datetime | None:
    try:
        return date_of(PurePath(name).name)
    except ValueError as error:
        raise ExtractionError(str(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or error}"
    if isinstance(error, _DAMAGED):
        return "the zip archive is damaged or cut short"
    return "the zip archive is encrypted or packed in a way that is not known here"
