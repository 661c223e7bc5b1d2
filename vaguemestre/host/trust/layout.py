"""Where the trust space's settings and state are on a host, and what the settings say.

``/etc/vaguemestre/trust.json`` is rendered by the role trust. State belongs to the account vgm-trust::

    /var/lib/vaguemestre-trust/
        sources.json   what each source last answered       alarms.json   which alarms stand, since when
        lock           held by the one run at a time        told.json     whom the alarms still have to reach
        redlist/       correspondents.db, the daemon's own   told.json   alarms.json   purged
        listing/       current -> <sha256>.db   held.xml   confirmed   quarantine.xml   history.jsonl
        revocation/    current -> <sha256>.db   <issuer, hexadecimal>.crl
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from vaguemestre.host import written
from vaguemestre.host.moving import layout as moving
from vaguemestre.host.redlist.decide import House, houses
from vaguemestre.host.written import LayoutError as LayoutError

SETTINGS = Path("/etc/vaguemestre/trust.json")
STATE = Path("/var/lib/vaguemestre-trust")
ACCOUNT = "vgm-trust"

INSIDE = "inside"
"""What Postfix calls the door for filters to the milter (milter_macro_daemon_name)."""

CURRENT = "current"
"""The symlink beside the databases that names the one in force."""


@dataclass(frozen=True)
class WhiteListSource:
    """Where the white list is published, who signs it, and how much of it may change in one step."""

    url: str
    anchors: Path  # PEM: who may have issued the certificate of the server, and of the signer
    signer: str  # CN
    every: timedelta
    max_bytes: int
    max_removed_percent: float
    max_changed_percent: float
    alarm: timedelta  # not confirmed for so long: alarm, and what is not listed is deferred
    page: timedelta


@dataclass(frozen=True)
class RevocationSource:
    """Where revocation is published; `grace` is how long an outdated list still counts."""

    crl: tuple[str, ...]
    ocsp: str | None
    every: timedelta
    grace: timedelta


@dataclass(frozen=True)
class Settings:
    """All of trust.json. Addresses are (host, port)."""

    own_domains: tuple[str, ...]
    authorities: Path
    white_list: WhiteListSource
    revocation: RevocationSource
    proxy: str | None
    certificate: Path
    mail_host: str
    relay: tuple[str, int]
    postmaster: str
    notify: tuple[str, int] | None  # Postfix of this host; None: the journal alone is told
    metrics: tuple[str, int]
    away: frozenset[str] = frozenset()  # of own_domains, those whose mailboxes another stack has for now
    houses: dict[str, House] | None = None  # by domain; None: no directory of mailboxes here, so no red list

    @property
    def sources(self) -> tuple[str, ...]:
        """The addresses that are asked: the list's, then those of revocation."""
        return (self.white_list.url, *self.revocation.crl)


@dataclass(frozen=True)
class Places:
    """The paths below the folder of state."""

    root: Path

    @property
    def listing(self) -> Path:
        return self.root / "listing"

    @property
    def revocation(self) -> Path:
        return self.root / "revocation"

    @property
    def held(self) -> Path:
        """The last good list as it was published: the database is made anew from it."""
        return self.listing / "held.xml"

    @property
    def quarantine(self) -> Path:
        """A list that is well signed and changes too much: an administrator decides."""
        return self.listing / "quarantine.xml"

    @property
    def history(self) -> Path:
        return self.listing / "history.jsonl"

    @property
    def sources(self) -> Path:
        return self.root / "sources.json"

    @property
    def alarms(self) -> Path:
        return self.root / "alarms.json"

    @property
    def told(self) -> Path:
        return self.root / "told.json"

    @property
    def redlist(self) -> Path:
        return self.root / "redlist"

    @property
    def correspondents(self) -> Path:
        """Whom our people have written to (`redlist.correspondents`)."""
        return self.redlist / "correspondents.db"

    @property
    def lock(self) -> Path:
        return self.root / "lock"


def settings(path: Path = SETTINGS) -> Settings:
    """Read trust.json.

    Raises:
        LayoutError: it is not there, no JSON, or something in it is missing or of another kind.
    """
    return _without(moving.elsewhere(), written.read(path, "trust", parse))


def _without(away: Collection[str], known: Settings) -> Settings:
    """Domains that another stack has: mail for them may come here late, and is Postfix's to defer; none is led here."""
    houses = known.houses and {one: house for one, house in known.houses.items() if one not in away}
    return replace(known, away=frozenset(away), houses=houses)


def parse(plain: dict[str, Any]) -> Settings:
    """The settings that `plain`, read from JSON, spells; KeyError, TypeError or ValueError when it does not."""
    return Settings(
        own_domains=tuple(str(one).lower() for one in plain["own_domains"]),
        authorities=Path(plain["authorities"]),
        white_list=_white_list(plain["white_list"]),
        revocation=_revocation(plain["revocation"]),
        proxy=plain.get("proxy") or None,
        certificate=Path(plain["certificate"]),
        mail_host=str(plain["mail_host"]),
        relay=_address(plain["relay"]),
        postmaster=str(plain["postmaster"]),
        notify=_address(plain["notify"]) if plain["notify"] else None,
        metrics=_address(plain["metrics"]),
        houses=houses(plain["redlist"]["domains"]) if plain.get("redlist") else None,
    )


def _white_list(plain: dict[str, Any]) -> WhiteListSource:
    return WhiteListSource(
        url=str(plain["url"]),
        anchors=Path(plain["anchors"]),
        signer=str(plain["signer"]),
        every=_seconds(plain["every_seconds"]),
        max_bytes=int(plain["max_bytes"]),
        max_removed_percent=float(plain["max_removed_percent"]),
        max_changed_percent=float(plain["max_changed_percent"]),
        alarm=_seconds(plain["alarm_seconds"]),
        page=_seconds(plain["page_seconds"]),
    )


def _revocation(plain: dict[str, Any]) -> RevocationSource:
    return RevocationSource(
        crl=tuple(map(str, plain["crl"])),
        ocsp=plain.get("ocsp") or None,
        every=_seconds(plain["every_seconds"]),
        grace=_seconds(plain["grace_seconds"]),
    )


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=float(value))


def _address(pair: tuple[str, int]) -> tuple[str, int]:
    host, port = pair
    return str(host), int(port)
