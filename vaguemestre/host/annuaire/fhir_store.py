"""What was read of the FHIR interface so far, in one SQLite file: resources, and how far a reading has come.

A page and the way to the next one are written in one transaction, so a reading that is killed goes on where it was.
Resources bear the number of the full reading that last met them; those that a full reading did not meet go when it is
whole, and not before.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from vaguemestre.host.annuaire.columns import COLUMNS, SEPARATOR
from vaguemestre.host.annuaire.fhir_resources import Box, Carrier, Person, Structure
from vaguemestre.host.annuaire.wording import crossed

MANY_GONE = 1.0
"""Percent."""

_LAYOUT = 1
_SOME, _RED = 1, 2
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS carrier (key TEXT PRIMARY KEY, generation INTEGER NOT NULL, body TEXT NOT NULL,
                                    carries INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {_LAYOUT};
"""


@dataclass(frozen=True)
class Progress:
    """A reading under way. Times are ISO 8601, in UTC.

    `since` is the `_lastUpdated` of a delta, empty for a full reading; `begun` when it began, by the server's clock
    once that is known. `place` counts the types of resources that are done; `next` is the link to go on with, empty at
    the beginning of a type. `met` and `announced` count the resources of the type at hand, `pages` all pages.
    """

    since: str
    started: str
    generation: int
    begun: str = ""
    place: int = 0
    next: str = ""
    met: int = 0
    announced: int = 0
    pages: int = 0
    changed: int = 0


@dataclass(frozen=True)
class Known:
    """What the last whole readings left: `until` is where the next delta begins, `full` when the last full one did."""

    until: str = ""
    full: str = ""
    generation: int = 0


