"""The guard: an ordinary day passes by itself, whatever looks like a disaster waits for a person and says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.host.annuaire.churn import Balance, Change, Churn, Limits, differences, guard, weigh
from vaguemestre.host.annuaire.digest import Record

MONDAY = datetime(2026, 10, 12, 3, 13, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)

Nation = dict[str, str]
NATION: Nation = {
    f"p{number:05}@{domain}.mssante.test": "0"
    for domain, size in (("region", 8_000), ("chu", 815), ("clinique", 90), ("dr-fictif", 2))
    for number in range(size)
}


def records(nation: Nation) -> list[Record]:
    return [Record(*one) for one in sorted(nation.items())]


def without(domain: str, number: int) -> Nation:
    gone = [one for one in NATION if one.endswith(f"@{domain}.mssante.test")][:number]
    return {address: mark for address, mark in NATION.items() if address not in gone}


def added(number: int) -> Nation:
    return {f"new{one}@region.mssante.test": "0" for one in range(number)}


def judged(new: Nation, **changes: float) -> Churn:
    return guard(weigh(records(NATION), records(new)), Limits(**changes), MONDAY, TUESDAY)  # type: ignore[arg-type]


def test_an_ordinary_day_passes() -> None:
    day = {**without("region", 40), **added(30)}
    day["p00700@chu.mssante.test"] = "1"
    churn = judged(day)
    assert churn.summary == "30 added, 1 changed, 40 removed of 8,907 mailboxes"
    assert not churn.held_back


def test_nothing_new_changes_nothing() -> None:
    assert judged(NATION).balance == Balance(8_907, 0, 0, 0, judged(NATION).balance.held_by_domain, {})


def test_half_a_file_is_held_back() -> None:
    churn = judged(dict(list(NATION.items())[:4_000]))
    assert churn.held_back
    assert churn.why[0] == "4,907 of 8,907 (55.1 %) mailboxes would go; 2 % is the limit"


def test_an_empty_file_is_held_back() -> None:
    assert judged({}).held_back


def test_a_domain_that_empties_is_held_back_and_named() -> None:
    churn = judged(without("chu", 812), removed=20, shrunk=20)
    assert churn.why == ("domain chu.mssante.test loses 812 of 815 mailboxes",)


def test_who_loses_is_told_and_small_domains_are_not_named() -> None:
    emptied = {one: mark for one, mark in without("chu", 812).items() if "dr-fictif" not in one}
    churn = judged(emptied)
    assert "domain chu.mssante.test loses 812 of 815 mailboxes" in churn.why
    assert churn.why[-1] == "and 2 mailboxes of 1 other domain"
    assert not any("dr-fictif" in one for one in churn.why)


def test_a_small_domain_that_ends_holds_nobody_up() -> None:
    assert not judged(without("clinique", 75)).held_back


def test_removals_that_additions_hide_are_seen() -> None:
    churn = judged({**without("region", 500), **added(500)})
    assert churn.held_back
    assert "500 of 8,907 (5.6 %) mailboxes would go; 2 % is the limit" in churn.why


def test_a_slow_shrinking_is_seen_before_the_limit_of_removals() -> None:
    churn = judged(without("region", 120))
    assert churn.why[0] == "120 of 8,907 (1.3 %) mailboxes fewer than are held; 1 % is the limit"


def test_a_column_that_means_something_else_is_held_back() -> None:
    churn = judged(dict.fromkeys(NATION, "1"))
    assert churn.why == ("8,907 of 8,907 (100.0 %) mailboxes would change; 25 % is the limit",)


def test_an_older_file_is_held_back_even_if_it_changes_nothing() -> None:
    balance = weigh(records(NATION), records(NATION))
    assert "older than the one held" in guard(balance, Limits(), TUESDAY, MONDAY).why[0]
    assert "nothing says when it was made" in guard(balance, Limits(), TUESDAY, None).why[0]
    assert not guard(balance, Limits(), MONDAY, MONDAY).held_back
    assert not guard(balance, Limits(), None, None).held_back


def test_an_operator_whose_small_domains_all_go_is_held_back() -> None:
    some = {f"p{number}@cabinet{domain}.mssante.test": "0" for domain in range(40) for number in range(4)}
    operators = {f"cabinet{domain}.mssante.test": "MESSAGERIE FICTIVE" for domain in range(40)}
    balance = weigh(records({**NATION, **some}), records(NATION))
    limits = Limits(removed=5, shrunk=5)
    assert not guard(balance, limits, MONDAY, TUESDAY).held_back
    assert guard(balance, limits, MONDAY, TUESDAY, operators).why[0] == (
        "operator MESSAGERIE FICTIVE loses 160 of 160 mailboxes"
    )


def test_the_first_extraction_of_all_is_not_held_back() -> None:
    churn = guard(weigh([], records(NATION)), Limits(), None, MONDAY)
    assert (churn.balance.added, churn.held_back) == (8_907, False)


NATIONS = st.dictionaries(st.text("ab", min_size=1, max_size=3).map(lambda one: f"{one}@x.test"), st.sampled_from("01"))


@settings(max_examples=40, deadline=None)
@given(NATIONS, NATIONS)
def test_walking_through_two_nations_finds_what_sets_find(held: Nation, new: Nation) -> None:
    found = set(differences(records(held), records(new)))
    assert {one for one, change in found if change is Change.ADDED} == new.keys() - held.keys()
    assert {one for one, change in found if change is Change.REMOVED} == held.keys() - new.keys()
    changed = {one for one in held.keys() & new.keys() if held[one] != new[one]}
    assert {one for one, change in found if change is Change.CHANGED} == changed
    balance = weigh(records(held), records(new))
    assert (balance.held, balance.new) == (len(held), len(new))
