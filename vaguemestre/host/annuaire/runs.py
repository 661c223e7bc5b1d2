"""Sorting more than memory holds: sorted runs on disk, then merged. Lines of text without line feeds."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO

RUN = 200_000
"""Lines of one run: 20 MB of memory or so; the nation fills three."""


class Runs:
    """Add lines in any order, get them sorted by code point; its files are in `folder` and go when the block ends."""

    def __init__(self, folder: Path, length: int = RUN) -> None:
        self._folder = folder
        self._length = length
        self._lines: list[str] = []
        self._files: list[IO[str]] = []
        self._open = ExitStack()

    def __enter__(self) -> Runs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, line: str) -> None:
        """Raises OSError: the disk."""
        self._lines.append(line)
        if len(self._lines) >= self._length:
            self._spill()

    def sorted(self) -> Iterator[str]:
        """All of them, once; nothing may be added any more."""
        self._lines.sort()
        return heapq.merge(*map(_read, self._files), self._lines) if self._files else iter(self._lines)

    def _spill(self) -> None:
        self._lines.sort()
        file = tempfile.TemporaryFile("w+", dir=self._folder, encoding="utf-8", newline="\n")  # noqa: SIM115 - closed in __exit__
        self._open.enter_context(file)
        file.writelines(f"{line}\n" for line in self._lines)
        self._files.append(file)
        self._lines.clear()


def _read(file: IO[str]) -> Iterator[str]:
    file.seek(0)
    return (line[:-1] for line in file)
