"""FHIR resources of the national directory, parsed into what the extraction says of a mailbox. Pure.

The shapes are those of ANS's guide (IG-fhir-annuaire) and of what its servers are seen to send beside it: types as
valueCode, valueCoding or valueCodeableConcept; identifiers by OID, by address, or by their type's code; `digitization`,
which the guide has dropped. What is not understood is empty; nothing that is received raises an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from vaguemestre.host.annuaire.mailbox import KINDS, Place
from vaguemestre.host.annuaire.professions import PROFESSIONS

TYPES = ("Practitioner", "PractitionerRole", "Organization")
"""The resources that carry mailboxes."""

LONGEST = 1000
"""Characters of one text that are kept."""

_METADATA = ("as-ext-mailbox-mss-metadata", "as-mailbox-mss-metadata", "as-ext-mailbox-mss")
_ALLOWED = {"Practitioner": ("PER", "CAB"), "PractitionerRole": ("PER", "CAB"), "Organization": ("ORG", "APP")}
_PERSON_OID, _STRUCTURE_OID = "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"
_CATEGORY, _PROFESSION = ("TRE-R09-CategorieProfessionnelle",), ("TRE-G15-ProfessionSante",)
# Know-how of any kind: first the registered speciality, then competences and the like.
_SPECIALITY = (
    *("TRE-R38-SpecialiteOrdinale", "TRE-R39-Competence", "TRE-R40-CompetenceExclusive"),
    *("TRE-R42-DESCnonQualifiant", "TRE-R43-Capacite", "TRE-R44-QualificationPAC", "TRE-R45-FonctionQualifiee"),
)
_PARTS = {  # last part of an extension's address -> column of Place
    "iso21090-ADXP-additionalLocator": "complement",
    "iso21090-ADXP-unitID": "complement",
    "iso21090-ADXP-postBox": "distribution",
    "iso21090-ADXP-deliveryAddressLine": "distribution",
    "iso21090-ADXP-houseNumber": "number",
    "iso21090-ADXP-buildingNumberSuffix": "number_suffix",
    "iso21090-ADXP-streetNameType": "way_kind",
    "iso21090-ADXP-streetNameBase": "way",
    "iso21090-ADXP-streetName": "way",
    "as-ext-lieu-dit": "locality",
    "iso21090-ADXP-precinct": "locality",
}
_COUNTRIES = {"FR": "FRANCE", "FRA": "FRANCE"}

Json = dict[str, Any]


class Box(NamedTuple):
    """A mailbox as its carrier names it; `red` is whether it is on the red list, which only a key with rights shows."""

    address: str
    kind: str
    service: str = ""
    paperless: str = ""
    red: bool = False


class Person(NamedTuple):
    """Columns 3 to 5 and 9 to 17 of the extraction."""

    person_kind: str = ""
    person: str = ""
    national_person: str = ""
    title: str = ""
    family_name: str = ""
    given_name: str = ""
    category: str = ""
    category_label: str = ""
    profession: str = ""
    profession_label: str = ""
    speciality: str = ""
    speciality_label: str = ""


class Structure(NamedTuple):
    """Columns 6, 7, 19 and 20; then the place, 21 to 31."""

    structure_kind: str = ""
    structure: str = ""
    legal_name: str = ""
    trade_name: str = ""
    place: tuple[str, ...] = tuple(Place())


class Carrier(NamedTuple):
    """A resource: ``Type/id``, its mailboxes, and who it is, or whom it refers to.

    `holder` and `at` are keys of a Practitioner and an Organization; a Practitioner's holder is itself.
    """

    key: str
    boxes: tuple[Box, ...] = ()
    person: Person = Person()
    structure: Structure = Structure()
    holder: str = ""
    at: str = ""


def carrier(resource: object) -> Carrier | None:
    """What a resource tells; None when it is of another type, or has no id."""
    if not isinstance(resource, dict) or resource.get("resourceType") not in TYPES or not _text(resource, "id"):
        return None
    kind = str(resource["resourceType"])
    key = f"{kind}/{_text(resource, 'id')}"
    boxes = tuple(_boxes(resource, kind)) if resource.get("active") is not False else ()
    if kind == "Practitioner":
        return Carrier(key, boxes, person=_person(resource), holder=key)
    if kind == "Organization":
        return Carrier(key, boxes, structure=_structure(resource), at=key)
    return Carrier(key, boxes, holder=_reference(resource, "practitioner"), at=_reference(resource, "organization"))


def _boxes(resource: Json, kind: str) -> Iterator[Box]:
    for point in _dicts(resource, "telecom"):
        address = _text(point, "value").removeprefix("mailto:").strip()
        told = _metadata(point)
        if told is None or address.count("@") != 1:
            continue
        named = str(told.get("type", "")).upper()
        type_ = named if named in KINDS else "" if named else _ALLOWED[kind][0]
        if type_ in _ALLOWED[kind]:
            paperless = {True: "O", False: "N"}.get(told["digitization"], "") if "digitization" in told else ""
            red = "listeRouge" in told and told["listeRouge"] not in (False, "false", "N")
            yield Box(address, type_, _clean(told.get("service")), paperless, red)


def _metadata(point: Json) -> Json | None:
    """What is told of a mailbox, by name; None: this is no mailbox of the trust space."""
    found: Json = {}
    marked = False
    for extension in _dicts(point, "extension"):
        name = _text(extension, "url").rpartition("/")[2]
        if name in _METADATA:
            marked = True
            found |= {_text(one, "url").rpartition("/")[2]: _value(one) for one in _dicts(extension, "extension")}
        elif name == "fr-core-contact-point-email-type":
            marked = marked or _value(extension) == "MSSANTE"
    return found if marked else None


def _person(resource: Json) -> Person:
    name = _name(resource)
    suffix, prefix = (" ".join(_texts(name, one)) for one in ("suffix", "prefix"))
    codings = [one for part in _dicts(resource, "qualification") for one in _codings(part.get("code"))]
    (category, category_label), (profession, label), (speciality, speciality_label) = (
        _coded(codings, systems) for systems in (_CATEGORY, _PROFESSION, _SPECIALITY)
    )
    return Person(
        *_numbers(resource),
        suffix or prefix,
        _text(name, "family"),
        " ".join(_texts(name, "given")),
        category,
        category_label,
        profession,
        label or PROFESSIONS.get(profession, ""),
        speciality,
        speciality_label,
    )


def _numbers(resource: Json) -> tuple[str, str, str]:
    """Kind, number and national number of a person; 8 is the kind of an RPPS number."""
    national = rpps = ""
    for one in _dicts(resource, "identifier"):
        system, value = _text(one, "system"), _text(one, "value").replace(" ", "")
        kinds = {coding[1] for coding in _codings(one.get("type"))}
        if _is(system, _PERSON_OID) or "IDNPS" in kinds:
            national, rpps = (value, rpps) if len(value) != 11 else (national, rpps or value)
        elif "rpps." in system or "RPPS" in kinds:
            rpps = rpps or value
    national = national or (f"8{rpps}" if rpps else "")
    return national[:1], national[1:], national


def _structure(resource: Json) -> Structure:
    whole = finess = siret = ""
    for one in _dicts(resource, "identifier"):
        system, value = _text(one, "system"), _text(one, "value").replace(" ", "")
        kinds = {coding[1] for coding in _codings(one.get("type"))}
        if _is(system, _STRUCTURE_OID) or "IDNST" in kinds:
            whole = whole or value
        elif "//finess." in system or kinds & {"FINEG", "FINEJ"}:
            finess = finess or value
        elif ("//sirene." in system or kinds & {"SIRET", "SIRENE"}) and len(value) == 14:
            siret = siret or value
    whole = whole or (f"1{finess}" if finess else f"3{siret}" if siret else "")
    addresses = [*_dicts(resource, "address"), {}]
    aliases = _texts(resource, "alias")
    return Structure(whole[:1], whole[1:], _text(resource, "name"), " ".join(aliases[:1]), tuple(_place(addresses[0])))


def _place(address: Json) -> Place:
    parts: dict[str, str] = {}
    for line in _dicts(address, "_line"):
        for one in _dicts(line, "extension"):
            column = _PARTS.get(_text(one, "url").rpartition("/")[2], "")
            if column and (value := _clean(_value(one))):
                parts.setdefault(column, value)
    if not parts:
        parts["way"] = ", ".join(_texts(address, "line"))
    code, city = _text(address, "postalCode"), _text(address, "city")
    country = _text(address, "country")
    return Place(**parts)._replace(
        routing=f"{code} {city}".strip(),
        postal_code=code,
        department=_text(address, "district") or _department(code),
        country=_COUNTRIES.get(country, country),
    )


def _department(code: str) -> str:
    """Of a French postal code: overseas it has three digits; Corsica's two share 20."""
    if len(code) != 5 or not code.isdecimal():
        return ""
    if code.startswith("20"):
        return "2A" if code[2] in "01" else "2B"
    return code[:3] if code.startswith(("97", "98")) else code[:2]


