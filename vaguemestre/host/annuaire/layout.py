"""Where the national directory's settings and state are on a host, and what the settings say.

``/etc/vaguemestre/directory.json`` is rendered by the role directory. State belongs to the account vgm-annuaire::

    /var/lib/vaguemestre-annuaire/
        state.json     what is held, what is coming, what waits     alarms.json    which alarms stand, since when
        lock           held by the one run at a time                told.json      whom the alarms still have to reach
        kept/<name>/   a taken extraction, its digest, its facts    history.jsonl  what happened
        begun/         a download under way, a digest being made
        unsettled      slapd's database may not be whole on the disk
        fhir.db        what was read by the FHIR interface
        publication/   what the nation knows of our own mailboxes   metrics.prom   for Prometheus
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from vaguemestre.host import written
from vaguemestre.host.annuaire import churn, examination
from vaguemestre.host.annuaire.inspection import Limits
from vaguemestre.host.written import LayoutError as LayoutError

SETTINGS = Path("/etc/vaguemestre/directory.json")
STATE = Path("/var/lib/vaguemestre-annuaire")
ACCOUNT = "vgm-annuaire"
API_KEY = "api-key"
"""The name of the systemd credential with the FHIR interface's key."""


@dataclass(frozen=True)
class Api:
    """The FHIR interface: its base address, and how many calls a second it may be sent."""

    url: str
    calls_per_second: int


@dataclass(frozen=True)
class Settings:
    """All of directory.json. `url` is that of the source that is asked, whichever it is.

    `notify` is Postfix's address, None on a host without one; `own_domains` are ours.
    """

    source: str
    url: str
    mirror: str | None
    anchors: Path
    proxy: str | None
    api: Api
    every: timedelta
    max_bytes: int
    limits: Limits
    alarm: timedelta
    page: timedelta
    own_domains: frozenset[str]
    mail_host: str
    postmaster: str
    notify: tuple[str, int] | None

    @property
    def sources(self) -> tuple[str, ...]:
        """The addresses that are asked, the first one first."""
        if self.source == "fhir":
            return (self.api.url,)
        return tuple(url for url in (self.url, self.mirror) if url)


@dataclass(frozen=True)
class Places:
    """The paths below the folder of state."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def kept(self) -> Path:
        """A folder for each extraction that is held, coming or waiting; named by its digest's SHA-256."""
        return self.root / "kept"

    @property
    def begun(self) -> Path:
        """What is not finished: a download, a digest. Nothing there counts."""
        return self.root / "begun"

    @property
    def unsettled(self) -> Path:
        """The mark that slapd's database has been written to and may not be whole on the disk (`settling`)."""
        return self.root / "unsettled"

    @property
    def interface(self) -> Path:
        """What was read by the FHIR interface, and how far a reading of it has come."""
        return self.root / "fhir.db"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    @property
    def alarms(self) -> Path:
        return self.root / "alarms.json"

    @property
    def told(self) -> Path:
        return self.root / "told.json"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.prom"


def settings(path: Path = SETTINGS) -> Settings:
    """Read directory.json.

    Raises:
        LayoutError: it is not there, no JSON, or something in it is missing or of another kind.
    """
    return written.read(path, "directory", parse)


def parse(plain: Mapping[str, Any]) -> Settings:
    """The settings that `plain`, read from JSON, spells; KeyError, TypeError or ValueError when it does not."""
    by_interface = plain["source"] == "fhir"
    return Settings(
        source=str(plain["source"]),
        url=str(plain["api"]["url"] if by_interface else plain["url"]),
        mirror=None if by_interface else plain.get("mirror") or None,
        anchors=Path(plain["anchors"]),
        proxy=plain.get("proxy") or None,
        api=Api(str(plain["api"]["url"]), int(plain["api"]["calls_per_second"])),
        every=timedelta(seconds=float(plain["every_seconds"])),
        max_bytes=int(plain["max_bytes"]),
        limits=_limits(plain["guard"]),
        alarm=timedelta(seconds=float(plain["alarm_seconds"])),
        page=timedelta(seconds=float(plain["page_seconds"])),
        own_domains=frozenset(str(one).lower() for one in plain["own_domains"]),
        mail_host=str(plain["mail_host"]),
        postmaster=str(plain["postmaster"]),
        notify=_address(plain.get("notify")),
    )


def _limits(plain: Mapping[str, Any]) -> Limits:
    return Limits(
        examination.Limits(int(plain["at_least"]), float(plain["max_unusable_percent"])),
        churn.Limits(
            removed=float(plain["max_removed_percent"]),
            changed=float(plain["max_changed_percent"]),
            shrunk=float(plain["max_shrunk_percent"]),
            emptied=float(plain["max_emptied_percent"]),
            emptied_from=int(plain["emptied_from"]),
        ),
    )


def _address(pair: tuple[str, int] | None) -> tuple[str, int] | None:
    if pair is None:
        return None
    host, port = pair
    return str(host), int(port)
