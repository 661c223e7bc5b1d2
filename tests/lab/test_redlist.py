"""The red list with mail really sent: who reaches a person, whose mail the secretariat reads, what nobody learns."""

from __future__ import annotations

import secrets
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from letters import LETTER, Edge, Peer
from people import LENS, empty_queues, open_mailbox, said, wait_for_line
from terminal import Typed

from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent, Smtp
from vaguemestre.verify.filters import keep

STRANGER = f"inconnu@{LENS}"
LATER = """
import sqlite3
with sqlite3.connect("/var/lib/vaguemestre-trust/redlist/correspondents.db") as memory:
    memory.execute("UPDATE pairs SET day = day - 181")
"""
Command = Callable[..., Typed]


@pytest.fixture(scope="module")
def desk(pasteur: Mailboxes) -> Correspondent:
    return open_mailbox(pasteur, "secretariat")


@pytest.fixture(scope="module")
def marie(pasteur: Mailboxes, desk: Correspondent, vaguemestre: Command) -> Correspondent:
    """A professional whose secretariat reads what strangers write."""
    return protected(pasteur, desk, vaguemestre)


@pytest.fixture
def stranger(national: Peer, desk: Correspondent) -> Iterator[Smtp]:
    """A server of Lens at port 25 of Evreux."""
    with national.session(desk.ip, desk.host) as session:
        session.ehlo("peer.essai.test")
        yield session


def protected(pasteur: Mailboxes, desk: Correspondent, vaguemestre: Command, *options: str) -> Correspondent:
    """Somebody new behind the desk."""
    person = open_mailbox(pasteur, "marie")
    change(vaguemestre, person, "secretariat", "--secretariat", desk.address, *options)
    return person


def change(vaguemestre: Command, person: Correspondent, *words: str) -> None:
    vaguemestre("redlist", "set", person.address, *words).succeeded()
    time.sleep(1)  # what a change may take


def why(vaguemestre: Command, sender: str, person: Correspondent) -> str:
    return vaguemestre("redlist", "explain", sender, person.address).succeeded().out


def post(session: Smtp, to: list[str], sender: str = STRANGER, *options: str) -> str:
    """One message, with nobody in its To header but the first; its subject."""
    mark = f"XDM/1.0/DDM+CR {secrets.token_hex(6)}"
    letter = LETTER.format(sender=sender or f"postmaster@{LENS}", recipient=to[0], mark=mark[-12:])
    session.sendmail(sender, to, letter.replace("essai\r\n", f"{mark}\r\n", 1).encode(), rcpt_options=list(options))
    return mark


def has(person: Correspondent, subject: str) -> bool:
    with person.imap() as inbox:
        return bool(inbox.search(None, "SUBJECT", f'"{subject}"')[1][0])


def test_a_strangers_message_goes_to_the_secretariat_which_sees_for_whom_it_was_and_answers(
    marie: Correspondent, desk: Correspondent, paul: Correspondent
) -> None:
    sent = paul.send(marie.address, "XDM/1.0/DDM+Compte rendu", sender=paul.address)
    found = desk.wait_for(sent)
    assert found["Original-Recipient"] == f"rfc822; {marie.address}"
    assert (found["To"], found["From"], found["Subject"]) == (marie.address, paul.address, "XDM/1.0/DDM+Compte rendu")
    assert paul.wait_for(desk.send(found["From"], "Re: bien reçu"))["From"] == desk.address
    with pytest.raises(AssertionError):
        marie.wait_for(sent, seconds=1)


def test_who_was_written_to_answers_directly_until_the_days_are_over(
    marie: Correspondent, desk: Correspondent, paul: Correspondent, lab: Lab, vaguemestre: Command
) -> None:
    paul.wait_for(marie.send(paul.address, "Une question"))
    marie.wait_for(paul.send(marie.address, "La réponse"))
    assert "correspondent" in why(vaguemestre, paul.address, marie)
    time.sleep(0.5)  # what is written down a few times a second
    assert lab.exec(marie.host, ["runuser", "-u", "vgm-trust", "--", "python3", "-c", LATER]).returncode == 0
    desk.wait_for(paul.send(marie.address, "Un an après"))
    assert "stranger" in why(vaguemestre, paul.address, marie)


def test_the_staff_of_the_house_the_secretariat_and_the_list_write_directly(
    marie: Correspondent, desk: Correspondent, anne: Correspondent, stranger: Smtp, vaguemestre: Command
) -> None:
    marie.wait_for(anne.send(marie.address, "Entre nous"))
    marie.wait_for(desk.send(marie.address, "De la part de"))
    change(vaguemestre, marie, "--allow", STRANGER)
    marie.wait_for_subject(post(stranger, [marie.address]))
    change(vaguemestre, marie, "--disallow", STRANGER)
    desk.wait_for_subject(post(stranger, [marie.address]))