def _coded(codings: list[tuple[str, str, str]], systems: tuple[str, ...]) -> tuple[str, str]:
    """Code and label of the first coding by one of these systems, the systems in their order."""
    for wanted in systems:
        for system, code, label in codings:
            if code and system.rpartition("/")[2] == wanted:
                return code, label
    return "", ""


def _codings(concept: object) -> list[tuple[str, str, str]]:
    """System, code and label of each coding of a concept."""
    found = _dicts(concept, "coding") if isinstance(concept, dict) else []
    return [(_text(one, "system"), _text(one, "code"), _text(one, "display")) for one in found]


def _name(resource: Json) -> Json:
    names = _dicts(resource, "name")
    usual = [one for use in ("usual", "official") for one in names if one.get("use") == use]
    return next(iter([*usual, *names]), {})


def _reference(resource: Json, name: str) -> str:
    """The key of what is referred to, however its address begins."""
    found = resource.get(name)
    parts = _text(found, "reference").split("/") if isinstance(found, dict) else []
    return "/".join(parts[-2:]) if len(parts) > 1 else ""


def _value(extension: Json) -> Any:
    """The value of an extension; of a code, coding or concept its code."""
    value = next((value for name, value in extension.items() if name.startswith("value")), None)
    if isinstance(value, dict):
        return next((code for _, code, _ in _codings(value)), _text(value, "code"))
    return value if isinstance(value, str | bool) else None


def _is(system: str, oid: str) -> bool:
    return system.removeprefix("urn:oid:") == oid


def _dicts(value: object, name: str) -> list[Json]:
    found = value.get(name) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _texts(value: Json, name: str) -> list[str]:
    """The texts of a list, or the one text that stands in its place."""
    found = value.get(name)
    several = found if isinstance(found, list) else [found]
    return [text for one in several if (text := _clean(one))]


def _text(value: Json, name: str) -> str:
    return _clean(value.get(name))


def _clean(value: object) -> str:
    """One line without what separates columns and lines."""
    if not isinstance(value, str):
        return ""
    return " ".join(value[:LONGEST].encode("utf-8", "ignore").decode().replace("|", " ").split())
