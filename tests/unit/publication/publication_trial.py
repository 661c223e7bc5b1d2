"""An establishment that publishes by the interface to the lab's nation, a process on loopback; time is the test's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from golden.hosts import context
from publication_nation import NOW
from unit.annuaire.nation_server import READER, NationServer

from roles import directory_publication
from vaguemestre.host.annuaire.publication import layout, ledger, report, run
from vaguemestre.host.annuaire.publication.confirmed import Record
from vaguemestre.host.annuaire.publication.fhir import FhirWriter, asking
from vaguemestre.host.annuaire.publication.layout import Places, Settings
from vaguemestre.host.annuaire.publication.memory import Memory
from vaguemestre.host.annuaire.publication.run import View
from vaguemestre.host.mailboxes.bal import Mailbox

METADATA = "as-ext-mailbox-mss-metadata"


def rendered() -> dict[str, Any]:
    """publication.json as role directory renders it."""
    plain = directory_publication.settings(context("fullest", "mail.clinique-iles"), "/nonexistent.pem")
    found: dict[str, Any] = json.loads(json.dumps(plain))
    return found


def settings(url: str = "", writer: str = "fhir") -> Settings:
    """As role directory renders them for a host of the golden trees."""
    known = layout.parse(rendered())
    fhir = replace(known.fhir, url=url, proxy=None, calls_per_second=1000.0, identifiers="oid", paperless=True)
    return replace(known, writer=writer, fhir=fhir, max_removed_percent=50.0)


@dataclass
class Trial:
    """`boxes` are ours, by address; `now` is what the clock says."""

    nation: NationServer
    folder: Path
    boxes: dict[str, Mailbox] = field(default_factory=dict)
    now: datetime = NOW
    key: str = ""
    sight: str = ""

    @property
    def places(self) -> Places:
        return Places(self.folder)

    def have(self, *boxes: Mailbox) -> None:
        """These mailboxes exist, as they are given."""
        self.boxes |= {one.address: one for one in boxes}

    def change(self, box: Mailbox, **changes: Any) -> None:
        self.have(replace(self.boxes[box.address], **changes))

    def publish(self, after: timedelta = timedelta(0)) -> Memory:
        """A run, so much later."""
        self.now += after
        with self.open() as held:
            return self._published(held)[1]

    def view(self) -> View:
        with self.open() as held:
            return run.view(settings(self.nation.fhir), self.places, held.all(), self.boxes.values(), self.now)

    def records(self) -> dict[str, Record]:
        with self.open() as held:
            return held.all()

    def lines(self, address: str = "") -> list[report.Line]:
        return report.lines(self.places.report, 1000, address)

    def listed(self, box: Mailbox, key: str = "") -> list[dict[str, Any]]:
        """The ContactPoints of this address at its holder, as whoever has this key sees them."""
        holder = f"Practitioner?identifier=urn:oid:1.2.250.1.71.4.2.1|8{box.person}"
        if not box.person:
            holder = f"Organization?identifier=urn:oid:1.2.250.1.71.4.2.2|{box.structure}"
        status, found = self.nation.ask(holder.replace("|", "%7C"), key or self.sight)
        assert status == 200
        points = [point for one in found.get("entry", []) for point in one["resource"].get("telecom", [])]
        return [one for one in points if one["value"] == box.address]

    def publicly(self, box: Mailbox) -> bool:
        """Whether anybody who searches finds it."""
        return bool(self.listed(box, READER))

    def told(self, box: Mailbox) -> dict[str, Any]:
        """What the nation knows of it, by the guide's names; it is there exactly once."""
        (point,) = self.listed(box)
        (metadata,) = (one["extension"] for one in point["extension"] if one["url"].endswith(METADATA))
        values = {one["url"]: next(v for name, v in one.items() if name.startswith("value")) for one in metadata}
        values["type"] = values["type"]["coding"][0]["code"]
        return values | ({"rank": point["rank"]} if "rank" in point else {})

    def calls(self) -> list[int]:
        """The status of each PATCH so far."""
        return [one["status"] for one in self.nation.record() if one["verb"] == "PATCH"]

    @contextmanager
    def open(self) -> Iterator[ledger.Ledger]:
        with ledger.opened(self.places.ledger) as held:
            yield held

    def _published(self, held: ledger.Ledger) -> tuple[View, Memory]:
        known = settings(self.nation.fhir)
        writer = FhirWriter(known.fhir, asking(known.fhir, self.key), rest=lambda _: None)
        return run.publish(known, self.places, held, writer, lambda: list(self.boxes.values()), lambda: self.now)
