"""Lines of the extraction as FHIR resources and back, in the shapes of ANS's implementation guide (IG-fhir-annuaire).

A mailbox of a person stands at the Practitioner, or at the PractitionerRole when a structure goes with it; one of a
structure at the Organization. Resources are plain JSON objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Resource = dict[str, Any]

_IG = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition"
_NOS = "https://mos.esante.gouv.fr/NOS"
_ADXP = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"
METADATA = f"{_IG}/as-ext-mailbox-mss-metadata"
EMAIL_TYPE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type"
BAL_TYPE = f"{_NOS}/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL"
MESSAGING = f"{_NOS}/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie"
_CODES = (
    (11, f"{_NOS}/TRE_R09-CategorieProfessionnelle/FHIR/TRE-R09-CategorieProfessionnelle"),
    (13, f"{_NOS}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"),
    (15, f"{_NOS}/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale"),
)
IDNPS, RPPS = "urn:oid:1.2.250.1.71.4.2.1", "https://rpps.esante.gouv.fr"
IDNST = "urn:oid:1.2.250.1.71.4.2.2"
_STRUCTURES = {"1": "https://finess.esante.gouv.fr", "2": "https://sirene.fr", "3": "https://sirene.fr"}
_ROLE = "https://annuaire.sante.fr"
_PLACE = (  # columns of a structure's address, from L2COMPLEMENTLOCALISATION on
    (20, f"{_ADXP}additionalLocator"),
    (21, f"{_ADXP}postBox"),
    (22, f"{_ADXP}houseNumber"),
    (23, f"{_ADXP}buildingNumberSuffix"),
    (24, f"{_ADXP}streetNameType"),
    (25, f"{_ADXP}streetNameBase"),
    (26, f"{_IG}/as-ext-lieu-dit"),
)
_WRITTEN = {True: "O", False: "N", None: ""}


def cells(line: str) -> list[str]:
    """The 31 columns of a line, with the worst dirt off."""
    found = [one.strip(" \u00a0") for one in line.split("|")]
    found = [one[1:-1] if len(one) > 1 and one[0] == one[-1] == '"' else one for one in found]
    return (found + [""] * 31)[:31]


def carriers(row: Sequence[str]) -> Iterator[Resource]:
    """The resources that a line tells of; the first carries its mailbox."""
    if row[0] in ("PER", "CAB") and row[3]:
        if row[6]:
            yield role(row)
        yield practitioner(row)
    if row[6]:
        yield organization(row)


def practitioner(row: Sequence[str]) -> Resource:
    """Who somebody is: columns 3 to 5 and 9 to 17."""
    coded = [
        {"system": system, "code": row[at], **({"display": row[at + 1]} if row[at + 1] else {})}
        for at, system in _CODES
        if row[at]
    ]
    return {
        **_begun("Practitioner", f"003-{row[3]}", "as-dp-practitioner"),
        "identifier": [_identifier(IDNPS, row[4] or f"8{row[3]}", "IDNPS"), _identifier(RPPS, row[3], "RPPS")],
        "name": [
            {"use": "usual", "family": row[9], "given": [row[10]], **({"prefix": [row[8]]} if row[8] else {})},
        ],
        **({"qualification": [{"code": {"coding": coded}}]} if coded else {}),
    }


def role(row: Sequence[str]) -> Resource:
    """Where somebody works."""
    return {
        **_begun("PractitionerRole", f"005-{row[3]}-{row[5]}{row[6]}", "as-dp-practitionerrole"),
        "identifier": [_identifier(_ROLE, f"{row[3]}-{row[5]}{row[6]}", "")],
        "practitioner": {"reference": f"Practitioner/003-{row[3]}"},
        "organization": {"reference": f"Organization/001-{row[5]}{row[6]}"},
    }


def organization(row: Sequence[str]) -> Resource:
    """A structure: columns 6, 7 and 19 to 31."""
    place = [{"url": url, "valueString": row[at]} for at, url in _PLACE if row[at]]
    kind = {"1": "FINEG", "2": "SIREN", "3": "SIRET"}.get(row[5], "")
    return {
        **_begun("Organization", f"001-{row[5]}{row[6]}", "as-dp-organization"),
        "identifier": [
            _identifier(IDNST, f"{row[5]}{row[6]}", "IDNST"),
            _identifier(_STRUCTURES.get(row[5], IDNST), row[6], kind),
        ],
        "name": row[18],
        **({"alias": [row[19]]} if row[19] else {}),
        "address": [
            {
                **({"_line": [{"extension": place}]} if place else {}),
                "city": row[27].removeprefix(row[28]).strip(),
                "postalCode": row[28],
                "district": row[29],
                "country": row[30],
            }
        ],
    }


def telecom(row: Sequence[str]) -> Resource:
    """The mailbox of a line."""
    told: list[Resource] = [{"url": "type", "valueCodeableConcept": {"coding": [{"system": BAL_TYPE, "code": row[0]}]}}]
    if row[7]:
        told.append({"url": "service", "valueString": row[7]})
    if row[17] in ("O", "N"):
        told.append({"url": "digitization", "valueBoolean": row[17] == "O"})
    told.append({"url": "listeRouge", "valueBoolean": False})
    kind = {"url": EMAIL_TYPE, "valueCoding": {"system": MESSAGING, "code": "MSSANTE"}}
    return {"system": "email", "value": row[1], "extension": [kind, {"url": METADATA, "extension": told}]}


def metadata(mailbox: Resource) -> dict[str, Any]:
    """What is told of a mailbox, by name; its type as a bare code."""
    found = next((one for one in _list(mailbox, "extension") if one.get("url") == METADATA), {})
    return {str(one.get("url", "")): _value(one) for one in _list(found, "extension")}


def is_mailbox(point: Resource) -> bool:
    """Whether a ContactPoint is a mailbox of the trust space."""
    return point.get("system") == "email" and any(one.get("url") == METADATA for one in _list(point, "extension"))


def line(carrier: Resource, mailbox: Resource, person: Resource | None, structure: Resource | None) -> str:
    """The extraction's line for a mailbox at its carrier."""
    row, known = [""] * 31, metadata(mailbox)
    row[0], row[1] = known.get("type", ""), str(mailbox.get("value", ""))
    row[7], row[17] = known.get("service") or "", _WRITTEN[known.get("digitization")]
    if person:
        _tell_person(row, person)
    if structure := carrier if carrier["resourceType"] == "Organization" else structure:
        _tell_structure(row, structure)
    return "|".join(one.replace("|", " ").replace("\n", " ") for one in row)


