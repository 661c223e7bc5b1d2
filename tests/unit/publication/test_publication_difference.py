"""Publication: doing the difference leaves none; who is to be hidden comes first; an accident here empties nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from publication_nation import DOMAIN, NOW, by_address, done, held, listed, listing

from vaguemestre.host.annuaire.publication import confirmed
from vaguemestre.host.annuaire.publication.confirmed import Record, State
from vaguemestre.host.annuaire.publication.difference import Limits, difference, guard
from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.annuaire.publication.operation import Operation, Outcome, Result

few = settings(max_examples=50, deadline=None)
texts = st.sampled_from(("", "Cardiologie", "=cmd|' /C calc'!A0", "Équipe; mobile"))


@st.composite
def listings(draw: st.DrawFn) -> dict[str, Listing]:
    """Mailboxes of a few addresses; type and holder go with the address, as they do for life."""
    found = {}
    for number in draw(st.sets(st.integers(0, 12))):
        person = number % 3 > 0
        address = f"b{number}@{DOMAIN}"
        found[address] = Listing(
            address,
            "PER" if person else "ORG",
            person=f"1000999{number // 2:04}" if person else "",
            structure="" if person else "1270000999",
            redlist=draw(st.booleans()),
            paperless=draw(st.sampled_from(("", "O", "N"))),
            rank=draw(st.integers(0, 2)),
            service="" if person else draw(texts),
        )
    return found


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Record]:
    """Records as runs leave them: confirmed, refused, waiting, uncertain."""
    records = {}
    for address, one in draw(listings()).items():
        first = Record(address, draw(st.sampled_from((None, one))), NOW - timedelta(days=2), "insert")
        tried = draw(st.sampled_from((None, replace(one, rank=3), replace(one, redlist=True))))
        result = draw(st.sampled_from(list(Result)))
        operation = Operation("replace", address, first.confirmed, tried, sure=draw(st.booleans()))
        after = confirmed.after(confirmed.sent(first, operation, "", NOW), Outcome(operation, result), NOW)
        records[address] = draw(st.sampled_from((first, after)))
    return records


@few
@given(listings(), listings())
def test_doing_the_difference_gives_what_is_wanted_and_leaves_nothing_to_do(
    before: dict[str, Listing], wanted: dict[str, Listing]
) -> None:
    after = done(held(*before.values()), difference(wanted, held(*before.values())))
    assert listed(after) == wanted
    assert difference(wanted, after) == ()


@few
@given(histories(), listings())
def test_whatever_happened_before_a_run_that_succeeds_ends_in_what_is_wanted(
    records: dict[str, Record], wanted: dict[str, Listing]
) -> None:
    after = done(records, difference(wanted, records))
    after = done(
        after, difference(wanted, after)
    )  # whom the nation refused to hide along with a change is hidden first
    unanswered = {one.address for one in after.values() if one.attempt and one.attempt.state is State.HANDED}
    settled = {address: one for address, one in listed(after).items() if address not in unanswered}
    assert settled == {address: one for address, one in wanted.items() if address not in unanswered}
    assert difference(wanted, after) == ()


@few
@given(histories(), listings())
def test_there_is_one_operation_for_a_mailbox_and_the_urgent_are_the_first(
    records: dict[str, Record], wanted: dict[str, Listing]
) -> None:
    operations = difference(wanted, records)
    assert len({one.address for one in operations}) == len(operations)
    assert [one.urgent for one in operations] == sorted((one.urgent for one in operations), reverse=True)


def test_red_listing_and_withdrawal_are_urgent_and_nothing_else_is() -> None:
    shown, other, hidden = listing(1), listing(2), listing(3, redlist=True)
    wanted = by_address(replace(shown, redlist=True), replace(hidden, rank=1), listing(4), listing(5, redlist=True))
    operations = {one.address: one for one in difference(wanted, held(shown, other, hidden))}
    assert {address for address, one in operations.items() if one.urgent} == {shown.address, other.address}
    assert operations[other.address].kind == "delete"


def test_whoever_the_nation_refuses_to_hide_with_a_change_is_hidden_without_it() -> None:
    shown = listing(1)
    wanted = replace(shown, redlist=True, rank=9)
    (first,) = difference(by_address(wanted), held(shown))
    sent = confirmed.sent(held(shown)[shown.address], first, "", NOW)
    records = {shown.address: confirmed.after(sent, Outcome(first, Result.REJECTED, "refused"), NOW)}
    (alone,) = difference(by_address(wanted), records)
    assert (alone.after, alone.urgent) == (replace(shown, redlist=True), True)
    assert confirmed.due(records[shown.address], alone, NOW)
    again = confirmed.sent(records[shown.address], alone, "", NOW)
    refused = confirmed.after(again, Outcome(alone, Result.REJECTED, "refused"), NOW)
    (still,) = difference(by_address(wanted), {shown.address: refused})
    assert not confirmed.due(refused, still, NOW + timedelta(days=9))
    records = done(records, (alone,))
    (rest,) = difference(by_address(wanted), records)
    assert (rest.after, rest.urgent) == (wanted, False)


def test_the_longest_waiting_of_the_urgent_goes_first() -> None:
    records = held(listing(1), listing(2), listing(3))
    for number, minutes in ((1, 5), (2, 50), (3, 20)):
        address = listing(number).address
        records[address] = replace(records[address], since=NOW - timedelta(minutes=minutes))
    assert [one.address for one in difference({}, records)] == [listing(n).address for n in (2, 3, 1)]


def test_a_mailbox_that_moves_to_another_holder_leaves_the_first_and_is_then_declared_at_the_second() -> None:
    before, after = listing(1), listing(1, person="10009990777")
    first = difference(by_address(after), held(before))
    assert [(one.kind, one.listing.person) for one in first] == [("delete", before.person)]
    records = done(held(before), first)
    second = difference(by_address(after), records)
    assert [(one.kind, one.listing.person) for one in second] == [("insert", after.person)]
    assert listed(done(records, second)) == by_address(after)


def test_what_is_uncertain_is_said_again_even_when_it_should_be_right() -> None:
    one = listing(1)
    records = {one.address: replace(held(one)[one.address], uncertain=True)}
    (operation,) = difference(by_address(one), records)
    assert (operation.kind, operation.sure, operation.after) == ("replace", False, one)
    assert difference(by_address(one), done(records, (operation,))) == ()


def test_an_insert_that_may_have_arrived_is_taken_back_when_the_mailbox_is_closed() -> None:
    one = listing(1)
    insert = Operation("insert", one.address, None, one)
    cut = confirmed.woken(confirmed.sent(Record(one.address), insert, "", NOW), unsent=False)
    (operation,) = difference({}, {one.address: cut})
    assert (operation.kind, operation.before, operation.urgent) == ("delete", one, True)


def test_a_withdrawal_of_what_may_have_arrived_is_not_forgotten_however_often_it_fails() -> None:
    one = listing(1)
    insert = Operation("insert", one.address, None, one)
    record = confirmed.woken(confirmed.sent(Record(one.address), insert, "", NOW), unsent=False)
    for result in (Result.DEFERRED, Result.UNKNOWN, Result.REJECTED):
        (withdrawal,) = difference({}, {one.address: record})
        assert withdrawal.kind == "delete"
        record = confirmed.after(confirmed.sent(record, withdrawal, "", NOW), Outcome(withdrawal, result), NOW)
    (withdrawal,) = difference({}, {one.address: confirmed.woken(record, unsent=False)})
    assert withdrawal.before == one


LIMITS = Limits(max_removed_percent=5)


def kept(
    published: int, removed: int, *, known: bool, withdrawn: int = 0, approved: frozenset[str] = frozenset()
) -> tuple[int, int]:
    """How many withdrawals pass, how many wait."""
    listings = [listing(number) for number in range(published)]
    wanted = by_address(*listings[removed:])
    addresses = frozenset(one.address for one in listings) if known else frozenset(wanted)
    passed, waiting = guard(
        difference(wanted, held(*listings)),
        known=addresses,
        published=published,
        withdrawn=withdrawn,
        approved=approved,
        limits=LIMITS,
    )
    return len(passed), len(waiting.addresses) if waiting else 0


def test_an_emptied_directory_here_empties_nothing_at_the_nations() -> None:
    assert kept(1000, 1000, known=False) == (0, 1000)
    assert kept(3, 3, known=False) == (0, 3)


def test_a_mailbox_that_our_directory_does_not_know_at_all_is_withdrawn_by_a_persons_word_only() -> None:
    assert kept(1000, 1, known=False) == (0, 1)
    assert kept(1000, 1, known=False, approved=frozenset((listing(0).address,))) == (1, 0)


def test_closed_mailboxes_are_withdrawn_at_once_until_they_are_too_many_in_a_day() -> None:
    assert kept(1000, 50, known=True) == (50, 0)
    assert kept(1000, 51, known=True) == (0, 51)
    assert kept(950, 1, known=True, withdrawn=50) == (0, 1)
    assert kept(30, 20, known=True) == (20, 0)


def test_what_is_held_back_keeps_nothing_else_from_the_nation() -> None:
    lost, changed, new = listing(1), listing(2), listing(3)
    wanted = by_address(replace(changed, redlist=True), new)
    passed, waiting = guard(
        difference(wanted, held(lost, changed)),
        known=frozenset(wanted),
        published=2,
        withdrawn=0,
        approved=frozenset(),
        limits=LIMITS,
    )
    assert {one.address for one in passed} == {changed.address, new.address}
    assert waiting is not None
    assert waiting.addresses == (lost.address,)


def test_an_approval_is_of_exactly_these_withdrawals() -> None:
    one = guard(difference({}, held(listing(1))), **_GUARD)[1]
    both = guard(difference({}, held(listing(1), listing(2))), **_GUARD)[1]
    assert one is not None
    assert both is not None
    assert one.digest != both.digest


_GUARD: dict = {"known": frozenset(), "published": 2, "withdrawn": 0, "approved": frozenset(), "limits": LIMITS}
