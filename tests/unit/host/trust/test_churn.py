"""How much a list changes, told by operator; what waits for a person, and what need not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from vaguemestre.host.trust import churn
from vaguemestre.host.trust.churn import Kind, compare, newer
from vaguemestre.host.trust.dn import key
from vaguemestre.host.trust.whitelist import Entry

A = "CN=mx1.a.test,OU=1990000001,O=OPERATEUR A,ST=Paris (75),C=FR"
A2 = "CN=mx2.a.test,OU=1990000001,O=OPERATEUR A,ST=Paris (75),C=FR"
B = "CN=mx.b.test,OU=399900000000002,O=OPERATEUR B,ST=Eure (27),C=FR"


def other(number: int) -> str:
    return f"CN=mx.c{number}.test,OU=1{number:09d},O=CENTRE {number},ST=Eure (27),C=FR"


def entry(domain: str, dn: str, description: str = "") -> Entry:
    return Entry(domain, dn, key(dn), description, None)


def entries(pairs: Iterable[tuple[str, str]]) -> list[Entry]:
    return [entry(domain, dn) for domain, dn in pairs]


@cache
def nation() -> tuple[Entry, ...]:
    """As many entries as the national list had; 300 of them are operator A's, 400 operator B's."""
    owners = [A] * 300 + [B] * 400 + [other(number % 300) for number in range(5854)]
    return tuple(entry(f"etab-{number}.mssante.test", dn) for number, dn in enumerate(owners))


def moved(number: int, *, kept: bool = False) -> list[Entry]:
    """A's first domains go to B's certificate, or get it beside A's."""
    gained = [entry(one.domain, B) for one in nation()[:number]]
    return [*gained, *(nation() if kept else nation()[number:])]


def test_the_same_list_changes_nothing() -> None:
    found = compare(nation(), reversed(nation()), 2, 5)
    assert not found.held_back
    assert found.difference.changed == 0
    assert found.difference.moves == ()


def test_descriptions_spellings_and_doubled_lines_are_no_change() -> None:
    other_words = [entry(one.domain, one.dn.replace(",", ", ").lower(), "autre") for one in nation()]
    found = compare(nation(), [*other_words, *other_words[:500]], 0, 0)
    assert not found.held_back
    assert found.difference.changed == 0


def test_the_day_on_which_241_domains_changed_operator_waits_and_is_explained() -> None:
    """1,027 entries changed in one day, A's certificate valid beside B's all the while."""
    new = [entry(one.domain, f"{one.dn},DC=neuf") if 1000 <= i < 1786 else one for i, one in enumerate(nation())]
    new[:241] = [entry(one.domain, B) for one in nation()[:241]]
    found = compare(nation(), new, 2, 5)
    assert found.difference.changed == 241 + 786 == 1027
    assert found.held_back
    assert "operator OPERATEUR A (1990000001) loses 241 domains to operator OPERATEUR B (399900000000002)" in found.why
    assert any(one.startswith("1,027 of 6,554 (15.7 %) entries would change; 5 % is the limit") for one in found.why)
    assert found.summary == ("1,027 entries of 6,554 changed: 0 domains new, 0 gone, 241 with another operator")
    assert not compare(new, new, 2, 5).held_back, "once approved it is the list that is held"


@pytest.mark.parametrize("kept", [False, True])
def test_an_operator_that_begins_to_speak_for_many_domains_of_others_waits(kept: bool) -> None:
    found = compare(nation(), moved(241, kept=kept), 2, 5)
    assert found.difference.changed == 241, "fewer than five in a hundred"
    assert found.held_back
    assert "241 of 6,554 (3.7 %) domains of others would be spoken for by operator OPERATEUR B" in found.why[0]
    verb = "begins to speak for 241 domains beside operator OPERATEUR A" if kept else "loses 241 domains to operator"
    assert any(verb in one for one in found.why)


