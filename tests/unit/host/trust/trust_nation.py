"""A nation for tests: an authority, what it publishes, and a host's folder; made once, moved through time at will."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from vaguemestre.host.trust import admin, layout
from vaguemestre.host.trust.fetch import Answer, FetchError, Request
from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.refresh import Report, refresh
from vaguemestre.host.trust.store import ListingStore, RevocationStore
from vaguemestre.lab.listing import Line, compose, sign
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued

HOUR = timedelta(hours=1)
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 2 * HOUR  # the authority is made before it
LIST, CRL, ROOT_CRL = "https://list.test/list.xml", "http://crl.test/issuing.crl", "http://crl.test/root.crl"


def dn(number: int) -> str:
    return f"CN=mx.operateur{number}.test,OU=1{99_000_000 + number:09d},O=OPERATEUR FICTIF {number},ST=Eure (27),C=FR"


def lines(number: int, *, operator: int | None = None, start: int = 0) -> list[Line]:
    """So many domains, of ten operators by turns, or all of one; operator 1 has etab-1 and nothing else."""
    usual = (11 if one % 10 == 1 and one > 1 else one % 10 for one in range(start, start + number))
    owners = usual if operator is None else [operator] * number
    return [Line(f"etab-{one}.mssante.test", dn(owner)) for one, owner in enumerate(owners, start)]


class Nation:
    """The authority and its signer; their keys are drawn once for all tests."""

    @cached_property
    def authority(self) -> Authority:
        return Authority.create()

    @cached_property
    def signer(self) -> Issued:
        return self.authority.issue_signer("alb.mssante.test", not_after=START + 400 * 24 * HOUR)

    @cached_property
    def host(self) -> Issued:
        return self.authority.issue(
            CertificateRequest("mx.operateur1.test", "OPERATEUR FICTIF 1", "Eure (27)", "1099000001"),
            not_after=START + 400 * 24 * HOUR,
        )

    def white_list(self, some: Iterable[Line], generated: datetime) -> bytes:
        return self._signed(tuple(some), generated)

    @cache  # noqa: B019 - there is one nation
    def _signed(self, some: tuple[Line, ...], generated: datetime) -> bytes:
        return sign(compose(some, generated), self.signer)


NATION = Nation()


@dataclass
class World:
    """The sources as a host sees them; `down` makes them all fail with a slug. `asked` counts by address."""

    pages: dict[str, bytes] = field(default_factory=dict)
    down: str = ""
    date: datetime | None = None
    asked: list[Request] = field(default_factory=list)

    def get(self, request: Request) -> Answer:
        self.asked.append(request)
        if self.down or request.url not in self.pages:
            raise FetchError(self.down or "http_404", f"{request.url}: nobody there")
        body = self.pages[request.url]
        etag = f'"{hash(body)}"'
        return Answer(None if request.etag == etag else body, etag, "", self.date)


@dataclass
class Host:
    """A host and its clock."""

    places: Places
    settings: Settings
    world: World
    now: datetime = START

    def copied(self, folder: Path) -> Host:
        """The same host at the same moment, in another folder; the world is one."""
        shutil.copytree(self.places.root.parent, folder, symlinks=True)
        return replace(self, places=Places(folder / "state"))

    def run(self, **how: bool) -> Report:
        return refresh(self.settings, self.places, self.now, ask=self.world.get, **how)

    def trust(self, *argv: str) -> tuple[int, dict[str, Any]]:
        """What the host's verb does and says at this time."""
        where = ["--settings", str(self.places.root.parent / "trust.json"), "--state", str(self.places.root)]
        return admin.run(admin.parser().parse_args([*where, *argv]), self.now)

    def wait(self, span: timedelta, step: timedelta = timedelta(minutes=5)) -> list[Report]:
        """The timer's runs in this span."""
        until, reports = self.now + span, []
        while self.now < until:
            self.now += step
            reports.append(self.run())
        return reports

    def publish(self, some: Iterable[Line], generated: datetime | None = None) -> bytes:
        self.world.pages[LIST] = NATION.white_list(some, generated or self.now)
        return self.world.pages[LIST]

    def revoke(self, *serials: int, days: int = 7) -> None:
        begins = self.now - HOUR
        self.world.pages[CRL] = NATION.authority.crl(serials, published=begins, until=begins + days * 24 * HOUR)

    @property
    def listing(self) -> ListingStore:
        return ListingStore(self.places.listing, self.settings.white_list.alarm)

    @property
    def revocations(self) -> RevocationStore:
        return RevocationStore(self.places.revocation, self.settings.revocation.grace)

    def source(self, url: str = LIST) -> dict[str, Any]:
        return dict(json.loads(self.places.sources.read_text())["sources"][url])

    def standing(self) -> set[tuple[str, str]]:
        return {(one["name"], one["stage"]) for one in json.loads(self.places.alarms.read_text())["alarms"]}


def host(folder: Path, notify: tuple[str, int] = ("127.0.0.1", 9), **changes: Any) -> Host:
    """A new host in `folder`; nobody listens where it notifies unless told otherwise."""
    (folder / "national.pem").write_bytes(NATION.authority.anchors_pem())
    (folder / "chain.pem").write_bytes(NATION.host.chain_pem())
    plain = {
        "own_domains": ["etab-1.mssante.test"],
        "authorities": str(folder / "national.pem"),
        "white_list": {
            "url": LIST,
            "anchors": str(folder / "national.pem"),
            "signer": "alb.mssante.test",
            "every_seconds": 3600,
            "max_bytes": 1 << 22,
            "max_removed_percent": 2.0,
            "max_changed_percent": 5.0,
            "alarm_seconds": 24 * 3600,
            "page_seconds": 72 * 3600,
        },
        "revocation": {"crl": [CRL], "ocsp": None, "every_seconds": 3600, "grace_seconds": 4 * 3600},
        "proxy": None,
        "certificate": str(folder / "chain.pem"),
        "mail_host": "mx.operateur1.test",
        "relay": ["127.0.0.1", 10025],
        "postmaster": "postmaster@etab-1.mssante.test",
        "notify": list(notify),
        "metrics": ["127.0.0.1", 9125],
        **changes,
    }
    (folder / "trust.json").write_text(json.dumps(plain))
    one = Host(Places(folder / "state"), layout.settings(folder / "trust.json"), World())
    one.publish(lines(100), START - HOUR)
    one.revoke()
    return one
