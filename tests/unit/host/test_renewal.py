"""Mailboxes of an older release come under a rule of the red list, and nobody's mail takes another way by that."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import pytest

from vaguemestre.host.mailboxes import renewal
from vaguemestre.host.mailboxes.bal import Domain, Mailbox, RedListRules, Site
from vaguemestre.host.mailboxes.renewal import due, renew, without_rule

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


@dataclass
class Directory:
    """Mailboxes by address; of those in `lost` the words are missing."""

    boxes: dict[str, Mailbox]
    lost: set[str]
    written: list[str] = field(default_factory=list)

    def all(self) -> list[Mailbox]:
        return list(self.boxes.values())

    def found_wrongly(self) -> list[Mailbox]:
        return [self.boxes[one] for one in sorted(self.lost)]

    def find_by(self, box: Mailbox) -> None:
        self.written.append(box.address)
        self.lost.discard(box.address)

    def change(self, _: Mailbox, after: Mailbox) -> None:
        self.boxes[after.address] = after
        self.find_by(after)


def test_each_mailbox_is_written_once_and_what_is_right_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "one_entry", nullcontext)
    right = replace(DESK, address="right@lens.test")
    directory = Directory({one.address: one for one in (ANNE, DESK, right)}, {ANNE.address, DESK.address})
    here = site("unlisted")
    assert renew(directory, due(directory, here)) == []  # type: ignore[arg-type]
    assert sorted(directory.written) == sorted([ANNE.address, DESK.address])
    assert directory.boxes[ANNE.address].redlist == "unlisted"
    assert due(directory, here) == []  # type: ignore[arg-type]
