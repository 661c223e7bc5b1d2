"""A list of staff on a running operator: people come, change, leave and return, and nobody goes by mistake."""

from __future__ import annotations

import imaplib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from people import PASTEUR, open_mailbox
from terminal import Typed

from vaguemestre.host.mailboxes.holder import luhn
from vaguemestre.verbs.mailbox import MailboxError, Mailboxes
from vaguemestre.verify.correspondent import Correspondent

ESTABLISHMENT = "clinique-pasteur-evreux"


@dataclass
class Staff:
    """Four invented people of the Clinique Pasteur and the list that names them."""

    file: Path
    vaguemestre: Callable[..., Typed]
    people: dict[str, str] = field(default_factory=dict)  # address -> RPPS

    def __post_init__(self) -> None:
        run = secrets.token_hex(3)
        for number in range(4):
            start = f"1{secrets.randbelow(10**9):09}"
            rpps = next(whole for key in range(10) if luhn(whole := f"{start}{key}"))
            self.people[f"agent{number}-{run}@{PASTEUR}"] = rpps

    def listing(self, *addresses: str, service: str = "Urgences") -> Staff:
        lines = [f"{address};{self.people[address]};ESSAI;Agent;{service}" for address in addresses]
        self.file.write_text("\n".join(["Adresse MSSanté;N° RPPS;Nom;Prénom;Service", *lines, ""]))
        return self

    def imported(self, *options: str, code: int = 0) -> dict[str, Any]:
        typed = self.vaguemestre("mailbox", "import", str(self.file), ESTABLISHMENT, "--json", *options)
        assert typed.code == code, typed.screen
        return dict(typed.json)


@pytest.fixture(scope="module")
def staff(
    tmp_path_factory: pytest.TempPathFactory, vaguemestre: Callable[..., Typed], pasteur: Mailboxes
) -> Iterator[Staff]:
    everybody = Staff(tmp_path_factory.mktemp("staff") / "staff.csv", vaguemestre)
    yield everybody
    for address in everybody.people:
        with suppress(MailboxError):  # some are closed already
            pasteur.move("close", address)


def states(pasteur: Mailboxes, staff: Staff) -> dict[str, str]:
    return {box.address: box.state for box in pasteur.list(domain=PASTEUR).mailboxes if box.address in staff.people}


def stay_in(session: imaplib.IMAP4) -> None:
    for _ in range(20):
        session.noop()
        time.sleep(0.25)


def actions(said: dict[str, Any]) -> dict[str, str]:
    return {step["address"]: step["action"] for step in said["plan"]["steps"]}


def test_people_come_change_leave_and_return_and_nobody_goes_by_mistake(
    staff: Staff, pasteur: Mailboxes, anne: Correspondent
) -> None:
    everybody = list(staff.people)
    by_hand = open_mailbox(pasteur, "service")

    # a dry run tells and does nothing
    told = staff.listing(*everybody).imported("--dry-run", code=3)
    assert actions(told) == dict.fromkeys(everybody, "open")
    assert states(pasteur, staff) == {}

    # they come, with passwords that work, and a second night has nothing to do
    handout = staff.file.with_name("passwords")
    assert staff.imported("--passwords", str(handout))["done"]["open"] == 4
    passwords = dict(line.split(";") for line in handout.read_text().splitlines()[1:])
    assert set(passwords) == set(everybody)
    leaver = Correspondent(everybody[0], passwords[everybody[0]], anne.host, anne.ip, anne.anchors)
    leaver.imap().logout()
    assert actions(staff.imported()) == {}

    # one leaves: out at once, though mail still arrives; the others change
    session = leaver.imap()
    said = staff.listing(*everybody[1:], service="Bloc").imported()
    assert actions(said) == {everybody[0]: "suspend"} | dict.fromkeys(everybody[1:], "change")
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        stay_in(session)
    waiting = anne.send(leaver.address, "Attend son retour")

    # less than half a list, then an empty one: nothing is done
    before = states(pasteur, staff)
    part = staff.listing(everybody[1], service="Réanimation").imported(code=2)
    assert "--accept-closing 2" in part["too_many"]
    assert staff.listing().imported(code=2)["result"] == "wrong"
    assert states(pasteur, staff) == before

    # whoever returns finds the mail that waited, with the password of old; what people made by hand is untouched
    said = staff.listing(*everybody, service="Bloc").imported()
    assert actions(said) == {everybody[0]: "reactivate"}
    leaver.wait_for(waiting)
    by_hand.imap().logout()


def test_a_closed_address_is_told_with_its_line_and_nothing_is_done(staff: Staff, pasteur: Mailboxes) -> None:
    everybody = list(staff.people)
    pasteur.move("close", everybody[3])
    before = states(pasteur, staff)
    said = staff.listing(*everybody, service="Réanimation").imported(code=2)
    assert [(one["line"], one["field"]) for one in said["problems"]] == [(5, "address (Adresse MSSanté)")]
    assert states(pasteur, staff) == before
