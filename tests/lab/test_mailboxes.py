"""A mailbox's life: who gets in, who is refused and with which words, what an administrator sees."""

from __future__ import annotations

import imaplib
import secrets
import smtplib
import time
from collections.abc import Callable

import pytest
from letters import Edge, Peer
from people import LENS, PASTEUR, open_mailbox
from terminal import Typed

from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import MailboxError, Mailboxes
from vaguemestre.verify.correspondent import Correspondent


def test_a_suspended_mailbox_receives_but_nobody_gets_in(pasteur: Mailboxes, anne: Correspondent) -> None:
    claire = open_mailbox(pasteur, "claire")
    session = claire.imap()
    pasteur.suspend(claire.address)
    with pytest.raises(imaplib.IMAP4.abort):  # who was in is put out
        _stay_in(session)
    with pytest.raises(imaplib.IMAP4.error):
        claire.imap()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        claire.submission()
    message_id = anne.send(claire.address, "Attend son retour")
    pasteur.move("activate", claire.address)
    claire.wait_for(message_id)


def _stay_in(session: imaplib.IMAP4) -> None:
    for _ in range(20):
        session.noop()
        time.sleep(0.25)


def test_a_closed_mailbox_says_so_and_its_address_is_never_given_again(
    edge: Edge, national: Peer, pasteur: Mailboxes
) -> None:
    david = open_mailbox(pasteur, "david")
    pasteur.move("close", david.address)
    code, text = edge(national, f"a@{LENS}", david.address)
    assert code == 550
    assert "5.2.1" in text
    assert "fermee" in text
    with pytest.raises(imaplib.IMAP4.error):
        david.imap()
    with pytest.raises(MailboxError, match="not given again"):
        pasteur.add(david.address, "--type=APP")
    with pytest.raises(MailboxError, match="closed"):
        pasteur.move("activate", david.address)


def test_a_full_mailbox_refuses_at_once(edge: Edge, national: Peer, pasteur: Mailboxes, anne: Correspondent) -> None:
    emma = open_mailbox(pasteur, "emma", "--quota=1")
    for _ in range(20):
        try:
            anne.send(emma.address, "Volumineux", body="x" * 76 + "\n" * 2 + ("y" * 75 + "\n") * 40_000)
        except smtplib.SMTPRecipientsRefused as refused:
            code, text = refused.recipients[emma.address]
            break
        time.sleep(1)
    else:
        pytest.fail("60 MB went into a mailbox of 1 MiB")
    assert code == 552
    assert b"Boite pleine" in text
    assert edge(national, f"a@{LENS}", emma.address)[0] == 552


def test_an_administrator_opens_and_lists_mailboxes(vaguemestre: Callable[..., Typed], operators: Fleet) -> None:
    address = f"francois-{secrets.token_hex(3)}@{LENS}"
    who = ("--type", "PER", "--rpps", "10009990036", "--name", "François ESSAI", "--redlist", "none")
    add = ("mailbox", "add", address, *who, "--json")
    opened = vaguemestre(*add).succeeded().json
    assert opened["result"] == "added"
    assert len(opened["password"]) > 20
    again = vaguemestre(*add).succeeded().json
    assert again["result"] == "unchanged"
    assert "password" not in again
    listed = vaguemestre("mailbox", "list", "--domain", LENS, "--json").succeeded().json
    assert [one["person"] for one in listed if one["address"] == address] == ["10009990036"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", f"x@{LENS}", "--type", "PER"), "RPPS, 11 digits"),
        (("add", f"x@{LENS}", "--type", "PERS"), "the kinds are PER"),
        (("add", "x@outside.example", "--type", "APP"), f"served: {LENS}, {PASTEUR}"),
        (("list", "--state", "closd"), "the states are requested, active"),
        (("suspend", f"personne@{LENS}"), "there is no mailbox"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(
    vaguemestre: Callable[..., Typed], operators: Fleet, words: tuple[str, ...], said: str
) -> None:
    typed = vaguemestre("mailbox", *words)
    assert typed.code == 2, typed.screen
    assert said in typed.screen


def test_a_password_never_shows_on_the_host(lab: Lab, pasteur: Mailboxes) -> None:
    gilles, password = open_mailbox(pasteur, "gilles"), secrets.token_urlsafe(24)
    pasteur.passwd(gilles.address, password)
    everything = lab.exec(gilles.host, ["sh", "-c", "journalctl --no-pager; cat /proc/*/cmdline 2>/dev/null"]).stdout
    assert password.encode() not in everything
    stored = lab.exec(gilles.host, ["slapcat", "-f", "/etc/ldap/slapd.conf", "-a", f"(mail={gilles.address})"]).stdout
    assert b"userPassword:: " in stored
    assert password.encode() not in stored
