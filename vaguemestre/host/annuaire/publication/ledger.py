"""The records of all mailboxes, on the disk before the next step begins: one row a mailbox in an SQLite database.

A row is a record as JSON (`confirmed.plain`). Every `put` is one transaction, so that a batch is known whole or not at
all, whatever kills the run.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from vaguemestre.host.annuaire.publication import confirmed
from vaguemestre.host.annuaire.publication.confirmed import Record

FORMAT = 1
FORGOTTEN = timedelta(days=30)
"""A mailbox that was withdrawn so long ago has no row any more; the report still tells of it."""


class LedgerError(Exception):
    """What is known of the nation's side cannot be read; `str()` says where and the way out."""


class Ledger:
    """Made by `opened`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._database = connection
        self._path = path

    def all(self) -> dict[str, Record]:
        """Every record, by address; raises LedgerError."""
        return {one.address: one for one in self._records()}

    def put(self, records: Iterable[Record]) -> None:
        """Write these down, all or none; they are on the disk afterwards."""
        rows = [(one.address, json.dumps(confirmed.plain(one), default=datetime.isoformat)) for one in records]
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO mailbox VALUES (?, ?)", rows)

    def forget(self, records: Iterable[Record], now: datetime) -> None:
        """Drop those of these records that were withdrawn long ago."""
        gone = [
            (one.address,)
            for one in records
            if one.confirmed is None and one.attempt is None and not one.uncertain and _old(one, now)
        ]
        with self._database:
            self._database.executemany("DELETE FROM mailbox WHERE address = ?", gone)

    def _records(self) -> Iterator[Record]:
        for (text,) in self._database.execute("SELECT record FROM mailbox"):
            try:
                yield confirmed.parse(json.loads(text))
            except (ValueError, KeyError, TypeError) as error:
                raise LedgerError(_broken(self._path, f"the row of a mailbox is unreadable: {error!r}")) from error


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """The ledger at `path`, made when it is not there.

    Raises:
        LedgerError: it cannot be read, or a newer release wrote it.
        OSError: the disk.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(path, timeout=20)
        try:
            os.chmod(path, 0o640)  # noqa: PTH101 - addresses of people
            _prepare(connection, path)
            yield Ledger(connection, path)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if "disk" in str(error) or "full" in str(error):
            raise OSError(f"{path}: {error}") from error
        raise LedgerError(_broken(path, str(error))) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > FORMAT:
        raise LedgerError(f"{path}: a newer release wrote it (format {version})\n    vaguemestre apply that release")
    connection.execute("PRAGMA synchronous = FULL")
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS mailbox (address TEXT PRIMARY KEY, record TEXT) WITHOUT ROWID")
        connection.execute(f"PRAGMA user_version = {FORMAT:d}")


def _old(record: Record, now: datetime) -> bool:
    return record.confirmed_at is None or now - record.confirmed_at > FORGOTTEN


def _broken(path: Path, why: str) -> str:
    return (
        f"{path}: {why}; nothing was sent to the nation\n"
        "    put it back from the backup; without one, move it away: all mailboxes are then declared anew"
    )
