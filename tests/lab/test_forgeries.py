"""A proven operator that lies: spellings of senders and authors that programs read differently, messages in messages.

What nginx, the trust daemon, Postfix and a reader's program would each make of the same bytes must not differ: what can
be read in two ways is refused, and a message that hides another arrives as one.
"""

from __future__ import annotations

import secrets
import smtplib
from collections.abc import Iterator

import pytest
from letters import Peer
from people import LENS, PASTEUR

from vaguemestre.verify.correspondent import Correspondent, Smtp

SENDER, OURS = f"a@{LENS}", f"medecin@{PASTEUR}"

SENDERS = {
    "no brackets": SENDER,
    "a route through us": f"<@{PASTEUR}:{SENDER}>",
    "a route to us": f"<@{LENS}:{OURS}>",
    "two at signs": f"<a@{LENS}@{PASTEUR}>",
    "two addresses": f"<{SENDER}><{OURS}>",
    "ours, quoted": f'<"{OURS}"@{LENS}>',
    "ours by percent": f"<medecin%{PASTEUR}@{LENS}>",
    "ours by bang": f"<{PASTEUR}!a@{LENS}>",
    "a comment": f"<a@{LENS}({PASTEUR})>",
    "an address literal": "<a@[192.0.2.1]>",
    "no domain": "<a>",
    "a NUL": f"<a@{LENS}\0.{PASTEUR}>",
}

AUTHORS = {
    "only ours": f"From: <{OURS}>",
    "ours, folded": f"From:\r\n <{OURS}>",
    "ours, blank before the colon": f"From : <{OURS}>",
    "theirs, then ours with a blank": f"From: <{SENDER}>\r\nFrom : <{OURS}>",
    "theirs, then ours with a tab": f"From: <{SENDER}>\r\nFrom\t: <{OURS}>",
    "theirs, then ours in capitals": f"From: <{SENDER}>\r\nFROM: <{OURS}>",
    "theirs, then ours after a bare LF": f"From: <{SENDER}>\nFrom: <{OURS}>",
    "theirs, then ours after a bare CR": f"From: <{SENDER}>\rFrom: <{OURS}>",
    "both in one header": f"From: <{SENDER}>, <{OURS}>",
    "ours as the name": f'From: "{OURS}" <{SENDER}>',
    "ours as an encoded name": f"From: =?utf-8?q?medecin=40{PASTEUR}?= <{SENDER}>",
    "ours, encoded": f"From: =?utf-8?q?medecin=40{PASTEUR}?=",
    "ours as a comment": f"From: {SENDER} ({OURS})",
    "a group": f"From: x: <{SENDER}>;",
    "a route": f"From: <@{PASTEUR}:{SENDER}>",
    "a child of theirs": f"From: <a@enfant.{LENS}>",
    "none": "To: x",
    "none that is a header": f"Bonjour\r\nFrom: <{OURS}>",
}

# Ends of data that one server takes for the end and the next does not (smuggling).
FALSE_ENDS = {
    "LF dot LF": b"\n.\n",
    "LF dot CRLF": b"\n.\r\n",
    "CRLF dot LF": b"\r\n.\n",
    "CRLF dot CR": b"\r\n.\r",
    "CR dot CR": b"\r.\r",
}


@pytest.fixture
def session(national: Peer, anne: Correspondent) -> Iterator[Smtp]:
    """Lens, connected to port 25 of Evreux."""
    with national.session(anne.ip, anne.host) as opened:
        opened.ehlo("peer.essai.test")
        yield opened


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
def test_a_sender_that_can_be_read_in_two_ways_is_refused(session: Smtp, anne: Correspondent, sender: str) -> None:
    session.sock.sendall(f"MAIL FROM:{sender}\r\n".encode())
    code, _ = session.getreply()
    if code == 250:
        code, _ = session.docmd("RCPT", f"TO:<{anne.address}>")
    assert code >= 400


@pytest.mark.parametrize("head", AUTHORS.values(), ids=AUTHORS)
def test_an_author_other_than_the_sender_is_refused_however_it_is_spelt(
    session: Smtp, anne: Correspondent, head: str
) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        _send(session, anne, f"{head}\r\nSubject: essai\r\n\r\nBonjour\r\n".encode())
    assert refused.value.smtp_code == 550
    assert b"[VGM-20" in refused.value.smtp_error


@pytest.mark.parametrize("end", FALSE_ENDS.values(), ids=FALSE_ENDS)
def test_a_message_within_a_message_stays_there(session: Smtp, anne: Correspondent, end: bytes) -> None:
    outer, inner = secrets.token_hex(6), secrets.token_hex(6)
    hidden = (
        f"MAIL FROM:<{OURS}>\r\nRCPT TO:<{anne.address}>\r\nDATA\r\nFrom: <{OURS}>\r\nSubject: {inner}\r\n\r\nz\r\n"
    )
    whole = f"From: <{SENDER}>\r\nSubject: {outer}\r\n\r\nBonjour".encode() + end + hidden.encode()
    _send(session, anne, whole)
    anne.wait_for_subject(outer)
    assert session.noop()[0] == 250  # nothing of it was taken for commands
    with pytest.raises(AssertionError):
        anne.wait_for_subject(inner, seconds=1)


def _send(session: Smtp, to: Correspondent, content: bytes) -> None:
    """The bytes as they are: smtplib would mend their line ends."""
    session.mail(SENDER)
    session.rcpt(to.address)
    assert session.docmd("DATA")[0] == 354
    session.sock.sendall(content + b"\r\n.\r\n")
    code, text = session.getreply()
    if code != 250:
        raise smtplib.SMTPDataError(code, text)
