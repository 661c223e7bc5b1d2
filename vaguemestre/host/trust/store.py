"""What is known, as the daemon reads it: the white list and revocation in two SQLite files that are never written to.

When `current` names another file, that one is opened; nothing has to be restarted. Whatever is wrong with a file, the
answer is that nothing is known, never an exception: no domain is listed, the list is not fresh, every standing is
UNKNOWN. The refresh finds that out too, and makes the file anew from what was published.

Decisions are asked for in one thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vaguemestre.host.trust import database, durable
from vaguemestre.host.trust.database import Database, Rows
from vaguemestre.host.trust.values import DnKey, IssuerKey, Standing

if TYPE_CHECKING:
    from vaguemestre.host.trust.revocation import RevocationList
    from vaguemestre.host.trust.whitelist import WhiteList

CONFIRMED = "confirmed"
"""The file beside the databases that says when the source last stood by the list that is held."""

SKEW = timedelta(minutes=5)  # clocks of honest machines differ by less

_LISTING = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pair (domain TEXT, dn BLOB, PRIMARY KEY (domain, dn)) WITHOUT ROWID;
CREATE TABLE operator (dn BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE entry (domain TEXT NOT NULL, dn BLOB NOT NULL, written TEXT NOT NULL, description TEXT NOT NULL,
                    updated TEXT NOT NULL);
CREATE INDEX entry_domain ON entry (domain);
"""
_REVOCATION = """
CREATE TABLE authority (issuer BLOB PRIMARY KEY, name TEXT NOT NULL, number TEXT NOT NULL, this_update INTEGER NOT NULL,
                        next_update INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE revoked (issuer BLOB, serial TEXT, PRIMARY KEY (issuer, serial)) WITHOUT ROWID;
"""


class Listed(NamedTuple):
    """One entry of the list as people read it; `updated` is an ISO date or empty."""

    domain: str
    dn: DnKey
    written: str
    description: str
    updated: str


class Known(NamedTuple):
    """The revocation list that is held of one authority: its name and the list's number, as `revocation` gives them."""

    issuer: IssuerKey
    name: str
    number: int
    this_update: datetime
    next_update: datetime
    revoked: int


@dataclass(frozen=True)
class Facts:
    """The list that is held, in numbers; `digest` is of the published file, `operators` counts distinct DNs."""

    generated: datetime
    digest: str
    signer: str
    signer_until: datetime
    entries: int
    domains: int
    operators: int


class ListingStore:
    """The white list that is held (`values.Listing`); `alarm` is how long it counts as fresh without confirmation."""

    def __init__(self, folder: Path, alarm: timedelta) -> None:
        self._folder = folder
        self._alarm = alarm
        self._database = Database(folder)
        self._confirmed: datetime | None = None
        self._look_at = 0.0

    @property
    def available(self) -> bool:
        """Whether there is a list at all; without one every decision is NO_LIST."""
        return self._database.connection() is not None

    @property
    def version(self) -> object:
        """Another object as soon as other rows are in force; None when there are none."""
        return self._database.connection()

    @property
    def trouble(self) -> str:
        """Why there is none, for the log; empty when there is."""
        self._database.connection()
        return self._database.trouble

    @property
    def generated(self) -> datetime:
        """When the list was made; the beginning of time when there is none."""
        facts = self.facts()
        return facts.generated if facts else datetime.fromtimestamp(0, UTC)

    @property
    def confirmed(self) -> datetime | None:
        """When the source last stood by this list."""
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + database.LOOK_EVERY
            self._confirmed = confirmed(self._folder)
        return self._confirmed

    def fresh(self, now: datetime) -> bool:
        """Also False when nothing can be read, and when the confirmation is of the future: some clock was wrong."""
        if not self.available or (at := self.confirmed) is None:
            return False
        return -SKEW <= now - at < self._alarm

    def listed(self, domain: str) -> bool:
        return bool(self._database.rows("SELECT 1 FROM pair WHERE domain = ? LIMIT 1", (domain,)))

    def speakers(self, domain: str) -> frozenset[DnKey]:
        """All that speak for a domain; nobody when it is not listed."""
        return frozenset([dn for (dn,) in self._database.rows("SELECT dn FROM pair WHERE domain = ?", (domain,))])

    def speaks_for(self, dn: DnKey, domain: str) -> bool:
        return bool(self._database.rows("SELECT 1 FROM pair WHERE domain = ? AND dn = ?", (domain, dn)))

    def knows(self, dn: DnKey) -> bool:
        return bool(self._database.rows("SELECT 1 FROM operator WHERE dn = ?", (dn,)))

    def facts(self) -> Facts | None:
        rows = self._database.rows("SELECT name, value FROM fact")
        return _facts(dict(rows)) if rows else None

    def entries(self, domain: str) -> tuple[Listed, ...]:
        """What the list says of one domain."""
        return tuple(map(Listed._make, self._database.rows(f"{_ENTRIES} WHERE domain = ?", (domain,))))

    def domains(self) -> list[str]:
        """Every domain of the list, in order."""
        return [name for (name,) in self._database.rows("SELECT DISTINCT domain FROM pair")]

    def domains_of(self, dn: DnKey) -> list[str]:
        """Every domain that this DN is listed for; reads the whole list, for administrators."""
        return [name for (name,) in self._database.rows("SELECT domain FROM pair WHERE dn = ?", (dn,))]

    def all_entries(self) -> tuple[Listed, ...]:
        """The whole list, for administrators: in the daemon it would all be in memory at once."""
        return tuple(map(Listed._make, self._database.rows(_ENTRIES)))

    def close(self) -> None:
        self._database.close()


