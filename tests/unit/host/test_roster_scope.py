"""Which mailboxes a list of staff is about, and what it leaves to people: their secretariat, their word on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from holders import rpps

from vaguemestre.host.mailboxes.bal import IMPORT, Domain, Mailbox, RedListRules, Site
from vaguemestre.host.mailboxes.roster import Plan, Roster, Row, plan

THEN, NOW = "20261122030000Z", "20261123030000Z"
LENS, NURSES = "lens.test", "infirmiers.test"
SECRETARIAT = f"secretariat@{LENS}"
SITE = Site(
    {
        LENS: Domain(LENS, "CH de Lens", "1620000999", 1024, redlist=RedListRules("secretariat", True, SECRETARIAT)),
        NURSES: Domain(NURSES, "CH de Lens", "1620000999", 1024, ("60",)),
    },
    f"postmaster@{LENS}",
)
CALAIS, LIEVIN = "1620000997", "1620000996"  # two houses of health whose nurses share a domain
DESK = Mailbox(SECRETARIAT, "ORG", structure="1620000999", redlist="none")


def nurse(number: int, structure: str, **known: Any) -> Mailbox:
    box = Mailbox(
        f"n{number}@{NURSES}", "PER", since=THEN, created=THEN, person=rpps(number), structure=structure,
        profession="60", origin=IMPORT, redlist="none", quota_mib=1024,
    )  # fmt: skip
    return replace(box, **known)


def row(number: int, **said: str) -> Row:
    return Row(number, {"address": f"n{number}@{NURSES}", "person": rpps(number), "profession": "60", **said})


def planned(existing: list[Mailbox], *rows: Row, structure: str = CALAIS, domain: str = NURSES) -> Plan:
    return plan(Roster((domain,), rows, structure=structure), SITE, existing, NOW)


def test_a_list_of_one_house_says_nothing_of_another_houses_people_in_the_same_domain() -> None:
    existing = [*(nurse(n, CALAIS) for n in range(4)), *(nurse(n, LIEVIN) for n in range(4, 40))]
    found = planned(existing, row(0), row(1), row(2))
    assert [(step.action, step.after.local) for step in found.steps] == [("suspend", "n3")]
    assert found.managed == 4


def test_people_of_a_list_are_its_own_houses() -> None:
    (step,) = planned([], row(1)).steps
    assert (step.after.structure, step.after.profession) == (CALAIS, "60")


def test_another_houses_address_is_told() -> None:
    found = planned([nurse(1, LIEVIN)], row(1, structure=CALAIS))
    assert [one.field for one in found.wrong] == ["structure"]


def test_whoever_is_of_another_profession_is_told_with_the_line() -> None:
    (wrong,) = planned([], row(7, profession="70")).wrong
    assert (wrong.line, wrong.field) == (7, "mailbox")
    assert "is for professions 60" in wrong.wrong


@pytest.mark.parametrize(
    ("by", "said", "after"),
    [("holder", "N", "O"), ("administrator", "N", "N"), ("", "N", "N"), ("holder", "O", "O")],
)
def test_what_a_holder_said_about_paper_no_list_unsays(by: str, said: str, after: str) -> None:
    box = nurse(1, CALAIS, paperless="O", paperless_by=by)
    steps = planned([box], row(1, paperless=said)).steps
    assert [step.after.paperless for step in steps] == ([after] if after != "O" else [])
    assert all(step.after.paperless_by == "administrator" for step in steps)


@pytest.mark.parametrize("rule", ["none", "unlisted", "secretariat"])
def test_the_red_list_is_nobodys_but_the_persons_after_the_beginning(rule: str) -> None:
    assert planned([nurse(1, CALAIS, redlist=rule)], row(1)).steps == ()


def person(number: int) -> Row:
    return Row(number, {"address": f"a{number}@{LENS}", "person": rpps(number)})


def test_people_who_begin_behind_a_secretariat_that_is_not_there_are_told_once() -> None:
    found = planned([], person(2), person(3), structure="", domain=LENS)
    assert [(one.line, one.field) for one in found.wrong] == [(2, "secretariat")]
    assert f"mailbox add {SECRETARIAT}" in found.wrong[0].way_out
    assert not planned([DESK], person(2), structure="", domain=LENS).wrong
    opened_by_it = Row(4, {"address": SECRETARIAT, "kind": "ORG"})
    assert not planned([], person(2), opened_by_it, structure="", domain=LENS).wrong
    closed = replace(DESK, state="closed")
    assert planned([closed], person(2), structure="", domain=LENS).wrong


def test_what_is_shown_before_it_is_done_names_the_rule_that_people_begin_under() -> None:
    (step,) = planned([DESK], person(2), structure="", domain=LENS).steps
    assert step.changes["red list"] == ("", "secretariat")
    assert step.changes["secretariat"] == ("", SECRETARIAT)
