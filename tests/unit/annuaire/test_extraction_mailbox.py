"""One address on several lines is one mailbox; what is remembered of it depends on what is said, not on how."""

from __future__ import annotations

import random

import pytest
from entries import DOCTOR, TEAM
from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.host.annuaire.gathering import mailboxes
from vaguemestre.host.annuaire.line import Line
from vaguemestre.host.annuaire.mailbox import KINDS, fingerprint, mark, merged, text, united

ELSEWHERE = DOCTOR._replace(structure="990000002", legal_name="CENTRE FICTIF", paperless="N")
LINES = st.builds(
    lambda kind, paperless, city, name: DOCTOR._replace(kind=kind, paperless=paperless, routing=city, family_name=name),
    st.sampled_from(KINDS), st.sampled_from(["O", "N", ""]), st.text("ABÉ ", max_size=3), st.text("ABÉ ", max_size=3),
)  # fmt: skip


def test_several_lines_of_an_address_are_several_activities() -> None:
    mailbox = merged([ELSEWHERE.mailbox, DOCTOR.mailbox, ELSEWHERE.mailbox])
    assert [one.structure for one in mailbox.activities] == ["990000001", "990000002"]
    assert mailbox == merged([DOCTOR.mailbox, ELSEWHERE.mailbox])


def test_paper_is_still_wanted_where_activities_disagree() -> None:
    silent = ELSEWHERE._replace(paperless="")
    assert merged([DOCTOR.mailbox, ELSEWHERE.mailbox]).paperless is False
    assert merged([DOCTOR.mailbox, silent.mailbox]).paperless is True
    assert silent.mailbox.paperless is None


def test_a_person_is_believed_before_a_team_of_the_same_address() -> None:
    team = TEAM._replace(address=DOCTOR.address)
    assert merged([team.mailbox, DOCTOR.mailbox]) == DOCTOR.mailbox


def test_two_addresses_are_not_one_mailbox() -> None:
    with pytest.raises(ValueError, match="too many"):
        merged([DOCTOR.mailbox, TEAM.mailbox])


@settings(max_examples=40, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_fingerprint_of_lines_is_that_of_the_mailbox_in_any_order(lines: list[Line], draw: random.Random) -> None:
    mailbox = merged(one.mailbox for one in lines)
    draw.shuffle(lines)
    assert united(mark(one.kind, one.text) for one in lines) == fingerprint(mailbox)


@settings(max_examples=40, deadline=None)
@given(LINES, LINES)
def test_two_mailboxes_have_one_fingerprint_only_if_they_are_alike(one: Line, other: Line) -> None:
    assert (fingerprint(one.mailbox) == fingerprint(other.mailbox)) == (one == other)


@given(LINES)
def test_a_line_says_its_text_without_making_a_mailbox(line: Line) -> None:
    assert line.text == text(line.mailbox.activities[0])


def test_whoever_loads_gets_each_mailbox_once() -> None:
    found = list(mailboxes([DOCTOR, TEAM, ELSEWHERE], several={DOCTOR.address}))
    assert found == [TEAM.mailbox, merged([DOCTOR.mailbox, ELSEWHERE.mailbox])]


def test_whoever_loads_a_delta_gets_only_what_is_wanted() -> None:
    found = list(mailboxes([DOCTOR, TEAM, ELSEWHERE], several={DOCTOR.address}, wanted={TEAM.address}))
    assert found == [TEAM.mailbox]