def test_where_staff_do_not_write_directly_they_reach_the_secretariat_too(
    marie: Correspondent, desk: Correspondent, anne: Correspondent, lab: Lab
) -> None:
    with strangers_to_each_other(lab, marie.host):
        desk.wait_for(anne.send(marie.address, "Par le secrétariat"))
        marie.wait_for(desk.send(marie.address, "Le secrétariat"))
        anne.wait_for(marie.send(anne.address, "Réponds-moi"))
        marie.wait_for(anne.send(marie.address, "Je réponds"))


def test_a_report_on_something_sent_arrives_and_a_stray_one_does_not(
    marie: Correspondent,
    desk: Correspondent,
    paul: Correspondent,
    pasteur: Mailboxes,
    stranger: Smtp,
    vaguemestre: Command,
) -> None:
    bruno = protected(pasteur, desk, vaguemestre)
    desk.wait_for_subject(post(stranger, [bruno.address], ""))
    paul.wait_for(bruno.send(paul.address, "Avec accusé"))
    bruno.wait_for_subject(post(stranger, [bruno.address], ""))


def test_one_message_to_two_people_is_led_for_one_and_tells_the_other_nothing(
    marie: Correspondent, desk: Correspondent, anne: Correspondent, stranger: Smtp
) -> None:
    subject = post(stranger, [anne.address, marie.address])
    copy, found = anne.wait_for_subject(subject), desk.wait_for_subject(subject)
    assert found["Original-Recipient"] == f"rfc822; {marie.address}"
    assert marie.address not in copy.as_string()
    assert desk.address not in copy.as_string()
    assert "Original-Recipient" not in copy
    assert not has(marie, subject)


def test_a_header_that_a_sender_wrote_marks_nothing(
    anne: Correspondent, desk: Correspondent, paul: Correspondent
) -> None:
    sent = paul.send(anne.address, "Faux", Original_Recipient=f"rfc822; {desk.address}")
    assert "Original-Recipient" not in anne.wait_for(sent)


def test_nobody_can_tell_a_protected_mailbox_from_another(
    marie: Correspondent, desk: Correspondent, anne: Correspondent, national: Peer, edge: Edge, stranger: Smtp
) -> None:
    assert edge(national, STRANGER, marie.address) == edge(national, STRANGER, anne.address)
    for word in ("~bal", "~secretariat"):
        local, _, domain = marie.address.partition("@")
        assert edge(national, STRANGER, f"{local}{word}@{domain}")[0] == 550
    for command in ("VRFY", "EXPN"):
        assert stranger.docmd(command, marie.address)[0] == stranger.docmd(command, anne.address)[0] >= 500


def test_a_report_of_delivery_tells_of_the_secretariat_only_where_that_is_wished_and_never_which(
    marie: Correspondent, desk: Correspondent, paul: Correspondent, stranger: Smtp, vaguemestre: Command
) -> None:
    silent = post(stranger, [marie.address], paul.address, "NOTIFY=SUCCESS,FAILURE")
    desk.wait_for_subject(silent)
    change(vaguemestre, marie, "--notice", "told")
    post(stranger, [marie.address], paul.address, "NOTIFY=SUCCESS")
    report = paul.wait_for_report(of=marie.address.replace("@", "~secretariat@")).as_string()
    assert desk.address not in report
    with pytest.raises(AssertionError):
        paul.wait_for_report(of=marie.address.replace("@", "~bal@"), seconds=1)


def test_a_full_secretariat_is_told_without_its_name(
    pasteur: Mailboxes, anne: Correspondent, paul: Correspondent, stranger: Smtp, vaguemestre: Command
) -> None:
    small = open_mailbox(pasteur, "petit", "--quota=1")
    person = protected(pasteur, small, vaguemestre)
    small.wait_for(anne.send(small.address, "La dernière", "x" * 75 + "\n" + ("y" * 75 + "\n") * 15_000))
    subject = post(stranger, [person.address], paul.address)
    report = paul.wait_for_report(of=person.address.replace("@", "~bal@")).as_string()
    assert "5.2.2" in report
    assert small.address not in report
    assert not has(person, subject)