def test_a_few_domains_may_change_operator_any_day() -> None:
    assert not compare(nation(), moved(100), 2, 5).held_back
    assert not compare(nation(), moved(100, kept=True), 2, 5).held_back


def test_a_list_that_shrinks_to_619_entries_waits() -> None:
    found = compare(nation(), nation()[:619], 2, 5)
    assert found.held_back
    assert found.why[0] == "5,935 of 6,554 (90.6 %) domains would go; 2 % is the limit"
    assert "operator OPERATEUR B (399900000000002) loses 81 domains, gone from the list" in found.why


def test_a_list_may_shrink_within_its_limit() -> None:
    assert not compare(nation(), nation()[131:], 2, 5).held_back
    assert compare(nation(), nation()[132:], 2, 5).held_back


def test_a_list_that_grows_too_much_waits() -> None:
    new = [entry(f"neuf-{number}.test", B) for number in range(400)]
    found = compare(nation(), [*nation(), *new], 2, 5)
    assert found.held_back
    assert "operator OPERATEUR B (399900000000002) gains 400 domains, new on the list" in found.why
    assert not compare(nation(), [*nation(), *new[:300]], 2, 5).held_back


def test_an_operator_may_change_its_own_certificates() -> None:
    new = [entry(one.domain, A2) if one.dn == A else one for one in nation()]
    found = compare(nation(), new, 2, 5)
    assert not found.held_back
    assert [str(one) for one in found.difference.moves] == [
        "operator OPERATEUR A (1990000001) changes the names of its certificates for 300 domains"
    ]


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ([("a.test", A)], [("a.test", A), ("a.test", A2)], [Kind.RENAMED]),
        ([("a.test", A), ("a.test", B)], [("a.test", A)], [Kind.LEFT]),
        ([("a.test", A), ("a.test", B)], [("a.test", A), ("a.test", other(1))], [Kind.MOVED]),
        ([("a.test", A)], [("a.test", A), ("a.test", B)], [Kind.BESIDE]),
        ([("a.test", A)], [("b.test", A)], [Kind.GONE, Kind.NEW]),
        ([("a.test", A), ("a.test", A2)], [("a.test", A2)], [Kind.RENAMED]),
    ],
)
def test_what_happens_to_a_domain_is_told(
    before: list[tuple[str, str]], after: list[tuple[str, str]], kinds: list[Kind]
) -> None:
    found = compare(entries(before), entries(after), 2, 5)
    assert [one.kind for one in found.difference.moves] == kinds
    assert not found.held_back, "a handful never waits"


def test_a_short_list_is_not_held_back_for_a_handful() -> None:
    assert not compare(nation()[:20], nation()[churn.FEW : 20], 2, 5).held_back
    assert compare(nation()[:20], nation()[churn.FEW + 1 : 20], 2, 5).held_back


def test_nothing_held_is_held_to_nothing() -> None:
    assert not compare([], nation()[:5], 2, 5).held_back


def test_operators_are_told_apart_by_name_and_number() -> None:
    same_name = A.replace("1990000001", "1990000009")
    found = compare(entries([("a.test", A)]), entries([("a.test", same_name)]), 2, 5)
    assert [one.kind for one in found.difference.moves] == [Kind.MOVED]
    respelt = A.replace("O=OPERATEUR A", 'O="Opérateur\u00a0 a"').replace("é", "E")
    assert churn.operator(respelt) == churn.operator(A)


def test_only_the_greatest_moves_are_told() -> None:
    found = compare(nation(), [], 2, 5)
    told = found.difference.explained()
    assert len(told) == 13
    assert told[-1] == "and 290 smaller changes"
    assert len(found.difference.explained(1000)) == 302


def test_an_older_list_is_not_newer() -> None:
    held = datetime(2026, 11, 23, tzinfo=UTC)
    assert newer(held, held)
    assert newer(held, held + timedelta(seconds=1))
    assert not newer(held, held - timedelta(seconds=1))
