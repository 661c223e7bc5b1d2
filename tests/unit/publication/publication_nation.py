"""Records, mailboxes and a nation for the tests of publication. Nobody here exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vaguemestre.host.annuaire.publication import confirmed
from vaguemestre.host.annuaire.publication.confirmed import Record
from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.annuaire.publication.operation import Operation, Outcome, Result
from vaguemestre.host.mailboxes.bal import Mailbox

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DOMAIN = "clinique.mssante.test"
STRUCTURE = "1270000999"

DOCTOR = Mailbox(f"camille.fictif@{DOMAIN}", "PER", person="10009990001", redlist="none", paperless="O")
TEAM = Mailbox(
    f"secretariat@{DOMAIN}",
    "ORG",
    structure=STRUCTURE,
    redlist="none",
    service="Cardiologie",
    responsible="Dominique Modèle",
    description="Rendez-vous",
)


def listing(number: int = 0, **changes: object) -> Listing:
    """The mailbox of a person."""
    found = Listing(f"b{number}@{DOMAIN}", "PER", person=f"1000999{number:04}", redlist=False)
    return replace(found, **changes)  # type: ignore[arg-type]


def held(*listings: Listing, at: datetime = NOW - timedelta(days=9)) -> dict[str, Record]:
    """Records of what the nation confirmed."""
    return {one.address: Record(one.address, one, at, "insert") for one in listings}


def by_address(*listings: Listing) -> dict[str, Listing]:
    return {one.address: one for one in listings}


def done(records: Mapping[str, Record], operations: Iterable[Operation]) -> dict[str, Record]:
    """The records after all of these were confirmed."""
    found = dict(records)
    for one in operations:
        before = confirmed.sent(found.get(one.address, Record(one.address)), one, "", NOW)
        found[one.address] = confirmed.after(before, Outcome(one, Result.CONFIRMED), NOW)
    return found


def listed(records: Mapping[str, Record]) -> dict[str, Listing]:
    """What the nation has."""
    return {address: one.confirmed for address, one in records.items() if one.confirmed is not None}