def _tell_person(row: list[str], person: Resource) -> None:
    name = person["name"][0]
    row[2], row[3], row[4] = "8", held(person, RPPS), held(person, IDNPS)
    row[8], row[9], row[10] = " ".join(name.get("prefix", [])), name["family"], " ".join(name["given"])
    coded = [one for part in person.get("qualification", []) for one in part["code"]["coding"]]
    for at, system in _CODES:
        for one in coded:
            if one["system"] == system:
                row[at], row[at + 1] = one["code"], one.get("display", "")


def _tell_structure(row: list[str], structure: Resource) -> None:
    whole, address = held(structure, IDNST), structure["address"][0]
    row[5], row[6], row[18] = whole[:1], whole[1:], structure["name"]
    row[19] = " ".join(structure.get("alias", []))
    told = {one["url"]: one["valueString"] for part in address.get("_line", []) for one in part["extension"]}
    for at, url in _PLACE:
        row[at] = told.get(url, "")
    row[28], row[29], row[30] = address["postalCode"], address["district"], address["country"]
    row[27] = f"{address['postalCode']} {address['city']}".strip()


def held(resource: Resource, system: str) -> str:
    """A resource's identifier of a system, empty when it has none."""
    return next((str(one["value"]) for one in resource["identifier"] if one["system"] == system), "")


def identifiers(resource: Resource) -> Iterable[tuple[str, str]]:
    """System and value of each identifier."""
    return ((one["system"], one["value"]) for one in resource["identifier"])


def _begun(kind: str, identity: str, profile: str) -> Resource:
    meta = {"source": "https://annuaire.sante.fr", "profile": [f"{_IG}/{profile}"]}
    return {"resourceType": kind, "id": identity, "meta": meta, "language": "fr", "active": True}


def _identifier(system: str, value: str, kind: str) -> Resource:
    coding = [{"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "code": kind}]
    return {"use": "official", "system": system, "value": value, **({"type": {"coding": coding}} if kind else {})}


def _list(resource: Resource, name: str) -> list[Resource]:
    found = resource.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _value(extension: Resource) -> Any:
    """The value of an extension, whatever its type; of a concept its code."""
    value = next((value for name, value in extension.items() if name.startswith("value")), None)
    if isinstance(value, dict):
        return next((one.get("code") for one in _list(value, "coding")), value.get("code"))
    return value
