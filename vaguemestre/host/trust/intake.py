"""A white list that came, from its source or by hand: verified, held against the one in force, and put in force.

Nothing is half done. The published file goes to the disk first, then the database that the daemon reads, then the
confirmation; after a kill in between, `mend` goes on from the file. A list that would change too much waits in
quarantine, and nothing of it counts until an administrator has approved of that very file.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from vaguemestre.host.trust import durable, store
from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.store import Facts, ListingStore
from vaguemestre.host.trust.values import Standing

if TYPE_CHECKING:
    from cryptography import x509

    from vaguemestre.host.trust.churn import Churn
    from vaguemestre.host.trust.whitelist import Entry, WhiteList

_FOR_EVER = timedelta(days=36500)


class RefusedError(Exception):
    """A list that changes nothing; `slug` is kept with its source, `str()` is for people."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


@dataclass(frozen=True)
class Quarantine:
    """The list that waits for an administrator: the SHA-256 of its file, its date, since when, and why."""

    digest: str
    generated: datetime
    since: datetime
    why: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Taken:
    """What became of a list: `result` is accepted, unchanged or quarantined; `summary` says what it changes."""

    result: str
    digest: str
    generated: datetime
    summary: str = ""
    why: tuple[str, ...] = ()


def take(
    places: Places,
    settings: Settings,
    xml: bytes,
    now: datetime,
    *,
    confirmed: datetime | None = None,
    approved: bool = False,
) -> Taken:
    """Verify a list and put it in force, or in quarantine when it changes too much and nobody approved.

    `confirmed` is when its source stood by it; None, for a file brought by hand, means when it was made.

    Raises:
        RefusedError: it is not what it should be, or older than the one held; nothing was changed.
        OSError, sqlite3.Error: the disk.
    """
    held = facts(places)
    if held is not None and digest(xml) == held.digest:
        return _the_same(places, held, xml, confirmed)
    white_list = verified(settings, xml, now, at=None)
    if _signer_is_revoked(places, settings, white_list, now):
        raise RefusedError("signer_revoked", f"the certificate that signed it ({white_list.signer.name}) is revoked")
    if held is not None and white_list.generated < held.generated:
        raise RefusedError(
            "older", f"it is of {_day(white_list.generated)}, older than the one held, of {_day(held.generated)}"
        )
    changes = churn_of(places, settings, white_list) if held else None
    if changes is not None and changes.held_back and not approved:
        return _quarantined(places, white_list, xml, changes, now)
    _put_in_force(places, white_list, xml, confirmed or white_list.generated)
    drop_quarantine(places)
    return Taken("accepted", white_list.digest, white_list.generated, changes.summary if changes else "the first list")


def verified(settings: Settings, xml: bytes, now: datetime, *, at: datetime | None) -> WhiteList:
    """The list in a file; `at` is when its signer's certificate must have been valid, None means now.

    Raises:
        RefusedError: it does not hold, or the anchors cannot be read.
    """
    from vaguemestre.host.trust.whitelist import WhiteListError, read

    source = settings.white_list
    try:
        return read(
            xml, anchors=_anchors(source.anchors), signer=source.signer, at=at, now=now, max_bytes=source.max_bytes
        )
    except WhiteListError as error:
        raise RefusedError(error.reason, str(error)) from error


def _signer_is_revoked(places: Places, settings: Settings, white_list: WhiteList, now: datetime) -> bool:
    """Known to be; what is not known yet (the first list comes before the first CRL) is no reason to hold no list."""
    signer = white_list.signer
    with closing(store.RevocationStore(places.revocation, settings.revocation.grace)) as revocations:
        return revocations.standing(signer.issuer, signer.serial, now) is Standing.REVOKED


def churn_of(places: Places, settings: Settings, white_list: WhiteList) -> Churn:
    """What the list would change in the one held, explained by operator."""
    from vaguemestre.host.trust.churn import compare

    source = settings.white_list
    return compare(entries(places), white_list.entries, source.max_removed_percent, source.max_changed_percent)


def entries(places: Places) -> tuple[Entry, ...]:
    """The list that is held, read back from its database."""
    from vaguemestre.host.trust.whitelist import Entry

    with closing(_held(places)) as held:
        return tuple(
            Entry(one.domain, one.written, one.dn, one.description, _moment(one.updated)) for one in held.all_entries()
        )


