"""What was accepted is delivered, whatever dies meanwhile: a daemon of the host, or its power."""

from __future__ import annotations

import imaplib
import smtplib
import time

import pytest
from people import empty_queues, open_mailbox

from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent

DAEMONS = {
    "postfix": "kill -9 $(cat /var/spool/postfix/pid/master.pid)",
    "dovecot": "systemctl kill -s KILL dovecot",
    "slapd": "systemctl kill -s KILL slapd",
    "trust": "systemctl kill -s KILL vaguemestre-trust",
    "nginx": "systemctl kill -s KILL nginx",
}


@pytest.mark.parametrize("daemon", DAEMONS)
def test_what_was_accepted_survives_a_killed_daemon(
    daemon: str, lab: Lab, paul: Correspondent, pasteur: Mailboxes
) -> None:
    """Mail comes from the other operator and from the mailbox itself, while a daemon of its host is killed thrice."""
    hugo = open_mailbox(pasteur, "hugo")
    accepted = []
    for number in range(30):
        if number in (5, 15, 25):
            lab.exec(hugo.host, ["sh", "-c", DAEMONS[daemon]])
        try:
            accepted.append((paul, hugo)[number % 2].send(hugo.address, f"Numéro {number}"))
        except (smtplib.SMTPException, OSError):
            time.sleep(0.5)
    lab.exec(hugo.host, ["systemctl", "start", "slapd", "dovecot", "vaguemestre-trust", "postfix", "nginx"])
    empty_queues(lab, paul.host, hugo.host)
    assert len(accepted) >= 12
    for message_id in accepted:
        hugo.wait_for(message_id)


def test_a_host_that_lost_power_comes_back_by_itself_with_all_its_mail(
    lab: Lab, anne: Correspondent, paul: Correspondent
) -> None:
    before = anne.send(paul.address, "Avant la coupure")
    paul.wait_for(before)
    lab.kill(paul.host)
    during = anne.send(paul.address, "Pendant la coupure")
    lab.start(paul.host)
    _until_greeted(paul.ip)
    empty_queues(lab, anne.host, paul.host)
    for message_id in (before, during):
        paul.wait_for(message_id)


def _until_greeted(ip: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            smtplib.SMTP(ip, 25, timeout=5).close()
            imaplib.IMAP4(ip, 143, timeout=5).shutdown()
        except OSError:
            assert time.monotonic() < end, f"{ip} did not come back within {seconds:.0f} s"
            time.sleep(1)
        else:
            return
