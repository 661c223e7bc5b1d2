"""People's filters (Sieve): what they may send, and what stays when they may not."""

from __future__ import annotations

import secrets
import time

import pytest
from people import OUTSIDER, empty_queues, open_mailbox

from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.filters import filtering, keep


@pytest.mark.usefixtures("never_outside")
@pytest.mark.parametrize("to", ["outside", "peer"])
def test_a_filter_forwards_to_nobody_elses_domain_and_the_message_stays(
    to: str, pasteur: Mailboxes, anne: Correspondent, paul: Correspondent, lab: Lab
) -> None:
    bernard = open_mailbox(pasteur, "bernard")
    keep(bernard, f'redirect "{paul.address if to == "peer" else OUTSIDER}";')
    message_id = anne.send(bernard.address, "Reste ici")
    bernard.wait_for(message_id)
    empty_queues(lab, bernard.host)
    with pytest.raises(AssertionError):
        paul.wait_for(message_id, seconds=1)


def test_a_filter_may_forward_to_a_colleague_in_the_forwarders_name(pasteur: Mailboxes, paul: Correspondent) -> None:
    """Even what came from another operator, whose name it could not be sent on with."""
    bernard, colleague = open_mailbox(pasteur, "bernard"), open_mailbox(pasteur, "collegue")
    keep(bernard, f'redirect "{colleague.address}";')
    forwarded = colleague.wait_for(paul.send(bernard.address, "Pour la garde"))
    assert forwarded["Return-Path"] == f"<{bernard.address}>"
    assert forwarded["From"] == paul.address


def test_two_colleagues_who_forward_to_each_other_make_no_loop(
    pasteur: Mailboxes, anne: Correspondent, lab: Lab
) -> None:
    first, second = open_mailbox(pasteur, "premier"), open_mailbox(pasteur, "second")
    keep(first, f'redirect "{second.address}";')
    keep(second, f'redirect "{first.address}";')
    message_id = anne.send(first.address, "Tourne en rond")
    time.sleep(2)
    empty_queues(lab, first.host)
    found = [_holds(one, message_id) for one in (first, second)]
    assert sum(found) == 1, f"found {found} times"


def _holds(person: Correspondent, message_id: str) -> int:
    with person.imap() as session:
        return len(session.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split())


def test_an_absent_professional_answers_a_peer(pasteur: Mailboxes, paul: Correspondent) -> None:
    """An automatic answer has no sender (RFC 5230); it goes where its writer could have written."""
    ida, subject = open_mailbox(pasteur, "ida"), f"Absence {secrets.token_hex(4)}"
    script = f'require "vacation"; vacation :subject "{subject}" "Je suis absente.";'
    with filtering(ida, script):
        ida.wait_for(paul.send(ida.address, "Une question"))
        answer = paul.wait_for_subject(subject)
    assert answer["From"] == ida.address
    assert answer["Return-Path"] == "<>"


def test_the_establishments_filters_go_before_a_persons_own(lab: Lab, pasteur: Mailboxes, anne: Correspondent) -> None:
    ida = open_mailbox(pasteur, "ida")
    own = 'require "imap4flags"; addflag "personal";'
    keep(ida, own)
    first = 'require "imap4flags"; if header "subject" "Les deux" { addflag "establishment"; }'
    script = "/etc/dovecot/sieve/before/10-essai.sieve"
    lab.exec(ida.host, ["tee", script], stdin=first.encode())
    try:
        ida.wait_for(anne.send(ida.address, "Les deux"))
        ida.wait_for(anne.send(ida.address, "Le sien seul"))
    finally:
        lab.exec(ida.host, ["rm", script])
    with ida.imap() as session:
        assert session.search(None, "KEYWORD establishment")[1] == [b"1"]
        assert session.search(None, "KEYWORD personal")[1] == [b"1 2"]
