"""A mailbox as an entry: what mail programs show, what they find it by, and nothing that slapd would refuse."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.annuaire.entry import OWN, Establishment, dn, entry, own
from vaguemestre.host.annuaire.mailbox import Activity, NationalMailbox, Place, fingerprint
from vaguemestre.host.mailboxes.bal import Mailbox

LENS = Place(number="12", way_kind="RUE", way="DES LILAS", routing="62300 LENS", postal_code="62300", department="62")
DOCTOR = Activity(
    person_kind="8",
    person="10000000001",
    family_name="LE GALL-ÉVRARD",
    given_name="Hélène",
    profession="10",
    profession_label="Médecin",
    speciality="SM04",
    speciality_label="Cardiologie",
    paperless=True,
    structure="620000999",
    legal_name="CENTRE HOSPITALIER FICTIF",
    place=LENS,
)
WARD = Activity(structure="620000999", service="Secrétariat de cardiologie", legal_name="CENTRE HOSPITALIER FICTIF")
HELENE = NationalMailbox("helene.le-gall@ch-fictif.mssante.test", "PER", (DOCTOR,))


def test_a_person_is_found_by_both_orders_of_the_name_with_and_without_accents() -> None:
    assert entry(HELENE)["cn"] == [
        "Hélène LE GALL-ÉVRARD",
        "LE GALL-ÉVRARD Hélène",
        "helene le gall evrard",
        "le gall evrard helene",
    ]


def test_an_address_book_shows_who_what_and_where() -> None:
    shown = entry(HELENE)
    assert shown["displayName"] == ["Hélène LE GALL-ÉVRARD"]
    assert shown["title"] == ["Médecin, Cardiologie"]
    assert (shown["o"], shown["l"]) == (["CENTRE HOSPITALIER FICTIF"], ["LENS"])
    assert (shown["street"], shown["postalCode"], shown["st"]) == (["12 RUE DES LILAS"], ["62300"], ["62"])
    assert shown["vgmPaperless"] == ["O"]


def test_words_are_folded_and_the_name_is_there_in_one_piece_too() -> None:
    shown = entry(HELENE)
    assert shown["vgmName"] == ["le", "gall", "evrard", "helene", "legallevrard"]
    assert shown["vgmTrade"] == ["medecin", "cardiologie"]
    assert shown["vgmPlace"] == ["lens", "62300", "62"]


def test_a_team_is_called_by_its_service_and_its_structure() -> None:
    shown = entry(NationalMailbox("cardio@ch-fictif.mssante.test", "ORG", (WARD,)))
    assert shown["displayName"] == ["Secrétariat de cardiologie, CENTRE HOSPITALIER FICTIF"]
    assert "sn" not in shown
    assert shown["ou"] == ["Secrétariat de cardiologie"]


def test_who_has_neither_name_nor_service_is_called_by_the_address() -> None:
    nobody = NationalMailbox("x@ch-fictif.mssante.test", "ORG", (Activity(),))
    assert entry(nobody)["displayName"] == ["x@ch-fictif.mssante.test"]


def test_two_activities_are_one_entry_with_both_places() -> None:
    there = DOCTOR._replace(legal_name="CLINIQUE FICTIVE", place=LENS._replace(routing="ARRAS", postal_code="62000"))
    shown = entry(NationalMailbox(HELENE.address, "PER", (DOCTOR, there)))
    assert shown["o"] == ["CENTRE HOSPITALIER FICTIF", "CLINIQUE FICTIVE"]
    assert shown["l"] == ["LENS", "ARRAS"]
    assert shown["sn"] == ["LE GALL-ÉVRARD"]


def test_the_fingerprint_goes_with_the_entry() -> None:
    assert entry(HELENE)["vgmFingerprint"] == [fingerprint(HELENE)]
    assert entry(HELENE, "known")["vgmFingerprint"] == ["known"]


def test_ours_are_found_by_the_same_words_as_the_nations() -> None:
    box = Mailbox("h@x.mssante.test", "PER", surname="LE GALL-ÉVRARD", given="Hélène", profession="10")
    ours = own(box, Establishment("Centre hospitalier fictif", "Lens"))
    theirs = entry(HELENE)
    assert set(ours) <= set(OWN)
    assert all(ours[name] == theirs[name] for name in ("cn", "vgmName", "vgmSound", "vgmSite"))
    assert ours["title"] == ["Médecin"]


def test_a_team_of_ours_is_found_by_what_it_is_called_and_by_its_service() -> None:
    ours = own(Mailbox("p@x.mssante.test", "ORG", display="Pôle Est", service="Imagerie"), Establishment("CH"))
    assert ours["cn"][0] == "Pôle Est"
    assert {"pole", "est", "poleest", "imagerie"} == set(ours["vgmName"])


def test_the_name_of_an_entry_holds_what_an_address_may_hold() -> None:
    assert dn("a+b@x.test") == "mail=a\\+b@x.test,ou=national,o=vaguemestre"
    assert dn("#a=b@x.test").startswith("mail=\\#a\\=b@")


_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12)


@given(family=_TEXT, first=_TEXT, service=_TEXT, site=_TEXT, trade=_TEXT)
def test_no_value_is_empty_and_none_is_there_twice(
    family: str, first: str, service: str, site: str, trade: str
) -> None:
    one = Activity(family_name=family, given_name=first, service=service, legal_name=site, profession_label=trade)
    two = one._replace(legal_name=site.upper(), trade_name=site)
    for values in entry(NationalMailbox("x@y.test", "PER", (one, two))).values():
        assert values
        assert all(values)
        assert len({re.sub(r"\s+", " ", value.casefold()) for value in values}) == len(values)
