"""Whom our people have written to, and when last: an SQLite file of vgm-trust, kept as hashes.

Nobody can read from it who writes to whom; only whether one pair is in it can be asked. A person's address and the
correspondent's each become 64 bits of BLAKE2b with a key that lies in the same file. Domains are kept in clear: reports
have no sender, so what lets them pass is that the mailbox has written into a domain of the operator that brings them.

Answers come from a connection that only reads (WAL: it never waits for a writer). What is to be remembered is written
by a thread, a few times a second, in one transaction on the disk; until then it is remembered in memory. A daemon that
is killed loses that fraction of a second: a reply that comes meanwhile goes to the secretariat.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path

EVERY = 0.2  # seconds between two writings
_DAY = 86400
_MOST_WAITING = 100_000  # pairs that wait for a disk that takes nothing
_MOST_TODAY = 200_000  # pairs known to have been written down today
_CACHE_KIB = 8192

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pairs (mailbox INTEGER, other INTEGER, day INTEGER, PRIMARY KEY (mailbox, other))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS domains (mailbox INTEGER, domain TEXT, day INTEGER, PRIMARY KEY (mailbox, domain))
    WITHOUT ROWID;
"""
_PAIR = "INSERT INTO pairs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET day = max(day, excluded.day)"
_DOMAIN = "INSERT INTO domains VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET day = max(day, excluded.day)"

Trouble = Callable[[str, str], None]
"""Told where something went wrong, and what."""

Pair = tuple[int, int]
Into = tuple[int, str]


class Correspondents:
    """`decide.Memory`, but for certificates; `today` gives days since 1970.

    Raises:
        OSError, sqlite3.Error: the file cannot be made.
    """

    def __init__(self, path: Path, trouble: Trouble, today: Callable[[], int] | None = None) -> None:
        self._path = path
        self._trouble = trouble
        self._today = today or (lambda: int(time.time()) // _DAY)
        self._key = _prepared(path)
        self._reader = _opened(path, read_only=True)
        self._pairs: dict[Pair, int] = {}
        self._domains: dict[Into, int] = {}
        self._written: set[Pair] = set()
        self._written_on = 0
        self._ended = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._keep_writing, name="correspondents", daemon=True)
        self._thread.start()

    def wrote(self, mailbox: str, correspondent: str, days: int) -> bool:
        """Whether this mailbox has written to that address within so many days."""
        pair = self._hash(mailbox), self._hash(correspondent)
        since = self._today() - days
        if self._pairs.get(pair, -1) >= since:
            return True
        return bool(self._rows("SELECT 1 FROM pairs WHERE mailbox = ? AND other = ? AND day >= ?", (*pair, since)))

    def domains(self, mailbox: str, days: int) -> set[str]:
        """The domains that this mailbox has written into within so many days."""
        one, since = self._hash(mailbox), self._today() - days
        found = self._rows("SELECT domain FROM domains WHERE mailbox = ? AND day >= ?", (one, since))
        waiting = [domain for (box, domain), day in list(self._domains.items()) if box == one and day >= since]
        return {domain for (domain,) in found} | set(waiting)

    def remember(self, mailbox: str, correspondent: str) -> None:
        """This mailbox writes to that address, now."""
        today = self._today()
        if today != self._written_on or len(self._written) >= _MOST_TODAY:
            self._written, self._written_on = set(), today
        pair = self._hash(mailbox), self._hash(correspondent)
        if pair in self._written or len(self._pairs) >= _MOST_WAITING:
            return
        self._pairs[pair] = today
        self._domains[pair[0], correspondent.rpartition("@")[2]] = today
        self._written.add(pair)

    def write(self) -> None:
        """Bring to the disk what waits for it; by itself this happens a few times a second.

        Raises:
            sqlite3.Error: the disk; all of it still waits.
        """
        with self._writing:
            pairs, domains = dict(self._pairs), dict(self._domains)
            if not pairs and not domains:
                return
            with _opened(self._path) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_PAIR, [(*pair, day) for pair, day in pairs.items()])
                connection.executemany(_DOMAIN, [(*into, day) for into, day in domains.items()])
            connection.close()
            _drop(self._pairs, pairs)
            _drop(self._domains, domains)

    def close(self) -> None:
        """Write what waits and end."""
        self._ended.set()
        self._thread.join(5)
        self._reader.close()

    def _keep_writing(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(EVERY)
            try:
                self.write()
            except sqlite3.Error as error:
                self._trouble("correspondents", str(error))
                ended = ended or self._ended.wait(5)

    def _rows(self, question: str, values: Iterable[object]) -> list[tuple[str]]:
        """What cannot be read is not remembered: the secretariat then gets the message."""
        try:
            return self._reader.execute(question, tuple(values)).fetchall()
        except sqlite3.Error as error:
            self._trouble("correspondents", str(error))
            return []

    def _hash(self, text: str) -> int:
        digest = blake2b(text.encode(errors="replace"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big", signed=True)


def purge(path: Path, before: int) -> int:
    """Forget what was last written before that day (days since 1970); how many pairs that were.

    Raises:
        sqlite3.Error: the disk, or it is no such file.
    """
    gone = 0
    with _opened(path) as connection:
        while True:  # in small steps: who wants to write meanwhile waits for one
            step = (
                "DELETE FROM pairs WHERE (mailbox, other) IN (SELECT mailbox, other FROM pairs WHERE day < ? LIMIT ?)"
            )
            found = connection.execute(step, (before, 5000)).rowcount
            gone += found
            if found < 5000:
                break
        connection.execute("DELETE FROM domains WHERE day < ?", (before,))
    connection.close()
    return gone


def _drop(waiting: dict[Pair, int] | dict[Into, int], written: dict[Pair, int] | dict[Into, int]) -> None:
    """What was remembered again meanwhile, on a later day, still waits."""
    here: dict[object, int] = waiting  # type: ignore[assignment]
    for key, day in written.items():
        if here.get(key) == day:
            del here[key]


def _prepared(path: Path) -> bytes:
    """Make the file where it is missing; one that is none is put aside, for what it held cannot be had from it.

    Returns its key.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _key(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        for end in ("", "-wal", "-shm"):
            one = path.with_name(path.name + end)
            if one.exists():
                one.replace(one.with_name(f"{one.name}.spoilt"))
        return _key(path)


def _key(path: Path) -> bytes:
    path.touch(mode=0o600)
    with _opened(path) as connection:
        connection.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")
        connection.execute("INSERT OR IGNORE INTO facts VALUES ('key', ?)", (secrets.token_bytes(32),))
        (found,) = connection.execute("SELECT value FROM facts WHERE name = 'key'").fetchone()
    connection.close()
    return bytes(found)


def _opened(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute(f"PRAGMA query_only = {int(read_only)}")
    return connection
