"""A mailbox: what each kind needs, that it keeps its holder, and the one way through its life."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.mailboxes.bal import (
    ENDED,
    IMPORT,
    KINDS,
    NEXT,
    STATES,
    Domain,
    Mailbox,
    Refused,
    Site,
    may_log_in,
    moved,
    plain,
    restored,
)
from vaguemestre.host.mailboxes.opening import free_again, opened

NOW, LATER = "20261123030000Z", "20261124030000Z"
SITE = Site({"pasteur.test": Domain("pasteur.test", "Clinique Pasteur", "1270000999", 2048)}, "postmaster@pasteur.test")
PERSON = Mailbox("anne@pasteur.test", "PER", person="10009990010", given="Anne", surname="ESSAI")


def open_new(box: Mailbox) -> Mailbox:
    return opened(box, SITE, None, NOW)


def test_a_new_mailbox_is_open_dated_and_has_the_establishments_quota() -> None:
    box = open_new(PERSON)
    assert (box.state, box.since, box.created, box.quota_mib, box.display) == ("active", NOW, NOW, 2048, "Anne ESSAI")


def test_an_address_is_kept_in_small_letters() -> None:
    assert open_new(replace(PERSON, address=" Anne@Pasteur.TEST ")).address == "anne@pasteur.test"


@pytest.mark.parametrize("kind", ["ORG", "APP"])
def test_a_mailbox_of_a_structure_belongs_to_its_domains_structure_unless_told_otherwise(kind: str) -> None:
    assert open_new(Mailbox("urgences@pasteur.test", kind)).structure == "1270000999"
    assert open_new(Mailbox("urgences@pasteur.test", kind, structure="3" + "0" * 14)).structure == "3" + "0" * 14


def structured(text: str) -> Mailbox:
    return Mailbox("urgences@pasteur.test", "ORG", structure=text)


WRONG = [
    (replace(PERSON, person=""), "RPPS, 11 digits"),
    (replace(PERSON, person="1000999000"), "RPPS, 11 digits"),
    (replace(PERSON, person="10009990011"), "key of the RPPS does not fit"),
    (replace(PERSON, person="3270000999/"), "up to 32 letters"),
    (replace(PERSON, person="9270000999/12"), "up to 32 letters"),
    (replace(PERSON, kind="XYZ"), "no kind of mailbox"),
    (replace(PERSON, kind="ORG"), "leave --rpps away"),
    (Mailbox("cabinet@pasteur.test", "CAB"), "needs a description"),
    (structured("270000999"), "neither 1 and a FINESS nor 3 and a SIRET"),
    (structured("3123"), "neither 1 and a FINESS nor 3 and a SIRET"),
    (replace(PERSON, address="anne@elsewhere.test"), "served are: pasteur.test"),
    (replace(PERSON, address="anne"), "is no address: write it whole"),
    (replace(PERSON, address="@pasteur.test"), "begin and end with a letter or digit"),
    (replace(PERSON, address="an ne@pasteur.test"), "begin and end with a letter or digit"),
    (replace(PERSON, address="anne/../paul@pasteur.test"), "begin and end with a letter or digit"),
    (replace(PERSON, address="../anne@pasteur.test"), "begin and end with a letter or digit"),
    (replace(PERSON, address="anne..essai@pasteur.test"), "no two dots"),
    (replace(PERSON, address="hélène@pasteur.test"), "begin and end with a letter or digit"),
    (replace(PERSON, address="abuse@pasteur.test"), "is led to postmaster@pasteur.test"),
]


@pytest.mark.parametrize(("box", "said"), WRONG)
def test_what_is_wrong_is_said_with_the_way_out(box: Mailbox, said: str) -> None:
    with pytest.raises(Refused, match=said):
        open_new(box)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Refused) as refused:
        open_new(replace(PERSON, address="an ne@elsewhere.test", person=""))
    assert len(str(refused.value).splitlines()) == 3


@given(st.text(alphabet="az09._+-/@\\ é*()", max_size=20))
def test_no_address_that_is_accepted_can_leave_its_folder_or_its_filter(local: str) -> None:
    try:
        accepted = open_new(replace(PERSON, address=f"{local}@pasteur.test")).address
    except Refused:
        return
    assert not set("/\\*() @") & set(accepted.removesuffix("@pasteur.test"))
    assert not accepted.startswith(".")


def test_adding_the_same_again_changes_nothing() -> None:
    box = open_new(PERSON)
    assert opened(PERSON, SITE, box, LATER) is box


def test_a_suspended_mailbox_is_not_opened_by_adding_it_again() -> None:
    suspended = moved(open_new(PERSON), "suspended", LATER)
    assert opened(PERSON, SITE, suspended, LATER).state == "suspended"


@pytest.mark.parametrize("other", [replace(PERSON, person="10009990028"), Mailbox(PERSON.address, "ORG")])
def test_an_address_keeps_its_holder_and_its_kind(other: Mailbox) -> None:
    with pytest.raises(Refused, match="never changes"):
        opened(other, SITE, open_new(PERSON), LATER)


@pytest.mark.parametrize("state", ENDED)
def test_an_address_that_was_closed_is_not_given_again_not_even_to_its_first_holder(state: str) -> None:
    tombstone = replace(open_new(PERSON), state=state, closed=NOW)
    with pytest.raises(Refused, match="not given again before 20361123"):
        opened(PERSON, SITE, tombstone, LATER)


def test_long_after_it_was_purged_an_address_begins_anew_with_nothing_of_its_first_holders() -> None:
    tombstone = life(open_new(replace(PERSON, service="Urgences")), "closed", "quarantined", "purged")
    newcomer = replace(PERSON, person="10009990028", given="Paul")
    begun = opened(newcomer, SITE, tombstone, "20361124030000Z")
    assert (begun.person, begun.display, begun.service, begun.state) == ("10009990028", "Paul ESSAI", "", "active")
    assert begun.created == "20361124030000Z"
    assert begun.closed == ""
    with pytest.raises(Refused, match="not given again"):
        opened(newcomer, SITE, tombstone, "20361124025959Z")


@pytest.mark.parametrize("state", ["closed", "quarantined"])
def test_an_address_is_not_free_before_its_mail_is_gone_however_long_that_takes(state: str) -> None:
    with pytest.raises(Refused, match="restore"):
        opened(PERSON, SITE, replace(open_new(PERSON), state=state, closed=NOW), "20990101000000Z")


def test_the_delay_counts_from_the_closing_which_an_older_release_did_not_record() -> None:
    quarantined = life(open_new(PERSON), "closed", "quarantined", now=LATER)
    assert quarantined.closed == LATER
    assert free_again(replace(quarantined, closed="", since=NOW), SITE) == "20361123030000Z"


def test_a_tombstone_says_to_whom_the_address_was_given_and_nothing_more_of_the_person() -> None:
    box = replace(open_new(PERSON), service="Urgences", description="x", senders=("a@pasteur.test",), redlist="none")
    assert plain(life(box, "closed", "quarantined", "purged")) == {
        "address": box.address, "kind": "PER", "person": box.person, "state": "purged",
        "created": NOW, "since": LATER, "closed": LATER,
    }  # fmt: skip


def life(box: Mailbox, *states: str, now: str = LATER) -> Mailbox:
    for state in states:
        box = moved(box, state, now)
    return box


@pytest.mark.parametrize("state", ENDED)
def test_nothing_but_restoring_leads_back_from_the_end(state: str) -> None:
    reachable, todo = set(), [state]
    while todo:
        todo.extend(new := [one for one in NEXT[todo.pop()] if one not in reachable])
        reachable.update(new)
    assert reachable <= set(ENDED)


@pytest.mark.parametrize("state", STATES)
def test_what_was_closed_is_restored_to_its_holder_until_its_mail_is_gone(state: str) -> None:
    box = replace(open_new(PERSON), state=state, closed=NOW, origin=IMPORT, state_by=IMPORT)
    if state in ("closed", "quarantined"):
        back = restored(box, LATER)
        assert (back.state, back.since, back.closed, back.person) == ("active", LATER, "", box.person)
        assert (back.origin, back.state_by) == ("", "")  # somebody's work, which no list undoes
    else:
        with pytest.raises(Refused, match=state):
            restored(box, LATER)


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("end", STATES)
def test_life_goes_where_it_may_and_is_dated(start: str, end: str) -> None:
    box = replace(open_new(PERSON), state=start)
    if end == start:
        assert moved(box, end, LATER) is box
    elif end in NEXT[start]:
        assert (moved(box, end, LATER).state, moved(box, end, LATER).since) == (end, LATER)
    else:
        with pytest.raises(Refused, match=f"not {end}"):
            moved(box, end, LATER)


def test_what_people_decide_about_a_mailbox_that_an_import_suspended_is_theirs() -> None:
    by_import = moved(replace(open_new(PERSON), origin=IMPORT), "suspended", LATER, IMPORT)
    assert (by_import.origin, by_import.state_by) == (IMPORT, IMPORT)
    kept_shut, opened_again = moved(by_import, "suspended", LATER), moved(by_import, "active", LATER)
    assert (kept_shut.origin, kept_shut.state_by) == (IMPORT, "")  # and no import opens it
    assert (opened_again.origin, opened_again.state_by) == ("", "")  # and no import suspends it
    by_list = moved(by_import, "active", LATER, IMPORT)
    assert (by_list.origin, by_list.state_by) == (IMPORT, "")


@pytest.mark.parametrize("state", STATES)
def test_a_password_is_for_those_who_can_log_in_or_soon_may_again(state: str) -> None:
    box = replace(open_new(PERSON), state=state)
    if state in ("active", "suspended"):
        assert may_log_in(box) is box
    else:
        with pytest.raises(Refused, match="nobody can log in"):
            may_log_in(box)


def test_the_kinds_are_the_nations() -> None:
    assert tuple(KINDS) == ("PER", "ORG", "APP", "CAB")
