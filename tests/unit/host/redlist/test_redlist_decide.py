"""Who reaches a professional directly, whose mail the secretariat reads, and what waits: the rule itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.mailboxes.bal import RED_LIST, STATES
from vaguemestre.host.redlist.decide import WHY, Box, Door, House, Letter, Verdict, Way, decide, trouble

OURS, HOSTED, PEER = "ch-ici.test", "clinique-hebergee.test", "labo.test"
HOUSES = {
    OURS: House("ch-ici"),
    f"kine.{OURS}": House("ch-ici"),
    HOSTED: House("clinique", own_staff_direct=False, correspondent_days=30),
}
ANNE, DESK, COLLEAGUE = f"anne@{OURS}", f"secretariat@{OURS}", f"paul@kine.{OURS}"
STRANGER = f"inconnu@{PEER}"
PROTECTED = Box("active", "secretariat", DESK)
OPEN = Box("active", "none")


@dataclass
class Here:
    """Our people, and whom they wrote to."""

    boxes: dict[str, Box] = field(default_factory=lambda: {ANNE: PROTECTED, DESK: OPEN, COLLEAGUE: OPEN})
    away: bool = False
    written: tuple[tuple[str, str], ...] = ()
    reporter: bool = False
    asked_days: list[int] = field(default_factory=list)

    def known(self) -> bool:
        return not self.away

    def box(self, address: str) -> Box | None:
        return self.boxes.get(address)

    def wrote(self, mailbox: str, correspondent: str, days: int) -> bool:
        self.asked_days.append(days)
        return (mailbox, correspondent) in self.written

    def may_report(self, mailbox: str, days: int) -> bool:
        self.asked_days.append(days)
        return self.reporter

    def says(self, sender: str, recipient: str = ANNE, door: Door = Door.EDGE) -> Verdict:
        return decide(Letter(sender, recipient, door), self, self, HOUSES)

    def protects(self, address: str, box: Box) -> Here:
        self.boxes[address] = box
        return self


def test_a_stranger_of_another_operator_is_led_to_the_secretariat() -> None:
    assert Here().says(STRANGER) == Verdict(Way.SECRETARIAT, "stranger", DESK)


def test_what_the_professional_wishes_to_be_told_travels_with_the_verdict() -> None:
    assert Here().protects(ANNE, replace(PROTECTED, notice="told")).says(STRANGER).notice == "told"


@pytest.mark.parametrize("rule", ["none", "unlisted", ""])
def test_mail_arrives_whatever_searches_show(rule: str) -> None:
    assert Here().protects(ANNE, Box("active", rule, DESK)).says(STRANGER) == Verdict(Way.DIRECT, "open")


@pytest.mark.parametrize(
    ("sender", "door", "way", "why"),
    [
        (COLLEAGUE, Door.SUBMISSION, Way.DIRECT, "own_staff"),
        (COLLEAGUE, Door.INSIDE, Way.DIRECT, "own_staff"),
        (COLLEAGUE, Door.EDGE, Way.SECRETARIAT, "stranger"),  # another operator that shares the domain
        (f"jean@{HOSTED}", Door.SUBMISSION, Way.SECRETARIAT, "stranger"),  # the same host, another house
        (DESK, Door.SUBMISSION, Way.DIRECT, "secretariat"),
        (DESK, Door.INSIDE, Way.DIRECT, "secretariat"),
        (ANNE, Door.SUBMISSION, Way.DIRECT, "self"),
        (ANNE, Door.EDGE, Way.SECRETARIAT, "stranger"),
        ("", Door.INSIDE, Way.DIRECT, "machine"),
        ("", Door.EDGE, Way.SECRETARIAT, "stray_report"),
    ],
)
def test_our_own_peoples_names_count_at_our_own_doors(sender: str, door: Door, way: Way, why: str) -> None:
    found = Here().says(sender, door=door)
    assert (found.way, found.why) == (way, why)


def test_where_own_staff_may_not_write_directly_only_the_secretariat_does() -> None:
    jean, desk = f"jean@{HOSTED}", f"accueil@{HOSTED}"
    here = Here().protects(jean, Box("active", "secretariat", desk)).protects(desk, OPEN)
    assert here.says(f"marie@{HOSTED}", jean, Door.SUBMISSION).way is Way.SECRETARIAT
    assert here.says(desk, jean, Door.SUBMISSION).why == "secretariat"
    assert here.says(jean, jean, Door.SUBMISSION).why == "self"


def test_who_was_written_to_lately_answers_directly() -> None:
    here = Here(written=((ANNE, STRANGER),))
    assert here.says(STRANGER) == Verdict(Way.DIRECT, "correspondent")
    assert here.says(f"autre@{PEER}").way is Way.SECRETARIAT


def test_lately_is_what_the_persons_establishment_says() -> None:
    jean = f"jean@{HOSTED}"
    here = Here().protects(jean, Box("active", "secretariat", DESK))
    here.says(STRANGER, jean)
    here.says(STRANGER)
    here.says("")
    assert here.asked_days == [30, 180, 180]


@pytest.mark.parametrize("entry", [STRANGER, f"@{PEER}"])
def test_the_allow_list_names_people_and_whole_domains(entry: str) -> None:
    here = Here().protects(ANNE, replace(PROTECTED, allowed=frozenset({entry})))
    assert here.says(STRANGER).why == "allowed"
    assert here.says("x@sous.labo.test").way is Way.SECRETARIAT


def test_a_report_passes_when_its_operator_was_written_to() -> None:
    assert Here(reporter=True).says("") == Verdict(Way.DIRECT, "report")


def test_no_entry_of_the_allow_list_lets_every_report_pass() -> None:
    here = Here().protects(ANNE, replace(PROTECTED, allowed=frozenset({"", "@"})))
    assert here.says("").way is Way.SECRETARIAT


@pytest.mark.parametrize(
    ("desk", "why"),
    [
        (None, "secretariat_missing"),
        (Box("closed", "none"), "secretariat_closed"),
        (Box("requested", "none"), "secretariat_closed"),
        (Box("active", "secretariat", ANNE), "secretariat_protected"),
    ],
)
def test_without_a_secretariat_that_receives_mail_waits(desk: Box | None, why: str) -> None:
    here = Here()
    here.boxes.pop(DESK)
    if desk:
        here.protects(DESK, desk)
    assert here.says(STRANGER) == Verdict(Way.DEFER, why, DESK)
    assert here.says(COLLEAGUE, door=Door.SUBMISSION).way is Way.DIRECT


@pytest.mark.parametrize("state", ["active", "suspended"])
def test_a_secretariat_that_receives_gets_the_mail(state: str) -> None:
    assert Here().protects(DESK, Box(state, "unlisted")).says(STRANGER).way is Way.SECRETARIAT


def test_nobody_is_his_own_secretariat() -> None:
    assert Here().protects(ANNE, replace(PROTECTED, secretariat=ANNE)).says(STRANGER).why == "secretariat_protected"


def test_what_is_not_known_waits() -> None:
    assert Here(away=True).says(STRANGER).way is Way.DEFER
    assert Here(away=True).says(STRANGER, COLLEAGUE).way is Way.DEFER
    assert Here().says(STRANGER, f"nouveau@{OURS}") == Verdict(Way.DEFER, "not_known_yet")


def test_functions_and_other_operators_people_are_nobodys_to_protect() -> None:
    assert Here(away=True).says(STRANGER, f"postmaster@{OURS}").why == "role"
    assert Here(away=True).says(ANNE, STRANGER, Door.SUBMISSION).why == "elsewhere"


BOXES = st.builds(
    Box,
    st.sampled_from(STATES),
    st.sampled_from((*RED_LIST, "")),
    st.sampled_from((ANNE, DESK, COLLEAGUE, "", "personne@ailleurs.test")),
    st.frozensets(st.sampled_from((STRANGER, f"@{PEER}", "", "@")), max_size=3),
)


@given(BOXES, BOXES, st.sampled_from((STRANGER, ANNE, DESK, "")), st.sampled_from(Door), st.booleans())
def test_mail_never_ends_in_a_mailbox_that_does_not_read_it(
    anne: Box, desk: Box, sender: str, door: Door, away: bool
) -> None:
    """Whatever the directory holds: to the person, to an open secretariat that is under no secretariat, or it waits."""
    here = Here({ANNE: anne, DESK: desk}, away=away)
    found = here.says(sender, door=door)
    assert found.why in WHY
    if found.way is Way.SECRETARIAT:
        last = here.boxes[found.secretariat]
        assert found.secretariat != ANNE
        assert last.state in ("active", "suspended")
        assert last.redlist != "secretariat"
        assert not trouble(anne, here)
    if away:
        assert found.way is Way.DEFER