class RevocationStore:
    """Revocation as it is known here (`values.Revocations`); `grace` is how long an outdated list still counts."""

    def __init__(self, folder: Path, grace: timedelta) -> None:
        from vaguemestre.host.trust.revocation import standing  # brings cryptography, which verbs can do without

        self._rule = standing
        self._grace = grace
        self._database = Database(folder)
        self._read_from: sqlite3.Connection | None = None
        self._valid: dict[IssuerKey, tuple[datetime, datetime]] = {}

    @property
    def version(self) -> object:
        """Another object as soon as other rows are in force; None when there are none."""
        return self._database.connection()

    @property
    def trouble(self) -> str:
        """Why nothing is known, for the log; empty when something is."""
        self._database.connection()
        return self._database.trouble

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        dates = self._dates().get(issuer)
        found = self._database.rows(_REVOKED, (issuer, f"{serial:x}"))
        if dates is None or not found:  # no row at all: it could not be read
            return Standing.UNKNOWN
        return self._rule(bool(found[0][0]), *dates, now, self._grace)

    def _dates(self) -> dict[IssuerKey, tuple[datetime, datetime]]:
        """From when to when the list of each authority is valid; read once a database."""
        connection = self._database.connection()
        if connection is not self._read_from:
            self._read_from = connection
            self._valid = {one.issuer: (one.this_update, one.next_update) for one in self.known()}
        return self._valid

    def known(self) -> tuple[Known, ...]:
        """The lists that are held, one an authority."""
        return tuple(
            Known(issuer, name, int(number), _moment(this), _moment(after), revoked)
            for issuer, name, number, this, after, revoked in self._database.rows(_KNOWN)
        )

    def close(self) -> None:
        self._database.close()


def write_listing(folder: Path, white_list: WhiteList, *, confirmed: datetime) -> Path:
    """Put a verified list in force; the daemon has it within a fifth of a second.

    Raises:
        OSError, sqlite3.Error: the disk; what was in force still is.
    """
    entries = [(one.domain, one.key, one.dn, one.description, _date(one.updated)) for one in white_list.entries]
    rows: dict[str, list[tuple[Any, ...]]] = {
        "pair": sorted({(domain, key) for domain, key, *_ in entries}),
        "operator": sorted({(key,) for _, key, *_ in entries}),
        "entry": entries,
    }
    facts = {
        "generated": white_list.generated.isoformat(),
        "digest": white_list.digest,
        "signer": white_list.signer.name,
        "signer_until": white_list.signer.not_after.isoformat(),
        "entries": str(len(entries)),
        "domains": str(len({domain for domain, *_ in entries})),
        "operators": str(len(rows["operator"])),
    }
    path = database.build(folder, _LISTING, {"fact": sorted(facts.items()), **rows})
    confirm(folder, confirmed)
    return path


def write_revocations(folder: Path, lists: Iterable[RevocationList]) -> Path:
    """Put verified revocation lists in force, all at once; of one authority the latest counts.

    Raises:
        OSError, sqlite3.Error: the disk; what was in force still is.
    """
    latest = {one.issuer: one for one in sorted(lists, key=lambda one: one.this_update)}
    rows: Rows = {
        "authority": [
            (issuer, one.name, str(one.number), int(one.this_update.timestamp()), int(one.next_update.timestamp()))
            for issuer, one in sorted(latest.items())
        ],
        "revoked": sorted((issuer, f"{serial:x}") for issuer, one in latest.items() for serial in one.serials),
    }
    return database.build(folder, _REVOCATION, rows)


def confirm(folder: Path, at: datetime) -> None:
    """The source stood by the list that is held."""
    durable.write(folder / CONFIRMED, f"{at.isoformat()}\n".encode())


def confirmed(folder: Path) -> datetime | None:
    """When it last did; None when that is not known."""
    try:
        at = datetime.fromisoformat((folder / CONFIRMED).read_text().strip())
    except (OSError, ValueError):
        return None
    return at if at.tzinfo else None


_ENTRIES = "SELECT domain, dn, written, description, updated FROM entry"


_KNOWN = (
    "SELECT issuer, name, number, this_update, next_update,"
    " (SELECT count(*) FROM revoked WHERE issuer = authority.issuer) FROM authority ORDER BY issuer"
)
_REVOKED = "SELECT EXISTS (SELECT 1 FROM revoked WHERE issuer = ? AND serial = ?)"


def _facts(told: dict[str, str]) -> Facts | None:
    try:
        return Facts(
            generated=datetime.fromisoformat(told["generated"]),
            digest=told["digest"],
            signer=told["signer"],
            signer_until=datetime.fromisoformat(told["signer_until"]),
            entries=int(told["entries"]),
            domains=int(told["domains"]),
            operators=int(told["operators"]),
        )
    except (KeyError, ValueError):
        return None


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _date(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value or "")
