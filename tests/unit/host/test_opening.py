"""How a mailbox begins, what may change of it, and where people of a profession are placed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vaguemestre.host.mailboxes.bal import ENDED, Domain, Mailbox, RedListRules, Refused, Site, listed
from vaguemestre.host.mailboxes.holder import registered
from vaguemestre.host.mailboxes.opening import CHANGEABLE, changed, opened

NOW, LATER = "20261123030000Z", "20261124030000Z"
PASTEUR, LENS, NURSES, SOCIAL = "pasteur.test", "lens.test", "infirmiers.test", "social.test"
SECRETARIAT = f"secretariat@{LENS}"
SITE = Site(
    {
        PASTEUR: Domain(PASTEUR, "Clinique Pasteur", "1270000999", 2048),
        LENS: Domain(LENS, "CH de Lens", "1620000999", 1024, redlist=RedListRules("secretariat", True, SECRETARIAT)),
        NURSES: Domain(NURSES, "CH de Lens", "1620000999", 1024, ("60", "69")),
        SOCIAL: Domain(SOCIAL, "CH de Lens", "1620000999", 1024, ("S1",)),
    },
    f"postmaster@{PASTEUR}",
)
PERSON = Mailbox(f"anne@{PASTEUR}", "PER", person="10009990010", given="Anne", surname="ESSAI")
TEAM = Mailbox(f"urgences@{PASTEUR}", "ORG")


def open_new(box: Mailbox) -> Mailbox:
    return opened(box, SITE, None, NOW)


ANNE = open_new(PERSON)


def refused(box: Mailbox) -> str:
    with pytest.raises(Refused) as caught:
        open_new(box)
    return str(caught.value)


# --- whose it is ---


@pytest.mark.parametrize(
    ("structure", "person"),
    [("1270000999", "3270000999/0042"), ("12A0000999", "32A0000999/0042"), ("312345678900011", "512345678900011/0042")],
)
def test_who_has_no_rpps_is_known_by_the_number_that_a_structure_gave(structure: str, person: str) -> None:
    assert registered(structure, " 0042 ") == person
    box = open_new(replace(PERSON, person=person))
    assert (box.person, box.rpps) == (person, "")
    assert ANNE.rpps == ANNE.person


@pytest.mark.parametrize("number", ["", "a/b", "a b", "*", "x" * 33, "é"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    assert "--staff-id" in refused(replace(PERSON, person=registered("1270000999", number)))


def test_a_practice_may_name_its_responsible_person() -> None:
    practice = Mailbox(f"cabinet@{PASTEUR}", "CAB", description="Cabinet", person="10009990010")
    assert open_new(practice).person == "10009990010"
    assert "key" in refused(replace(practice, person="10009990011"))


# --- the red list at the beginning ---


@pytest.mark.parametrize(
    ("box", "rule", "secretariat"),
    [
        (PERSON, "none", ""),
        (replace(PERSON, address=f"anne@{LENS}"), "secretariat", SECRETARIAT),
        (replace(PERSON, address=f"anne@{LENS}", redlist="none"), "none", ""),
        (replace(PERSON, address=f"anne@{LENS}", redlist="unlisted"), "unlisted", ""),
        (replace(PERSON, address=f"anne@{LENS}", secretariat=f"Bloc@{LENS}"), "secretariat", f"bloc@{LENS}"),
        (Mailbox(f"bloc@{LENS}", "ORG"), "none", ""),
        (Mailbox(f"robot@{LENS}", "APP"), "none", ""),
        (Mailbox(f"cabinet@{LENS}", "CAB", description="Cabinet"), "secretariat", SECRETARIAT),
    ],
)
def test_people_begin_under_the_establishments_rule_and_teams_are_found(
    box: Mailbox, rule: str, secretariat: str
) -> None:
    begun = open_new(box)
    assert (begun.redlist, begun.secretariat) == (rule, secretariat)


def test_nobody_begins_behind_a_secretariat_that_is_not_named() -> None:
    assert "--secretariat" in refused(replace(PERSON, redlist="secretariat"))
    assert "--secretariat" in refused(replace(PERSON, redlist="secretariat", secretariat=PERSON.address))
    assert "no rule of the red list" in refused(replace(PERSON, redlist="hidden"))


def test_the_rule_changes_by_its_own_function_and_only_while_the_mailbox_lives() -> None:
    hidden = listed(ANNE, "secretariat", SECRETARIAT)
    assert (hidden.redlist, hidden.secretariat) == ("secretariat", SECRETARIAT)
    assert listed(hidden, "none").secretariat == SECRETARIAT  # for the next time
    for wrong in (("secretariat", ""), ("secretariat", ANNE.address), ("hidden", "")):
        with pytest.raises(Refused):
            listed(ANNE, *wrong)
    with pytest.raises(Refused, match="closed"):
        listed(replace(ANNE, state="closed"), "none")


# --- professions ---


def test_people_of_a_profession_are_placed_in_its_domain_and_nobody_else() -> None:
    nurse = replace(PERSON, address=f"anne@{NURSES}", profession="60")
    assert open_new(nurse).profession == "60"
    assert f"people of S1 are placed in {SOCIAL}" in refused(replace(nurse, profession="S1"))
    assert "no domain of professions" in refused(replace(nurse, profession="10"))
    assert "--profession" in refused(replace(nurse, profession=""))
    assert open_new(replace(PERSON, profession="60")).domain == PASTEUR  # an ordinary domain takes everybody
    assert open_new(Mailbox(f"accueil@{SOCIAL}", "ORG")).domain == SOCIAL  # a team has no profession


def test_another_profession_needs_another_domain() -> None:
    nurse = open_new(replace(PERSON, address=f"anne@{NURSES}", profession="60"))
    assert changed(nurse, {"profession": "69"}, SITE).profession == "69"
    with pytest.raises(Refused, match=SOCIAL):
        changed(nurse, {"profession": "S1"}, SITE)


# --- what may change ---


@pytest.mark.parametrize(
    ("news", "after"),
    [
        ({}, {}),
        ({"service": "Urgences"}, {"service": "Urgences"}),
        ({"service": " Bloc\u00a0 2 "}, {"service": "Bloc 2"}),
        ({"surname": "MODÈLE"}, {"surname": "MODÈLE", "display": "Anne MODÈLE"}),
        ({"surname": "MODÈLE", "display": "Dr M"}, {"surname": "MODÈLE", "display": "Dr M"}),
        ({"surname": "MODE\u0300LE"}, {"surname": "MODÈLE", "display": "Anne MODÈLE"}),
        ({"paperless": "O"}, {"paperless": "O", "paperless_by": "administrator"}),
        ({"paperless": "O", "paperless_by": "holder"}, {"paperless": "O", "paperless_by": "holder"}),
        ({"rank": 2}, {"rank": 2}),
        ({"quota_mib": 10}, {"quota_mib": 10}),
    ],
)
def test_details_change_and_nothing_else_does(news: dict[str, Any], after: dict[str, Any]) -> None:
    assert changed(ANNE, news, SITE) == replace(ANNE, **after)


def test_what_is_so_already_is_no_change() -> None:
    assert changed(ANNE, {"surname": "ESSAI", "given": " Anne "}, SITE) is ANNE


@pytest.mark.parametrize(
    ("news", "said"),
    [
        ({"service": "=1+1"}, "formula"),
        ({"given": "A\nB"}, "line break"),
        ({"description": "x" * 201}, "201 characters"),
        ({"paperless": "oui"}, "O .no more paper. or N"),
        ({"paperless": "O", "paperless_by": "somebody"}, "holder or administrator"),
        ({"profession": "Infirmier"}, "no code of a profession"),
        ({"speciality": "*"}, "no code of a speciality"),
        ({"rank": 100}, "a rank goes from 1"),
        ({"rank": -1}, "a rank goes from 1"),
        ({"senders": (f"paul@{PASTEUR}",)}, "nobody else sends as a PER"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(news: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        changed(ANNE, news, SITE)


def test_a_team_is_shared_with_mailboxes_of_ours_only() -> None:
    team = open_new(TEAM)
    assert changed(team, {"senders": (ANNE.address,)}, SITE).senders == (ANNE.address,)
    for stranger in ("a@elsewhere.test", "anne", f"*@{PASTEUR}", f"a,b@{PASTEUR}", f"@{PASTEUR}"):
        with pytest.raises(Refused, match="no mailbox of ours"):
            changed(team, {"senders": (stranger,)}, SITE)
    with pytest.raises(Refused, match="nobody else sends"):
        changed(open_new(Mailbox(f"robot@{PASTEUR}", "APP")), {"senders": (ANNE.address,)}, SITE)


@pytest.mark.parametrize("state", ENDED)
def test_nothing_changes_of_what_has_ended(state: str) -> None:
    with pytest.raises(Refused, match=state):
        changed(replace(ANNE, state=state), {"service": "Bloc"}, SITE)


def test_what_an_older_release_wrote_can_be_changed_though_it_would_not_be_opened_today() -> None:
    old = replace(ANNE, person="10009990011", redlist="")
    assert changed(old, {"service": "Bloc"}, SITE).service == "Bloc"


def test_whose_a_mailbox_is_can_never_be_among_the_news() -> None:
    assert not {"address", "kind", "person", "structure", "state", "redlist", "secretariat"} & set(CHANGEABLE)


def test_a_mailbox_that_is_only_requested_is_complete_and_waits() -> None:
    asked = open_new(replace(PERSON, state="requested"))
    assert (asked.state, asked.quota_mib, asked.redlist) == ("requested", 2048, "none")
    assert opened(PERSON, SITE, asked, LATER) is asked
