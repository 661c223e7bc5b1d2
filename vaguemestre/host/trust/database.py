"""A small read-mostly database: one SQLite file that is made once, named by its SHA-256, and never written to again.

The reader believes a file whose SHA-256 is its name, and opens it without locks and without mmap: a file that is cut
under an mmap kills its reader. Its page cache is small, so memory does not grow with the file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from vaguemestre.host.trust import durable

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
"""Table -> its rows."""

LOOK_EVERY = 0.2  # seconds
_TRY_AGAIN_AFTER = 2.0  # seconds, with a file that could not be used
_CACHE_KIB = 16384


class Database:
    """The file that a folder's `current` names, open while it is whole; looked at five times a second at most."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[Any, ...] | None = None
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._look_at = 0.0
        self._again_at = 0.0
        self.trouble = ""

    def connection(self) -> sqlite3.Connection | None:
        """The open database, or None when there is none that can be believed; why is in `trouble`."""
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self._look(now)
        return self._connection

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[Any]:
        """The answer, or nothing and a database that is shut when it cannot be read."""
        self.connection()
        if self._cursor is None:
            return []
        try:
            return self._cursor.execute(question, values).fetchall()
        except (sqlite3.Error, UnicodeError) as error:
            # A text that cannot be UTF-8 is in no list and says nothing against the file.
            if not isinstance(error, UnicodeError):
                self._shut(f"cannot be read: {error}")
            return []

    def close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = self._cursor = None

    def _look(self, now: float) -> None:
        name = durable.in_force(self._folder)
        seen = None if name is None else _signature(self._folder / name)
        if seen == self._seen and (self._connection is not None or now < self._again_at):
            return
        self.close()
        self._seen = seen
        if name is None or seen is None:
            self._shut("there is none yet" if name is None else "is missing")
        else:
            self._open(self._folder / name)

    def _open(self, path: Path) -> None:
        try:
            if durable.sha256(path) != path.stem:
                return self._shut("was altered: its SHA-256 is not its name")
            self._connection = read_only(path)
            self._cursor = self._connection.cursor()  # one for all questions: a third of the time of a short one
            self.trouble = ""
        except (OSError, sqlite3.Error) as error:
            self._shut(f"cannot be opened: {error}")

    def _shut(self, trouble: str) -> None:
        self.close()
        self.trouble = trouble
        self._again_at = time.monotonic() + _TRY_AGAIN_AFTER


def build(folder: Path, schema: str, rows: Rows) -> Path:
    """Make a database of `rows` and put it in force.

    Raises:
        OSError, sqlite3.Error: the disk; what was in force still is.
    """
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    begun = durable.beside(folder / "database")
    with closing(sqlite3.connect(begun, isolation_level=None)) as connection:
        # No journal: what fails half-way is thrown away whole. `durable` brings it to the disk.
        connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {schema} BEGIN;")
        for table, some in rows.items():
            if some:
                marks = ", ".join("?" * len(some[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", some)  # noqa: S608 - our own names
        connection.execute("COMMIT")
    return durable.put_in_force(begun)


def read_only(path: Path) -> sqlite3.Connection:
    """A finished database, opened without locks and without mmap (https://www.sqlite.org/uri.html)."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA query_only = 1")
    return connection


def _signature(path: Path) -> tuple[Any, ...] | None:
    """What changes when a file is replaced, cut or written to (stat(2))."""
    try:
        seen = os.stat(path)  # noqa: PTH116 - five times a second, for the daemon
    except OSError:
        return None
    return path.name, seen.st_ino, seen.st_size, seen.st_mtime_ns
