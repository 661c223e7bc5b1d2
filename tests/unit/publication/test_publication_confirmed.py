"""Publication: a record says what may be believed after every outcome, and when the next attempt is made."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from publication_nation import NOW, by_address, held, listing

from vaguemestre.host.annuaire.publication import confirmed
from vaguemestre.host.annuaire.publication.confirmed import Record, State, due
from vaguemestre.host.annuaire.publication.difference import difference
from vaguemestre.host.annuaire.publication.operation import Operation, Outcome, Result

ONE = listing(1)
INSERT = Operation("insert", ONE.address, None, ONE)
HIDE = Operation("replace", ONE.address, ONE, replace(ONE, redlist=True), urgent=True)


def tried(record: Record, operation: Operation, result: Result, slug: str = "", retry_after: float = 0) -> Record:
    outcome = Outcome(operation, result, slug, "why", retry_after)
    return confirmed.after(confirmed.sent(record, operation, "batch", NOW), outcome, NOW)


def test_what_the_nation_confirmed_is_held_and_settles_what_was_uncertain() -> None:
    before = replace(Record(ONE.address), uncertain=True, since=NOW, urgent_since=NOW)
    assert tried(before, INSERT, Result.CONFIRMED) == Record(ONE.address, ONE, NOW, "insert")


def test_what_was_refused_waits_for_the_mailbox_to_change() -> None:
    record = tried(Record(ONE.address), INSERT, Result.REJECTED, "refused")
    assert record.confirmed is None
    assert not due(record, INSERT, NOW + timedelta(days=400))
    (again,) = difference(by_address(replace(ONE, rank=1)), {ONE.address: record})
    assert due(record, again, NOW)


def test_a_holder_whom_the_nation_does_not_know_yet_is_asked_for_every_day() -> None:
    record = tried(Record(ONE.address), INSERT, Result.REJECTED, "unknown_holder")
    assert not due(record, INSERT, NOW + timedelta(hours=23))
    assert due(record, INSERT, NOW + timedelta(hours=24))


def test_failures_in_passing_are_tried_again_after_longer_and_longer_pauses() -> None:
    record, pauses = Record(ONE.address), []
    for _ in range(12):
        record = tried(record, INSERT, Result.DEFERRED)
        assert record.attempt is not None
        assert record.attempt.not_before is not None
        pauses.append(record.attempt.not_before - NOW)
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(minutes=1)
    assert pauses[-1] == timedelta(hours=6)


def test_what_is_urgent_never_waits_long() -> None:
    record = held(ONE)[ONE.address]
    for _ in range(40):
        record = tried(record, HIDE, Result.DEFERRED)
    assert due(record, HIDE, NOW + timedelta(minutes=5))


def test_the_nation_is_left_alone_as_long_as_it_asks() -> None:
    record = tried(Record(ONE.address), INSERT, Result.DEFERRED, retry_after=900)
    assert not due(record, INSERT, NOW + timedelta(seconds=899))
    assert due(record, INSERT, NOW + timedelta(seconds=900))


def test_a_mailbox_that_changes_is_not_kept_waiting_by_its_earlier_failures() -> None:
    record = tried(held(ONE)[ONE.address], replace(INSERT, kind="replace"), Result.DEFERRED)
    assert due(record, HIDE, NOW)


@pytest.mark.parametrize(("result", "unsure"), [(Result.UNKNOWN, True), (Result.DEFERRED, False)])
def test_only_what_may_have_been_done_is_uncertain(result: Result, unsure: bool) -> None:
    assert tried(Record(ONE.address), INSERT, result).uncertain is unsure


def test_a_refusal_does_not_settle_what_an_earlier_attempt_may_have_done() -> None:
    record = tried(Record(ONE.address), INSERT, Result.UNKNOWN)
    assert tried(record, replace(INSERT, sure=False), Result.REJECTED, "refused").uncertain


@pytest.mark.parametrize("unsent", [True, False])
def test_a_run_that_was_killed_is_gone_on_with_at_once(unsent: bool) -> None:
    record = confirmed.woken(confirmed.sent(Record(ONE.address), INSERT, "", NOW), unsent=unsent)
    assert record.uncertain is not unsent
    assert due(record, INSERT, NOW)


def test_what_was_handed_over_is_not_handed_over_again_until_a_person_says_that_it_is_lost() -> None:
    record = tried(Record(ONE.address), INSERT, Result.HANDED)
    known = {ONE.address: record}
    assert difference(by_address(ONE), known) == ()
    assert confirmed.reopened(record, lost=False) is record
    again = {ONE.address: confirmed.reopened(record, lost=True)}
    (operation,) = difference(by_address(ONE), again)
    assert (operation.kind, due(again[ONE.address], operation, NOW)) == ("insert", True)


def test_a_change_of_what_was_handed_over_follows_it_in_the_next_file() -> None:
    record = tried(Record(ONE.address), INSERT, Result.HANDED)
    (operation,) = difference(by_address(replace(ONE, rank=1)), {ONE.address: record})
    assert (operation.kind, operation.before) == ("replace", ONE)


def test_somebody_is_tried_again_by_a_persons_word() -> None:
    for result in (Result.REJECTED, Result.DEFERRED, Result.UNKNOWN):
        record = tried(Record(ONE.address), INSERT, result)
        assert due(confirmed.reopened(record, lost=False), INSERT, NOW)


@pytest.mark.parametrize("result", Result)
def test_a_record_is_read_as_it_was_written(result: Result) -> None:
    record = replace(tried(held(ONE)[ONE.address], HIDE, result, "slug", 5), since=NOW, urgent_since=NOW)
    written = json.dumps(confirmed.plain(record), default=datetime.isoformat)
    assert confirmed.parse(json.loads(written)) == record


def test_a_listing_of_a_newer_release_is_read_as_far_as_it_is_known() -> None:
    told = json.loads(json.dumps(confirmed.plain(held(ONE)[ONE.address]), default=datetime.isoformat))
    told["confirmed"]["colour"] = "blue"
    assert confirmed.parse(told).confirmed == ONE


def test_states_of_attempts_are_words_that_people_read() -> None:
    assert [str(one) for one in State] == ["sent", "handed", "waiting", "rejected"]