class Store:
    """Open for one run; use it in a `with` block, which a damaged file ends with the promise of a new one.

    Raises:
        OSError: the disk, here and at the end of the block; and a file found damaged while it was used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._base = _opened(path)
        except sqlite3.OperationalError as error:
            raise OSError(f"{path}: {error}") from error
        except sqlite3.DatabaseError:  # damaged, or of another layout: read anew, nothing is lost but time
            _remove(path)
            self._base = _opened(path)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
        if isinstance(error, sqlite3.Error):
            if not isinstance(error, sqlite3.OperationalError):
                _remove(self._path)
            raise OSError(f"{self._path}: {error}") from error

    def known(self) -> Known:
        body = self._note("known")
        return Known(**json.loads(body)) if body else Known()

    def progress(self) -> Progress | None:
        """The reading that was begun and not ended."""
        body = self._note("progress")
        return Progress(**json.loads(body)) if body else None

    def begin(self, progress: Progress) -> None:
        with self._base:
            self._write("progress", progress)

    def take(self, matches: Iterable[Carrier], others: Iterable[Carrier], progress: Progress) -> Progress:
        """A page: what was found, what goes with it, and how far the reading is now; returns that.

        A delta tells of everybody who changed. Kept are those who have a mailbox or are known, and to whom they refer.
        """
        full, changed = not progress.since, 0
        with self._base:
            wanted = set[str]()
            for one in matches:
                if full or one.boxes or self._has(one.key):
                    changed += self._put(one, progress.generation)
                    wanted |= {one.holder, one.at}
            for one in others:
                if full or one.key in wanted or self._has(one.key):
                    changed += self._put(one, progress.generation)
            now = replace(progress, changed=progress.changed + changed)
            self._write("progress", now)
        return now

    def end(self, progress: Progress) -> None:
        """The reading is whole: who was not met by a full one is gone.

        When many are gone, the next reading is a full one too: the interface's search was seen to forget some.
        """
        full, held = not progress.since, self.known()
        generation = progress.generation if full else held.generation
        since = progress.started if full else held.full
        with self._base:
            if full and self._swept(generation):
                since = ""
            self._write("known", Known(progress.begun or progress.started, since, generation))
            self._base.execute("DELETE FROM note WHERE name = 'progress'")

    def abandon(self) -> None:
        """Forget the reading under way; what it brought stays, for it is newer than what was there."""
        with self._base:
            self._base.execute("DELETE FROM note WHERE name = 'progress'")

    def lines(self) -> Iterator[str]:
        """The mailboxes as lines of an extraction, header first; in order of their carriers. None of the red list."""
        yield SEPARATOR.join(COLUMNS)
        red = {box.address.lower() for one in self._carriers(_RED) for box in one.boxes if box.red}
        for one in self._carriers(_SOME):
            person = one.person if one.holder == one.key else self._get(one.holder).person
            structure = one.structure if one.at == one.key else self._get(one.at).structure
            for box in one.boxes:
                if box.address.lower() not in red:
                    yield SEPARATOR.join(_cells(box, person, structure))

    def _swept(self, generation: int) -> bool:
        """Let go of those of earlier generations; whether they were many."""
        held = self._base.execute("SELECT count(*) FROM carrier WHERE carries").fetchone()[0]
        gone = self._base.execute(
            "SELECT count(*) FROM carrier WHERE carries AND generation < ?", (generation,)
        ).fetchone()[0]
        self._base.execute("DELETE FROM carrier WHERE generation < ?", (generation,))
        return bool(crossed(gone, held, MANY_GONE, "carriers of mailboxes are gone"))

    def _carriers(self, least: int) -> Iterator[Carrier]:
        asked = "SELECT key, body FROM carrier WHERE carries >= ? ORDER BY key"
        with closing(self._base.execute(asked, (least,))) as rows:
            for key, body in rows:
                yield _carrier(key, body)

    def _get(self, key: str) -> Carrier:
        row = self._base.execute("SELECT body FROM carrier WHERE key = ?", (key,)).fetchone() if key else None
        return _carrier(key, row[0]) if row else Carrier(key)

    def _has(self, key: str) -> bool:
        return self._base.execute("SELECT 1 FROM carrier WHERE key = ?", (key,)).fetchone() is not None

    def _put(self, one: Carrier, generation: int) -> bool:
        """Whether it is not what was there."""
        body = json.dumps(one[1:], ensure_ascii=False, separators=(",", ":"))
        row = self._base.execute("SELECT body FROM carrier WHERE key = ?", (one.key,)).fetchone()
        self._base.execute(
            "INSERT OR REPLACE INTO carrier VALUES (?, ?, ?, ?)", (one.key, generation, body, _carries(one))
        )
        return row is None or row[0] != body

    def _note(self, name: str) -> str:
        row = self._base.execute("SELECT body FROM note WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _write(self, name: str, note: Progress | Known) -> None:
        self._base.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, json.dumps(asdict(note))))


def _carries(one: Carrier) -> int:
    """What a resource carries, at most: nothing, mailboxes, one of the red list."""
    return _RED if any(box.red for box in one.boxes) else _SOME if one.boxes else 0


def _cells(box: Box, person: Person, structure: Structure) -> tuple[str, ...]:
    """The 31 columns; a team has no person."""
    who = Person() if box.kind in ("ORG", "APP") else person
    return (
        *(box.kind, box.address, *who[:3], *structure[:2], box.service, *who[3:]),
        *(box.paperless, *structure[2:4], *structure.place),
    )


def _carrier(key: str, body: str) -> Carrier:
    boxes, person, structure, holder, at = json.loads(body)
    found = tuple(Box(*one) for one in boxes)
    where = Structure(*structure)
    return Carrier(key, found, Person(*person), where._replace(place=tuple(where.place)), holder, at)


def _opened(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    base = sqlite3.connect(path, isolation_level="IMMEDIATE")
    try:
        layout = base.execute("PRAGMA user_version").fetchone()[0]
        if layout not in (0, _LAYOUT):
            raise sqlite3.DatabaseError(f"layout {layout}")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")  # a page that a power cut took is read again
        base.executescript(_SCHEMA)
    except BaseException:
        base.close()
        raise
    return base


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