def test_mail_waits_while_the_secretariat_is_closed_and_the_administrator_knows(
    pasteur: Mailboxes, national: Peer, edge: Edge, vaguemestre: Command, lab: Lab
) -> None:
    away, other = open_mailbox(pasteur, "parti"), open_mailbox(pasteur, "autre")
    person, since = protected(pasteur, away, vaguemestre), time.time()
    vaguemestre("mailbox", "close", away.address).succeeded()
    time.sleep(1)
    code, text = edge(national, STRANGER, person.address)
    assert (code, "VGM-401" in text) == (451, True), text
    assert "secretariat_closed" in said(lab, person.host, "vaguemestre-trust", since=since)
    shown = vaguemestre("redlist", "show")
    assert shown.code == 3
    assert "does not receive" in shown.out
    lab.exec(person.host, ["systemctl", "start", "vaguemestre-redlist.service"])
    line = wait_for_line(lab, person.host, "vaguemestre-redlist", "redlist alarm: secretariats", since)
    assert person.address not in line
    change(vaguemestre, person, "--secretariat", other.address)
    assert edge(national, STRANGER, person.address)[0] == 250


def test_a_secretariat_may_pass_mail_on_to_its_person_without_a_loop(
    pasteur: Mailboxes, stranger: Smtp, vaguemestre: Command, lab: Lab
) -> None:
    passing = open_mailbox(pasteur, "transmet")
    person = protected(pasteur, passing, vaguemestre)
    keep(passing, f'require "copy"; redirect :copy "{person.address}";')
    keep(person, f'require "copy"; redirect :copy "{passing.address}";')
    subject = post(stranger, [person.address])
    person.wait_for_subject(subject)
    time.sleep(2)
    empty_queues(lab, person.host)
    for one in (person, passing):
        with one.imap() as inbox:
            assert len(inbox.search(None, "SUBJECT", f'"{subject}"')[1][0].split()) <= 2


def test_a_daemon_that_dies_in_the_middle_of_a_message_lets_nothing_through(
    marie: Correspondent, desk: Correspondent, stranger: Smtp, lab: Lab
) -> None:
    mark = secrets.token_hex(6)
    stranger.docmd("MAIL", f"FROM:<{STRANGER}>")
    assert stranger.docmd("RCPT", f"TO:<{marie.address}>")[0] == 250
    assert stranger.docmd("DATA")[0] == 354
    stranger.send(f"From: <{STRANGER}>\r\nSubject: {mark}\r\n\r\n")
    with killed(lab, marie.host):
        stranger.send("corps\r\n.\r\n")
        assert stranger.getreply()[0] == 451
    empty_queues(lab, marie.host)
    assert not has(marie, mark)
    assert not has(desk, mark)


def test_without_the_directory_mail_waits(marie: Correspondent, national: Peer, edge: Edge, lab: Lab) -> None:
    lab.exec(marie.host, ["systemctl", "stop", "slapd"])
    try:
        assert edge(national, STRANGER, marie.address)[0] == 451
    finally:
        lab.exec(marie.host, ["systemctl", "start", "slapd"])
    end = time.monotonic() + 30
    while edge(national, STRANGER, marie.address)[0] != 250:
        assert time.monotonic() < end


@contextmanager
def strangers_to_each_other(lab: Lab, host: str) -> Iterator[None]:
    """As if the establishment had said ``own_staff_direct: false``."""
    settings = "/etc/vaguemestre/trust.json"
    script = f"cp -p {settings} /root/ && sed -i s/true/false/ {settings} && systemctl restart vaguemestre-trust"
    assert lab.exec(host, ["sh", "-c", f"grep -q own_staff_direct.*true {settings} && {script}"]).returncode == 0
    try:
        yield
    finally:
        lab.exec(host, ["sh", "-c", f"mv /root/trust.json {settings} && systemctl restart vaguemestre-trust"])


@contextmanager
def killed(lab: Lab, host: str) -> Iterator[None]:
    lab.exec(host, ["systemctl", "kill", "-s", "KILL", "vaguemestre-trust"])
    yield
    end = time.monotonic() + 20
    while lab.exec(host, ["systemctl", "is-active", "-q", "vaguemestre-trust"]).returncode:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_refused_secretariats_change_nothing(marie: Correspondent, paul: Correspondent, vaguemestre: Command) -> None:
    for other, words in ((paul.address, "is no mailbox here"), (marie.address, "must be another one")):
        typed = vaguemestre("redlist", "set", marie.address, "secretariat", "--secretariat", other)
        assert (typed.code, words in typed.screen) == (2, True), typed.screen


def test_sending_to_a_closed_door_is_refused_as_for_anybody(stranger: Smtp, pasteur: Mailboxes) -> None:
    gone = open_mailbox(pasteur, "ferme")
    pasteur.move("close", gone.address)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        post(stranger, [gone.address])
    assert b"5.2.1" in str(refused.value.recipients).encode()
