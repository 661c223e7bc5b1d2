"""What an import would do: people's own work stands, an address keeps its holder, and too many never go unasked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from holders import rpps
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.mailboxes.bal import ENDED, IMPORT, Domain, Mailbox, Site
from vaguemestre.host.mailboxes.roster import Plan, Roster, Row, plan, too_many

THEN, NOW = "20261122030000Z", "20261123030000Z"
PASTEUR = "pasteur.test"
SITE = Site(
    {
        PASTEUR: Domain(PASTEUR, "Clinique Pasteur", "1270000999", 2048),
        "tilleuls.test": Domain("tilleuls.test", "Les Tilleuls", "1620000111", 1024),
    },
    f"postmaster@{PASTEUR}",
)
ANNE = Mailbox(
    f"anne@{PASTEUR}", "PER", since=THEN, created=THEN, quota_mib=2048, person="10009990010", given="Anne",
    surname="ESSAI", display="Anne ESSAI", service="Urgences", origin=IMPORT,
)  # fmt: skip
BY_HAND = replace(ANNE, origin="")
SUSPENDED = replace(ANNE, state="suspended", state_by=IMPORT)
BACK = {"state": ("suspended", "active")}
HELD = replace(ANNE, state="suspended", state_by="")


def row(box: Mailbox = ANNE, **said: str) -> Row:
    known = {"address": box.address, "kind": box.kind, "person": box.person}
    return Row(2, {name: value for name, value in (known | said).items() if value})


def staff(number: int) -> list[Mailbox]:
    return [replace(ANNE, address=f"agent{n}@{PASTEUR}", person=rpps(n)) for n in range(number)]


def roster(*rows: Row, **rules: Any) -> Roster:
    return Roster((PASTEUR,), rows, **rules)


def planned(existing: Iterable[Mailbox], *rows: Row, **rules: Any) -> Plan:
    return plan(roster(*rows, **rules), SITE, existing, NOW)


def steps(of: Plan) -> list[tuple[str, dict[str, Any]]]:
    assert not of.wrong
    return [(step.action, step.changes) for step in of.steps]


def test_a_new_mailbox_is_complete_and_the_imports() -> None:
    (step,) = planned([], row(given="Anne", surname="ESSAI")).steps
    assert (step.action, step.before) == ("open", None)
    assert step.after == replace(ANNE, service="", since=NOW, created=NOW, redlist="none")


def test_without_a_type_it_is_a_persons() -> None:
    (step,) = planned([], Row(2, {"address": f"paul@{PASTEUR}", "person": "10009990028"})).steps
    assert step.after.kind == "PER"


def test_a_teams_mailbox_gets_the_establishments_structure() -> None:
    (step,) = planned([], Row(2, {"address": f"urgences@{PASTEUR}", "kind": "ORG"})).steps
    assert step.after.structure == "1270000999"


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        (ANNE, {}, []),
        (ANNE, {"service": "Urgences"}, []),
        (ANNE, {"service": "Bloc"}, [("change", {"service": ("Urgences", "Bloc")})]),
        (ANNE, {"quota_mib": "4096"}, [("change", {"quota": (2048, 4096)})]),
        (ANNE, {"surname": "UN"}, [("change", {"surname": ("ESSAI", "UN"), "name": ("Anne ESSAI", "Anne UN")})]),
        (replace(ANNE, display="Dr Anne ESSAI"), {"surname": "MODÈLE"}, [("change", {"surname": ("ESSAI", "MODÈLE")})]),
        (ANNE, {"display": "Dr Anne ESSAI"}, [("change", {"name": ("Anne ESSAI", "Dr Anne ESSAI")})]),
        (BY_HAND, {"service": "Bloc"}, [("change", {"service": ("Urgences", "Bloc")})]),
        (SUSPENDED, {}, [("reactivate", {"state": ("suspended", "active")})]),
        (SUSPENDED, {"service": "Bloc"}, [("reactivate", {"service": ("Urgences", "Bloc"), **BACK})]),
        (HELD, {}, []),
    ],
)  # fmt: skip
def test_a_mailbox_of_the_list_becomes_what_the_list_says_and_no_more(
    before: Mailbox, said: dict[str, str], after: list[object]
) -> None:
    assert steps(planned([before], row(**said))) == after


def test_an_empty_cell_clears_and_an_absent_column_does_not() -> None:
    empty = Row(2, {**row().said, "service": ""})
    assert steps(planned([ANNE], empty)) == [("change", {"service": ("Urgences", "")})]


def test_who_was_suspended_by_hand_is_named_and_left() -> None:
    assert planned([HELD], row()).left == (HELD.address,)


@pytest.mark.parametrize(
    ("box", "absent", "action"),
    [
        (ANNE, "suspend", "suspend"),
        (ANNE, "close", "close"),
        (SUSPENDED, "suspend", None),
        (SUSPENDED, "close", "close"),
        (HELD, "suspend", None),
        (HELD, "close", None),
        (BY_HAND, "suspend", None),
        (BY_HAND, "close", None),
        *((replace(ANNE, state=state), "close", None) for state in ENDED),
        (replace(ANNE, address=f"postmaster@{PASTEUR}"), "close", None),
        (replace(ANNE, address="anne@tilleuls.test"), "close", None),
    ],
)
def test_of_those_absent_only_what_an_import_opened_and_nobody_holds_goes(
    box: Mailbox, absent: str, action: str | None
) -> None:
    of = planned([box], absent=absent)
    assert [step.action for step in of.steps] == ([action] if action else [])
    assert all(step.after.state_by == IMPORT for step in of.steps)


def test_by_hand_becomes_the_lists_only_when_it_is_said() -> None:
    assert steps(planned([BY_HAND], row())) == []
    assert steps(planned([BY_HAND], row(), adopt=True)) == [("change", {"origin": ("", IMPORT)})]
    assert steps(planned([BY_HAND], adopt=True)) == []  # absent from the list: nobody adopted it


@pytest.mark.parametrize(
    ("box", "said", "field", "wrong"),
    [
        (ANNE, row(kind="ORG", person=""), "type", "is of type PER"),
        (ANNE, row(person="10009990028"), "rpps", "has another rpps"),
        (ANNE, row(structure="1270000999"), "structure", "has no structure"),
        *((replace(ANNE, state=state), row(), "address", "never given again") for state in ENDED),
        (None, Row(2, {"address": "anne@tilleuls.test", "person": "1"}), "address", "none of its domains"),
        (None, Row(2, {"address": f"postmaster@{PASTEUR}", "kind": "ORG"}), "address", "led to postmaster"),
        (None, Row(2, {"address": f"anne@{PASTEUR}"}), "mailbox", "needs the RPPS"),
        (None, Row(2, {"address": f"anne@{PASTEUR}", "colour": "blue"}), "mailbox", "colour"),
    ],
)
def test_what_cannot_be_is_told_with_its_line_and_planned_for_nobody(
    box: Mailbox | None, said: Row, field: str, wrong: str
) -> None:
    of = planned([box] if box else [], said)
    assert [(one.line, one.field) for one in of.wrong] == [(2, field)]
    assert wrong in of.wrong[0].wrong
    assert of.steps == ()


@pytest.mark.parametrize(
    ("managed", "gone", "goes"),
    [
        (1, 1, False),
        (2, 1, False),
        (3, 1, True),
        (6, 3, False),  # half a file
        (7, 3, True),
        (8, 4, False),
        (100, 5, True),
        (100, 6, False),
        (2000, 100, True),
        (2000, 101, False),
        (2000, 2000, False),
    ],
)
def test_a_share_may_go_or_a_handful_and_never_half(managed: int, gone: int, goes: bool) -> None:
    everybody = staff(managed)
    asked = roster(*map(row, everybody[gone:]))
    refusal = too_many(plan(asked, SITE, everybody, NOW), asked)
    assert (refusal is None) is goes
    assert goes or f"--accept-closing {gone}" in str(refusal)


@pytest.mark.parametrize(("named", "goes"), [(50, True), (49, False), (51, False), (None, False)])
def test_more_go_only_when_their_very_number_is_named(named: int | None, goes: bool) -> None:
    everybody = staff(100)
    asked = roster(*map(row, everybody[50:]), accept_closing=named)
    assert (too_many(plan(asked, SITE, everybody, NOW), asked) is None) is goes


def test_a_number_that_is_named_every_night_does_no_harm_when_nobody_goes() -> None:
    asked = roster(row(), accept_closing=7)
    assert too_many(plan(asked, SITE, [ANNE], NOW), asked) is None


def test_the_digest_is_the_plans_not_the_clocks() -> None:
    first, later = (plan(roster(row()), SITE, [], moment) for moment in (THEN, NOW))
    assert first.digest == later.digest
    assert first.digest != planned([], row(service="Bloc")).digest


def test_a_roster_travels_whole() -> None:
    asked = roster(row(service=""), row(replace(ANNE, address=f"é@{PASTEUR}")), accept_closing=3, adopt=True)
    assert Roster.of(json.loads(json.dumps(asked.plain()))) == asked


_BOXES = st.lists(
    st.builds(
        lambda n, state, by, origin: replace(
            ANNE, address=f"agent{n}@{PASTEUR}", person=rpps(n), state=state, state_by=by, origin=origin
        ),
        st.integers(0, 12),
        st.sampled_from(["active", "suspended"]),
        st.sampled_from(["", IMPORT]),
        st.sampled_from(["", IMPORT]),
    ),
    unique_by=lambda box: box.address,
    max_size=12,
)


@given(_BOXES, st.lists(st.integers(0, 12), unique=True), st.sampled_from(["suspend", "close"]), st.booleans())
def test_a_second_import_has_nothing_to_do_and_nobodys_own_work_is_undone(
    existing: list[Mailbox], listed: list[int], absent: str, adopt: bool
) -> None:
    rows = [Row(n, {"address": f"agent{n}@{PASTEUR}", "person": rpps(n)}) for n in listed]
    first = planned(existing, *rows, absent=absent, adopt=adopt)
    after = {box.address: box for box in existing} | {step.after.address: step.after for step in first.steps}
    assert planned(after.values(), *rows, absent=absent, adopt=adopt).steps == ()
    for box in existing:
        if box.state == "suspended" and not box.state_by:
            assert after[box.address].state == "suspended"
        if not box.origin and not adopt:
            assert after[box.address].state == (
                "active" if box.state_by and box.address in {r.address for r in rows} else box.state
            )
