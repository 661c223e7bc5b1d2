"""Mailboxes of an older release come under a rule of the red list, and nobody's mail takes another way by that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vaguemestre.host.mailboxes.bal import Domain, Mailbox, RedListRules, Site
from vaguemestre.host.mailboxes.renewal import without_rule

DESK = Mailbox("bloc@lens.test", "ORG", redlist="none")
ANNE = Mailbox("anne@lens.test", "PER", person="10009990010")


def site(rule: str, secretariat: str = "") -> Site:
    rules = RedListRules(rule, True, secretariat)
    return Site(
        {"lens.test": Domain("lens.test", "CH de Lens", "1620000999", 1, redlist=rules)}, "postmaster@lens.test"
    )


def rule(box: Mailbox, here: Site, *others: Mailbox) -> tuple[str, str]:
    (found,) = [after for before, after in without_rule([box, *others], here) if before is box]
    return found.redlist, found.secretariat


@pytest.mark.parametrize(
    ("default", "secretariat", "desk", "expected"),
    [
        ("none", "", DESK, ("none", "")),
        ("unlisted", "", DESK, ("unlisted", "")),
        ("secretariat", DESK.address, DESK, ("secretariat", DESK.address)),
        ("secretariat", DESK.address, replace(DESK, state="closed"), ("unlisted", "")),
        ("secretariat", "nobody@lens.test", DESK, ("unlisted", "")),
        ("secretariat", "", DESK, ("unlisted", "")),
        ("secretariat", ANNE.address, DESK, ("unlisted", "")),
    ],
)
def test_people_come_under_the_rule_of_their_establishment_as_far_as_their_mail_arrives(
    default: str, secretariat: str, desk: Mailbox, expected: tuple[str, str]
) -> None:
    assert rule(ANNE, site(default, secretariat), desk) == expected


def test_teams_and_programs_are_found_and_people_of_a_domain_that_left_stay_hidden() -> None:
    assert rule(replace(DESK, redlist=""), site("unlisted")) == ("none", "")
    assert rule(replace(ANNE, address="anne@gone.test"), site("none")) == ("unlisted", "")


def test_what_was_chosen_or_has_ended_stays_as_it_is() -> None:
    boxes = [replace(ANNE, redlist="none"), replace(ANNE, address="b@lens.test", state="closed"), DESK]
    assert without_rule(boxes, site("unlisted")) == []
