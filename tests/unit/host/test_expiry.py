"""What time does to mailboxes that have ended, and how far one day may go."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.mailboxes.bal import STATES, Domain, Mailbox, Retention, Site
from vaguemestre.host.mailboxes.expiry import Expired, expired, leaves

PASTEUR = "pasteur.test"
SITE = Site(
    {PASTEUR: Domain(PASTEUR, "Clinique Pasteur", "1270000999", 2048, retention=Retention(90, 275))},
    f"postmaster@{PASTEUR}",
)
NOW = "20261123030000Z"
BOX = Mailbox(f"anne@{PASTEUR}", "PER", created="20200101000000Z", display="Anne ESSAI")


def due(*boxes: Mailbox, now: str = NOW, max_purged: int = 100) -> Expired:
    return expired(boxes, SITE, now, max_purged)


def after(**known: str) -> list[tuple[str, str]]:
    return [(step[1].state, step[1].since) for step in due(replace(BOX, **known)).steps]


def test_a_closed_mailbox_is_quarantined_after_its_days_and_not_a_second_before() -> None:
    assert after(state="closed", since="20260825030000Z") == [("quarantined", NOW)]
    assert after(state="closed", since="20260825030001Z") == []


def test_a_quarantined_mailbox_is_purged_after_its_days_and_not_a_second_before() -> None:
    assert after(state="quarantined", since="20260221030000Z") == [("purged", NOW)]
    assert after(state="quarantined", since="20260221030001Z") == []


def test_however_long_ago_it_was_closed_nothing_is_purged_that_was_not_quarantined_for_its_days() -> None:
    (step,) = due(replace(BOX, state="closed", since="20000101000000Z", closed="20000101000000Z")).steps
    assert step[1].state == "quarantined"
    assert due(step[1]).steps == ()


def test_a_clock_that_was_ahead_for_a_night_only_makes_it_later() -> None:
    (step,) = due(replace(BOX, state="closed", since=NOW), now="20990101000000Z").steps
    assert due(step[1]).steps == ()


def test_no_more_than_the_inventory_says_are_purged_in_one_day_the_oldest_first() -> None:
    boxes = [
        replace(BOX, address=f"a{n}@{PASTEUR}", state="quarantined", since=f"2025010{9 - n}000000Z") for n in range(5)
    ]
    found = due(*boxes, max_purged=2)
    assert [step[0].local for step in found.steps] == ["a4", "a3"]
    assert found.waiting == 3
    assert due(*boxes, max_purged=0).steps == ()


def test_what_nobody_knows_the_delays_of_stays() -> None:
    strangers = replace(BOX, address="anne@elsewhere.test", state="closed", since="20000101000000Z")
    undated = replace(BOX, state="quarantined", since="")
    without_end = replace(BOX, state="quarantined", since="99991231000000Z")
    assert due(strangers, undated, without_end).steps == ()


def test_it_is_told_when_a_mailbox_goes_on() -> None:
    assert leaves(replace(BOX, state="closed", since="20261201120000Z"), Retention(90, 275)) == "20270301120000Z"
    assert leaves(replace(BOX, state="active", since=NOW), Retention()) is None


@given(st.sampled_from(STATES), st.datetimes())
def test_only_what_was_closed_ever_ends_by_itself(state: str, moment: object) -> None:
    since = f"{moment:%Y%m%d%H%M%SZ}".rjust(15, "0")
    for before, later in due(replace(BOX, state=state, since=since), now="99991231235959Z").steps:
        assert (before.state, later.state) in (("closed", "quarantined"), ("quarantined", "purged"))