def facts(places: Places) -> Facts | None:
    """The list that is held, in numbers; None when there is none or its database cannot be read."""
    with closing(_held(places)) as held:
        return held.facts()


def quarantined(places: Places) -> Quarantine | None:
    """What waits for approval; None also when its file is not what was put there, or is the one in force by now."""
    try:
        plain = json.loads(_record(places).read_text(encoding="utf-8"))
        waiting = Quarantine(
            plain["digest"],
            datetime.fromisoformat(plain["generated"]),
            datetime.fromisoformat(plain["since"]),
            tuple(plain["why"]),
            plain["summary"],
        )
        if durable.sha256(places.quarantine) != waiting.digest:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    held = facts(places)
    return None if held and held.digest == waiting.digest else waiting


def drop_quarantine(places: Places) -> None:
    """Nothing waits any longer; the record goes first, so that no record ever stands for a file that is gone."""
    if _record(places).exists() or places.quarantine.exists():
        durable.remove(_record(places))
        durable.remove(places.quarantine)


def mend(places: Places, settings: Settings, accepted: datetime | None, now: datetime) -> str:
    """Make the database anew from the published file when it is gone, spoilt, or behind it.

    Gives "" when nothing was to be done, "rebuilt", or "lost": the published file is no good either, and what is
    needed is a whole new one. The signer is judged at the time the list was accepted.
    """
    held = facts(places)
    try:
        xml = places.held.read_bytes()
    except FileNotFoundError:
        return "lost" if held or durable.in_force(places.listing) else ""
    except OSError:
        return "lost"
    if held is not None and held.digest == digest(xml):
        return ""
    white_list = _once_good(settings, xml, accepted, now)
    if white_list is None or (held is not None and white_list.generated < held.generated):
        return "lost"
    _rebuild(places, white_list, accepted)
    return "rebuilt"


def _once_good(settings: Settings, xml: bytes, accepted: datetime | None, now: datetime) -> WhiteList | None:
    """The list, if its signer was good when it was accepted; or is now, for a kill may have come before that date."""
    for at in filter(None, (accepted, now)):
        with suppress(RefusedError):
            return verified(settings, xml, now + _FOR_EVER, at=at)
    return None


def digest(xml: bytes) -> str:
    return hashlib.sha256(xml).hexdigest()


def _the_same(places: Places, held: Facts, xml: bytes, confirmed: datetime | None) -> Taken:
    """The source stands by what is held; the published file is put back if it was lost."""
    if not places.held.exists() or durable.sha256(places.held) != held.digest:
        durable.write(places.held, xml)
    if confirmed is not None:
        store.confirm(places.listing, confirmed)
        drop_quarantine(places)
    return Taken("unchanged", held.digest, held.generated)


def _put_in_force(places: Places, white_list: WhiteList, xml: bytes, confirmed: datetime) -> None:
    durable.write(places.held, xml)
    store.write_listing(places.listing, white_list, confirmed=confirmed)


def _rebuild(places: Places, white_list: WhiteList, accepted: datetime | None) -> None:
    confirmed = store.confirmed(places.listing) or accepted or white_list.generated
    store.write_listing(places.listing, white_list, confirmed=confirmed)


def _quarantined(places: Places, white_list: WhiteList, xml: bytes, changes: Churn, now: datetime) -> Taken:
    waiting = quarantined(places)
    if waiting is None or waiting.digest != white_list.digest:
        since = waiting.since if waiting else now  # a newer one took its place: they have waited since then
        record = Quarantine(white_list.digest, white_list.generated, since, changes.why, changes.summary)
        if waiting:  # no record may stand beside a file that is not its own
            durable.remove(_record(places))
        durable.write(places.quarantine, xml)
        durable.write(_record(places), (json.dumps(asdict(record), default=str, ensure_ascii=False) + "\n").encode())
    return Taken("quarantined", white_list.digest, white_list.generated, changes.summary, changes.why)


def _held(places: Places) -> ListingStore:
    return ListingStore(places.listing, timedelta(0))


def _record(places: Places) -> Path:
    return places.quarantine.with_suffix(".json")


def _anchors(path: Path) -> list[x509.Certificate]:
    from vaguemestre.host.trust import libraries

    try:
        return libraries.certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RefusedError("anchors", f"{path}: no authorities to check the list with: {error}") from error


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
