"""What is proven of access rules before they go live: every kind of mailbox, every attribute, everybody who may ask."""

from __future__ import annotations

import re

from golden.hosts import context

from roles import openldap
from vaguemestre.host.book.shown import CHOSEN, PUBLIC, PUBLISHED, READERS, WORDS
from vaguemestre.host.book.specimens import COLLEAGUE, OURS, PRIVATE, SERVED, TEAM, UNLISTED, proofs
from vaguemestre.host.mailboxes.bal import KINDS, RED_LIST, STATES
from vaguemestre.release import File

SCHEMA = next(
    item.content.decode()
    for item in openldap.items(context("fullest", "mail.ch-lens"))
    if isinstance(item, File) and item.path == openldap.SCHEMA
)
DEFINED = tuple(re.findall(r"attributetype \( \S+ NAME '(\w+)'", SCHEMA))
PROOFS = tuple(proofs(DEFINED))


def test_there_is_a_specimen_of_every_kind_state_and_wish() -> None:
    assert {one.kind for one in OURS} == set(KINDS)
    assert {one.state for one in OURS} == set(STATES)
    assert {one.redlist for one in OURS} == {*RED_LIST, ""}


def test_only_open_mailboxes_of_people_and_teams_on_no_red_list_are_shown() -> None:
    assert [one.name for one in OURS if one.shown] == ["colleague", "secretariat", "practice"]


def test_what_is_private_is_in_no_list_of_what_is_shown() -> None:
    assert not set(PRIVATE) & {*PUBLIC, *WORDS, *CHOSEN}
    assert not set(CHOSEN) & {*PUBLIC, *WORDS}
    assert "userPassword" not in {*PUBLISHED, *(name for more in READERS.values() for name in more)}


def test_of_a_hidden_mailbox_every_attribute_is_asked_for_at_the_lowest_level() -> None:
    asked = {one for proof in PROOFS if (proof.who, proof.entry) == ("", UNLISTED.dn) for one in proof.denied}
    assert {f"{name}/disclose" for name in (*DEFINED, *PUBLIC)} <= asked


def test_an_attribute_that_nobody_named_is_taken_for_private() -> None:
    (seen,) = (one for one in proofs(("vgmNewcomer",)) if (one.who, one.entry) == ("", COLLEAGUE.dn))
    assert "vgmNewcomer/disclose" in seen.denied


def test_colleagues_are_asked_about_as_strangers_are() -> None:
    assert {one.entry for one in PROOFS if one.who == COLLEAGUE.dn} >= {one.dn for one in OURS if one is not COLLEAGUE}


def test_a_secretariat_sees_whom_it_serves_and_nobody_else() -> None:
    seen = {one.entry for one in PROOFS if one.who == TEAM.dn and one.allowed}
    unseen = {one.entry for one in PROOFS if one.who == TEAM.dn and not one.allowed}
    assert seen == {SERVED.dn}
    assert UNLISTED.dn in unseen


def test_nobody_is_ever_proven_able_to_read_a_password() -> None:
    assert not [one for one in PROOFS if {"userPassword/read", "userPassword/compare"} & set(one.allowed)]
