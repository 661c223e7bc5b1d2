"""Operations as FHIRPath Patch (FHIR R4, fhirpatch; ANS's guide for MSS mailboxes, flux d'alimentation). Pure.

A mailbox is a ``telecom`` of its holder: of a Practitioner (PER, CAB) or of an Organization (ORG, APP). The holder is
named by a national identifier, so that nothing has to be read before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.annuaire.publication.operation import Operation

Resource = dict[str, Any]

METADATA = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-mailbox-mss-metadata"
EMAIL_TYPE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type"
_NOMENCLATURES = "https://mos.esante.gouv.fr/NOS"
MESSAGING = f"{_NOMENCLATURES}/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie"
BAL_TYPE = f"{_NOMENCLATURES}/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL"

_CARRIERS = {"person": "Practitioner", "structure": "Organization"}

# National identifiers: of a person 8 and the RPPS, of a structure 1 and the FINESS or 3 and the SIRET.
_OID = {"person": "urn:oid:1.2.250.1.71.4.2.1", "structure": "urn:oid:1.2.250.1.71.4.2.2"}
_URL = {"person": "https://rpps.esante.gouv.fr", "structure": "https://finess.esante.gouv.fr"}


def carrier(listing: Listing) -> str:
    """The type of resource that carries the mailbox."""
    return _CARRIERS[listing.holder[0]]


def target(listing: Listing, identifiers: str) -> str:
    """Path and query of the holder, as a condition on its identifier; `identifiers` is ``oid`` or ``url``.

    The guide's examples use both: ``oid`` with the national number and its prefix, ``url`` with the bare RPPS or
    FINESS. A SIRET has a prefix in either.
    """
    kind, number = listing.holder
    if identifiers == "url" and not number.startswith("3" if kind == "structure" else "-"):
        system, value = _URL[kind], number[1:] if kind == "structure" else number
    else:
        system, value = _OID[kind], number if kind == "structure" else f"8{number}"
    return f"{carrier(listing)}?identifier={quote(f'{system}|{value}', safe='')}"


def body(operations: Iterable[Operation], *, paperless: bool) -> Resource:
    """One call for operations of one holder; the nation does them in this order, or none."""
    steps = [step for one in operations for step in _steps(one, paperless=paperless)]
    return {"resourceType": "Parameters", "parameter": steps}


def contact_point(listing: Listing, *, paperless: bool) -> Resource:
    """The mailbox as it stands at its holder; what is empty is left out."""
    texts = {"description": listing.description, "responsible": listing.responsible, "service": listing.service}
    told: list[Resource] = [
        {"url": "type", "valueCodeableConcept": {"coding": [{"system": BAL_TYPE, "code": listing.kind}]}},
        *({"url": name, "valueString": text} for name, text in texts.items() if text),
        {"url": "listeRouge", "valueBoolean": listing.redlist},
    ]
    if paperless and listing.paperless:
        told.append({"url": "digitization", "valueBoolean": listing.paperless == "O"})
    made: Resource = {
        "system": "email",
        "value": listing.address,
        "extension": [
            {"url": EMAIL_TYPE, "valueCoding": {"system": MESSAGING, "code": "MSSANTE"}},
            {"url": METADATA, "extension": told},
        ],
    }
    return {**made, "rank": listing.rank} if listing.rank else made


def _steps(operation: Operation, *, paperless: bool) -> list[Resource]:
    kind = carrier(operation.listing)
    if operation.after is None:
        return [_step("delete", _at(kind, operation.address))]
    value = {"name": "value", "valueContactPoint": contact_point(operation.after, paperless=paperless)}
    insert = _step("insert", f"{kind}.telecom", {"name": "index", "valueInteger": 0}, value)
    if not operation.sure:  # whether it is there already or not, it is there once
        return [_step("delete", _at(kind, operation.address)), insert]
    return [insert] if operation.kind == "insert" else [_step("replace", _at(kind, operation.address), value)]


def _step(kind: str, path: str, *parts: Resource) -> Resource:
    told = ({"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}, *parts)
    return {"name": "operation", "part": list(told)}


def _at(kind: str, address: str) -> str:
    """FHIRPath of one mailbox; a string literal there escapes with a backslash (FHIRPath, String)."""
    literal = address.replace("\\", "\\\\").replace("'", "\\'")
    return f"{kind}.telecom.where(value = '{literal}')"
