"""FHIR resources as servers send them, whatever the guide says: what is understood, and that nothing raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.host.annuaire.fhir_resources import TYPES, Box, Carrier, carrier
from vaguemestre.host.annuaire.mailbox import KINDS

GUIDE = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition"
NOS = "https://mos.esante.gouv.fr/NOS"
ADDRESS = "anne.essai@clinique.mssante.test"
ADXP = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"


def point(*told: dict[str, Any], value: str = ADDRESS, url: str = f"{GUIDE}/as-ext-mailbox-mss-metadata") -> Any:
    """A ContactPoint of a mailbox of which this is told."""
    return {"system": "email", "value": value, "extension": [{"url": url, "extension": list(told)}]}


def typed(kind: str) -> dict[str, Any]:
    return {"url": "type", "valueCode": kind}


def read(kind: str, **elements: Any) -> Carrier:
    found = carrier({"resourceType": kind, "id": "1", **elements})
    assert found
    return found


def boxes(*points: Any, kind: str = "Practitioner", **elements: Any) -> tuple[Box, ...]:
    return read(kind, telecom=list(points), **elements).boxes


@pytest.mark.parametrize(
    "told",
    [
        {"valueCode": "PER"},
        {"valueString": "per"},
        {"valueCoding": {"system": "x", "code": "PER"}},
        {"valueCodeableConcept": {"coding": [{"code": "PER"}]}},
        {"valueCodeableConcept": {"coding": [{"system": f"{NOS}/TRE_R256-TypeMessagerie", "code": "PER"}]}},
    ],
)
def test_a_type_is_understood_however_it_is_written(told: dict[str, Any]) -> None:
    assert boxes(point({"url": "type", **told})) == (Box(ADDRESS, "PER"),)


def test_a_mailbox_is_told_of_by_the_guides_extension() -> None:
    told = (
        typed("ORG"),
        {"url": "service", "valueString": " Cardiologie |\n 2e "},
        {"url": "digitization", "valueBoolean": True},
    )
    assert boxes(point(*told), kind="Organization") == (Box(ADDRESS, "ORG", "Cardiologie 2e", "O"),)


@pytest.mark.parametrize(
    ("kind", "expected"), [("Practitioner", "PER"), ("PractitionerRole", "PER"), ("Organization", "ORG")]
)
def test_a_mailbox_without_type_is_what_its_holder_has_most_often(kind: str, expected: str) -> None:
    mark = {"url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type",
            "valueCoding": {"code": "MSSANTE"}}  # fmt: skip
    (box,) = boxes({"value": ADDRESS, "extension": [mark]}, kind=kind)
    assert box.kind == expected


@pytest.mark.parametrize(
    "other",
    [
        {"system": "phone", "value": "0199000000"},
        {"system": "email", "value": ADDRESS},
        {"system": "email", "value": ADDRESS, "extension": [{"url": "https://example.test/other"}]},
        point(typed("ORG")),
        point(typed("INCONNU")),
        point(typed("PER"), value="no address"),
        point(typed("PER"), value="a@b@c.test"),
    ],
)
def test_what_is_no_mailbox_of_a_person_is_passed_over(other: Any) -> None:
    assert boxes(other) == ()


@pytest.mark.parametrize(
    ("told", "red"),
    [({}, False), ({"valueBoolean": False}, False), ({"valueBoolean": True}, True), ({"valueString": "O"}, True)],
)
def test_the_red_list_is_known_and_a_flag_that_is_not_understood_hides(told: dict[str, Any], red: bool) -> None:
    extensions = (typed("PER"), *([{"url": "listeRouge", **told}] if told else []))
    assert [box.red for box in boxes(point(*extensions))] == [red]


def test_who_is_no_longer_active_has_no_mailbox() -> None:
    assert boxes(point(typed("PER")), active=False) == ()
    assert boxes(point(typed("PER")), active=None) != ()


@pytest.mark.parametrize(
    "identifiers",
    [
        [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810009990010"}],
        [{"system": "1.2.250.1.71.4.2.1", "value": "810009990010"}],
        [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "10009990010"}],
        [{"system": "https://rpps.esante.gouv.fr", "value": "10009990010"}],
        [{"system": "http://rpps.fr", "value": "1000999 0010"}],
        [{"system": "?", "value": "810009990010", "type": {"coding": [{"code": "IDNPS"}]}}],
        [{"value": "10009990010", "type": {"coding": [{"code": "RPPS"}]}}],
    ],
)
def test_a_person_is_known_by_any_spelling_of_the_rpps(identifiers: list[Any]) -> None:
    person = read("Practitioner", identifier=identifiers).person
    assert (person.person_kind, person.person, person.national_person) == ("8", "10009990010", "810009990010")


@pytest.mark.parametrize(
    ("identifiers", "kind", "number"),
    [
        ([{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1270000999"}], "1", "270000999"),
        ([{"system": "https://finess.esante.gouv.fr", "value": "270000999"}], "1", "270000999"),
        ([{"system": "http://finess.sante.gouv.fr", "value": "2A0000999"}], "1", "2A0000999"),
        ([{"system": "https://sirene.fr", "value": "99900000000001"}], "3", "99900000000001"),
        ([{"system": "https://sirene.fr", "value": "999000000"}], "", ""),
        ([{"value": "270000999", "type": {"coding": [{"code": "FINEJ"}]}}], "1", "270000999"),
        ([], "", ""),
    ],
)
def test_a_structure_is_known_by_any_of_its_numbers(identifiers: list[Any], kind: str, number: str) -> None:
    structure = read("Organization", identifier=identifiers).structure
    assert (structure.structure_kind, structure.structure) == (kind, number)


def test_a_professional_has_the_usual_name_profession_and_speciality() -> None:
    codes = [
        ("TRE_R48-DiplomeEtatFrancais/FHIR/TRE-R48-DiplomeEtatFrancais", "DE05", None),
        ("TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante", "10", None),
        ("TRE_R09-CategorieProfessionnelle/FHIR/TRE-R09-CategorieProfessionnelle", "C", "Civil"),
        ("TRE_R40-CompetenceExclusive/FHIR/TRE-R40-CompetenceExclusive", "CEX22", "Autre"),
        ("TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale", "SM04", "Cardiologie"),
    ]
    coding = [[{"system": f"{NOS}/{system}", "code": code, "display": label}] for system, code, label in codes]
    names = [
        {"use": "old", "family": "AVANT", "given": ["Anne"]},
        {"use": "usual", "family": "ESSAI", "given": ["Anne", "Marie"], "prefix": ["MME"], "suffix": ["DR"]},
    ]
    person = read("Practitioner", name=names, qualification=[{"code": {"coding": one}} for one in coding]).person
    assert (person.title, person.family_name, person.given_name) == ("DR", "ESSAI", "Anne Marie")
    assert (person.category, person.category_label) == ("C", "Civil")
    assert (person.profession, person.profession_label) == ("10", "Médecin")
    assert (person.speciality, person.speciality_label) == ("SM04", "Cardiologie")


def test_a_title_may_be_a_bare_text() -> None:
    assert read("Practitioner", name=[{"family": "ESSAI", "prefix": "M"}]).person.title == "M"


def test_an_address_is_taken_from_its_parts_or_else_from_its_lines() -> None:
    parts = [
        {"url": f"{ADXP}houseNumber", "valueString": "3"},
        {"url": f"{ADXP}streetNameType", "valueString": "RUE"},
        {"url": f"{ADXP}streetNameBase", "valueString": "DES LILAS"},
        {"url": f"{GUIDE}/as-ext-lieu-dit", "valueString": "LE BOURG"},
    ]
    town = {"city": "BOISVERT", "postalCode": "97110", "country": "FR"}
    whole = read("Organization", address=[{"_line": [{"extension": parts}], **town}]).structure.place
    assert whole == ("", "", "3", "", "RUE", "DES LILAS", "LE BOURG", "97110 BOISVERT", "97110", "971", "FRANCE")
    plain = read("Organization", address=[{"line": ["3 RUE DES LILAS", "BP 7"], **town}]).structure.place
    assert plain[5] == "3 RUE DES LILAS, BP 7"


@pytest.mark.parametrize(
    ("code", "department"), [("27000", "27"), ("20090", "2A"), ("20200", "2B"), ("98800", "988"), ("B-1000", "")]
)
def test_a_department_is_that_of_the_postal_code(code: str, department: str) -> None:
    assert read("Organization", address=[{"postalCode": code}]).structure.place[9] == department


@pytest.mark.parametrize("reference", ["Practitioner/7", "https://gateway.example/fhir/v2/Practitioner/7"])
def test_a_role_refers_to_its_holder_by_either_kind_of_reference(reference: str) -> None:
    assert read("PractitionerRole", practitioner={"reference": reference}).holder == "Practitioner/7"


def test_other_resources_are_passed_over() -> None:
    assert carrier({"resourceType": "Device", "id": "1"}) is None
    assert carrier({"resourceType": "Practitioner"}) is None
    assert carrier("Practitioner") is None


NAMES = st.sampled_from(
    ["telecom", "extension", "url", "value", "valueCode", "valueBoolean", "valueCodeableConcept", "coding", "code",
     "id", "system", "identifier", "name", "family", "given", "prefix", "qualification", "address", "_line", "line",
     "active", "practitioner", "reference", "type", "use", "alias", "search", "mode"]
)  # fmt: skip
TEXTS = st.sampled_from(
    [ADDRESS, "type", "PER", "listeRouge", f"{GUIDE}/as-ext-mailbox-mss-metadata", "a|b\nc", "\ud800", "Practitioner/1"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TYPES), st.dictionaries(NAMES, JSON, max_size=6))
def test_whatever_is_received_is_read_without_an_error_and_can_stand_in_a_line(kind: str, elements: Any) -> None:
    found = carrier({**elements, "resourceType": kind, "id": elements.get("id") or "1"})
    if found is None:
        return
    assert {box.kind for box in found.boxes} <= set(KINDS)
    texts = [*found.person, *found.structure[:4], *found.structure.place]
    texts += [text for box in found.boxes for text in box[:4]]
    assert not [text for text in texts if "|" in text or "\n" in text or text != text.strip()]
    "".join(texts).encode()
