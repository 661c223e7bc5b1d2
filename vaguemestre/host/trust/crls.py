"""The revocation lists that are held: one file an authority, as published, and one database made of all of them.

`revocation` says which list may be believed and when to ask again; here it is kept. The published file goes to the disk
before the database, so that `mend` can go on after a kill.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vaguemestre.host.trust import durable, store
from vaguemestre.host.trust.intake import RefusedError, digest
from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.sources import SKEW, Source
from vaguemestre.host.trust.store import Known, RevocationStore
from vaguemestre.host.trust.values import IssuerKey

if TYPE_CHECKING:
    from vaguemestre.host.trust.authorities import Authorities
    from vaguemestre.host.trust.revocation import RevocationList

LARGEST = 32 << 20  # bytes of one list

_PROMPT = timedelta(seconds=90)  # see `sources.due`
_THEN = datetime(2200, 1, 1, tzinfo=UTC)  # a list that was good once is read again whatever its dates
_EVER = timedelta(days=365 * 300)


@dataclass(frozen=True)
class Taken:
    """A list that was taken in: `new` and `gone` count serial numbers against the one before."""

    issuer: IssuerKey
    name: str
    number: int
    digest: str
    new: int
    gone: int


def take(places: Places, settings: Settings, data: bytes, now: datetime) -> Taken:
    """Verify a list and put it in force; one that is held already is only confirmed.

    Raises:
        RefusedError: it is no list, not signed by an authority that is held, out of date, or older than the one held.
        OSError, sqlite3.Error: the disk.
    """
    from vaguemestre.host.trust.revocation import RevocationError, crl, newer

    authorities = _authorities(settings.authorities)
    try:
        fetched = crl(data, authorities, now)
        held = _held(places, authorities)
        before = held.get(fetched.issuer)
        after = newer(before, fetched)
    except RevocationError as error:
        raise RefusedError(error.slug, str(error)) from error
    known = known_by(places, fetched.issuer.hex())
    if before != after or known is None or (known.number, known.this_update) != (after.number, after.this_update):
        durable.write(_file(places, fetched.issuer), data)
        store.write_revocations(places.revocation, {**held, fetched.issuer: fetched}.values())
    old = before.serials if before else frozenset()
    return Taken(
        fetched.issuer,
        fetched.name,
        fetched.number,
        digest(data),
        len(fetched.serials - old),
        len(old - fetched.serials),
    )


def still_good(places: Places, source: Source, now: datetime) -> None:
    """A source that has nothing newer is well, as long as what is held is in date; else raises RefusedError."""
    held = known_by(places, source.issuer)
    if held is None or now > held.next_update:
        raise RefusedError("outdated", "it has no newer list than the one held, which has ended")


def mend(places: Places, settings: Settings) -> bool:
    """Make the database anew from the published files when it is gone or spoilt; whether that was done."""
    with closing(RevocationStore(places.revocation, timedelta(0))) as held_now:
        sound = not held_now.trouble
    if sound or not _files(places):
        return False
    held = _held(places, _authorities(settings.authorities))
    if not held:
        return False
    store.write_revocations(places.revocation, held.values())
    return True


def known(places: Places) -> tuple[Known, ...]:
    """The lists in force; none when their database cannot be read."""
    with closing(RevocationStore(places.revocation, timedelta(0))) as held:
        return held.known()


def known_by(places: Places, issuer: str) -> Known | None:
    """The list in force of this authority, by its key in hexadecimal."""
    return next((one for one in known(places) if one.issuer.hex() == issuer), None)


def due(source: Source, held: Known | None, every: timedelta, now: datetime) -> bool:
    """Whether to ask this source now (`revocation.next_fetch`); a timer's early wake-up counts."""
    from vaguemestre.host.trust.revocation import RevocationList, next_fetch

    asked = source.asked if source.asked is None or source.asked <= now + SKEW else None
    as_list = held and RevocationList(
        held.issuer, held.name, held.number, held.this_update, held.next_update, frozenset()
    )
    return now + _PROMPT >= next_fetch(as_list, asked, source.failures, every, now)


def wait(source: Source) -> timedelta:
    """How long a failing source is left alone, for the list as for revocation."""
    from vaguemestre.host.trust.revocation import wait

    return wait(source.failures)


def _held(places: Places, authorities: Authorities) -> dict[IssuerKey, RevocationList]:
    """The published files that are kept, verified again; one that was spoilt is as if it were not there."""
    from vaguemestre.host.trust.revocation import RevocationError, crl

    found = {}
    for path in _files(places):
        try:
            one = crl(path.read_bytes(), authorities, _THEN, grace=_EVER)
        except (RevocationError, OSError):
            continue
        found[one.issuer] = one
    return found


def _files(places: Places) -> list[Path]:
    return sorted(places.revocation.glob("*.crl"))


def _file(places: Places, issuer: IssuerKey) -> Path:
    return places.revocation / f"{issuer.hex()}.crl"


def _authorities(path: Path) -> Authorities:
    try:
        return _parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RefusedError("anchors", f"{path}: no authorities to check the list with: {error}") from error


@cache
def _parsed(pem: bytes) -> Authorities:
    from vaguemestre.host.trust.authorities import authorities

    return authorities(pem)
