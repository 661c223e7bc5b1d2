"""From its request to long after its end: what a mailbox does in each state, and what time does to it."""

from __future__ import annotations

import imaplib
import secrets
import smtplib
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from holders import rpps
from letters import Edge, Peer
from people import LENS, PASTEUR, open_mailbox, said
from terminal import Typed

from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import MailboxError, Mailboxes
from vaguemestre.verify.correspondent import Correspondent

EXPIRE, PURGE = "vaguemestre-mailboxes-expire.service", "vaguemestre-mail-purge.service"
STORE = f"/var/vmail/{PASTEUR}"


def test_a_requested_mailbox_is_as_if_it_were_not_there_until_it_is_activated(
    vaguemestre: Callable[..., Typed], edge: Edge, national: Peer, pasteur: Mailboxes, anne: Correspondent
) -> None:
    address = f"gaelle-{secrets.token_hex(3)}@{PASTEUR}"
    who = ("--type", "PER", "--rpps", rpps(secrets.randbelow(10**9)), "--profession", "10")
    asked = vaguemestre("mailbox", "add", address, *who, "--requested", "--json").succeeded().json
    assert (asked["state"], "password" in asked) == ("requested", False)
    code, text = edge(national, f"a@{LENS}", address)
    assert code == 550
    assert "5.1.1" in text
    with pytest.raises(MailboxError, match="nobody can log in"):
        pasteur.passwd(address)
    opened = vaguemestre("mailbox", "activate", address, "--json").succeeded().json
    gaelle = replace(anne, address=address, password=opened["password"])
    gaelle.wait_for(anne.send(address, "Bienvenue"))


def test_what_was_closed_by_mistake_is_restored_with_its_mail_and_a_new_password(
    pasteur: Mailboxes, anne: Correspondent, edge: Edge, national: Peer
) -> None:
    hugo = open_mailbox(pasteur, "hugo")
    before = anne.send(hugo.address, "Avant la fermeture")
    hugo.wait_for(before)
    pasteur.move("close", hugo.address)
    assert "5.2.1" in edge(national, f"a@{LENS}", hugo.address)[1]
    back = replace(hugo, password=pasteur.move("restore", hugo.address).password or "")
    with pytest.raises(imaplib.IMAP4.error):
        hugo.imap()
    back.wait_for(before)
    back.wait_for(anne.send(hugo.address, "Après"))


def _as(login: Correspondent, session: smtplib.SMTP, sender: str, to: str) -> int:
    """The code of the answer to RCPT in a session that is open already."""
    session.rset()
    session.mail(sender)
    return session.rcpt(to)[0]


def test_a_team_is_sent_from_by_those_it_is_shared_with_while_both_are_open_and_by_nobody_else(
    pasteur: Mailboxes, anne: Correspondent
) -> None:
    team, ines, jean = (open_mailbox(pasteur, name) for name in ("equipe", "ines", "jean"))
    desk = pasteur.add(f"bloc-{secrets.token_hex(3)}@{PASTEUR}", "--type=ORG").mailbox
    with pytest.raises(MailboxError, match="nobody else sends as a APP"):
        pasteur.set(team.address, f"--sender={ines.address}")
    with pytest.raises(MailboxError, match="no open mailbox"):
        pasteur.set(desk.address, f"--sender=personne@{PASTEUR}")
    pasteur.set(desk.address, f"--sender={ines.address}")
    with ines.submission() as shared, jean.submission() as stranger:
        assert _as(ines, shared, desk.address, anne.address) == 250
        assert _as(ines, shared, ines.address, anne.address) == 250
        assert _as(ines, shared, jean.address, anne.address) == 553
        assert _as(jean, stranger, desk.address, anne.address) == 553
        message = (
            f"From: {desk.address}\r\nTo: {anne.address}\r\nSubject: Garde\r\nMessage-ID: <{desk.local}@{PASTEUR}>"
        )
        shared.rset()
        shared.sendmail(desk.address, [anne.address], f"{message}\r\n\r\nBonjour\r\n")
        anne.wait_for(f"<{desk.local}@{PASTEUR}>")
        pasteur.suspend(desk.address)
        assert _as(ines, shared, desk.address, anne.address) == 553
        pasteur.move("activate", desk.address)
        pasteur.suspend(ines.address)  # in the middle of a session that began before
        assert _as(ines, shared, desk.address, anne.address) == 550
        assert _as(ines, shared, ines.address, anne.address) == 550


_BACK = """
import sys; sys.path.insert(0, '/usr/lib/vaguemestre/host.pyz')
from dataclasses import replace
from vaguemestre.host.mailboxes.store import opened
with opened() as store:
    box = store.get(sys.argv[1]); store.change(box, replace(box, since='20200101000000Z'))
"""


def test_time_quarantines_and_purges_what_was_closed_and_nothing_besides(
    lab: Lab, pasteur: Mailboxes, anne: Correspondent, edge: Edge, national: Peer
) -> None:
    def years_pass() -> None:
        assert lab.exec(host, ["python3", "-c", _BACK, kim.address]).returncode == 0
        assert lab.exec(host, ["systemctl", "start", EXPIRE, PURGE]).returncode == 0

    def there(path: str) -> bool:
        return lab.exec(host, ["test", "-e", path]).returncode == 0

    host, began = pasteur.host.name, time.time()
    kim = open_mailbox(pasteur, "kim")
    kim.wait_for(anne.send(kim.address, "Sera supprimé"))
    folder = f"{STORE}/{kim.address.partition('@')[0]}"
    lab.exec(host, ["ln", "-s", f"{STORE}/{anne.address.partition('@')[0]}", f"{folder}/filter"])
    pasteur.move("close", kim.address)
    assert pasteur.show(kim.address).facts["leaves"]

    years_pass()
    assert pasteur.show(kim.address).mailbox.state == "quarantined"
    assert there(f"{folder}/Maildir")
    years_pass()
    gone = pasteur.show(kim.address).mailbox
    assert (gone.state, gone.display, gone.service) == ("purged", "", "")
    assert not there(folder)
    assert there(f"{STORE}/{anne.address.partition('@')[0]}/Maildir")
    anne.imap().logout()

    assert "5.2.1" in edge(national, f"a@{LENS}", kim.address)[1]
    for refused in (lambda: pasteur.move("restore", kim.address), lambda: pasteur.add(kim.address, "--type=APP")):
        with pytest.raises(MailboxError, match=r"removed|not given again"):
            refused()
    journal = said(lab, host, EXPIRE, PURGE, since=began)
    assert f"{kim.address} was quarantined" in journal
    assert f"{kim.address} is purged" in journal


def test_an_administrator_changes_and_counts_and_sees_it(vaguemestre: Callable[..., Typed], pasteur: Mailboxes) -> None:
    lea = open_mailbox(pasteur, "lea")
    one = ("mailbox", "set", lea.address, "--service", " Bloc  2 ", "--paperless", "O", "--by", "holder", "--json")
    changed = vaguemestre(*one).succeeded().json
    assert (changed["service"], changed["paperless"], changed["paperless_by"]) == ("Bloc 2", "O", "holder")
    assert vaguemestre(*one).succeeded().json["result"] == "unchanged"
    told = vaguemestre("mailbox", "set", lea.address, "--service", "=1+1")
    assert told.code == 2
    assert "formula" in told.screen
    assert "Bloc 2" in vaguemestre("mailbox", "show", lea.address).succeeded().screen
    counts = vaguemestre("mailbox", "list", "--domain", PASTEUR, "--count", "--json").succeeded().json
    assert counts["paperless"]["O"] >= 1
    assert counts["state"]["active"] >= 1
