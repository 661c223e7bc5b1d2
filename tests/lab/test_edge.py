"""Port 25 under strain: sessions, pipelining, reloads, a daemon that dies, hangs or is away, and too many at once."""

from __future__ import annotations

import secrets
import smtplib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest
from letters import LETTER, Peer
from people import LENS, OUTSIDER, empty_queues, open_mailbox, said, wait_for_line

from roles import base
from vaguemestre.lab import Lab
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent, Smtp

SENDER = f"a@{LENS}"
DAEMON = ("vaguemestre-trust-postfix.socket", "vaguemestre-trust-edge.socket", "vaguemestre-trust.service")


@pytest.fixture
def session(national: Peer, anne: Correspondent) -> Iterator[Smtp]:
    """Lens, connected to port 25 of Evreux."""
    with national.session(anne.ip, anne.host) as opened:
        opened.ehlo("peer.essai.test")
        yield opened


def transact(session: Smtp, sender: str, recipient: str) -> tuple[int, str]:
    """The first refusal, or the answer to the last RCPT."""
    session.ehlo_or_helo_if_needed()
    code, text = session.docmd("MAIL", f"FROM:<{sender}>")
    if code == 250:
        code, text = session.docmd("RCPT", f"TO:<{recipient}>")
    return code, text.decode(errors="replace")


def letter(recipient: str, sender: str = SENDER) -> bytes:
    return LETTER.format(sender=sender, recipient=recipient, mark=secrets.token_hex(6)).encode()


# --- one session ---


def test_a_whole_transaction_may_be_sent_in_one_breath(session: Smtp, anne: Correspondent) -> None:
    mark = secrets.token_hex(6)
    commands = f"MAIL FROM:<{SENDER}> BODY=8BITMIME\r\nRCPT TO:<{anne.address}>\r\nDATA\r\n"
    session.send(commands)
    assert [session.getreply()[0] for _ in range(3)] == [250, 250, 354]
    session.send(f"From: <{SENDER}>\r\nSubject: {mark}\r\n\r\nD'un trait\r\n.\r\n")
    assert session.getreply()[0] == 250
    anne.wait_for_subject(mark)


def test_every_transaction_of_a_session_is_held_against_its_certificate(session: Smtp, anne: Correspondent) -> None:
    """nginx asks once a session; Postfix asks again, for each sender."""
    session.sendmail(SENDER, anne.address, letter(anne.address))
    code, text = transact(session, "a@autre.mssante.test", anne.address)
    assert (code, "VGM-201" in text) == (550, True), text
    session.rset()
    assert transact(session, SENDER, anne.address)[0] == 250


def test_a_peer_cannot_say_for_whom_it_speaks(session: Smtp, anne: Correspondent) -> None:
    session.sendmail(SENDER, anne.address, letter(anne.address))
    assert session.docmd("XCLIENT", "ADDR=127.0.0.1 LOGIN=v1.00.00.1.1")[0] == 550
    session.ehlo("peer.essai.test")
    assert not session.has_extn("xclient")


def test_the_extensions_announced_before_and_after_are_the_same(session: Smtp, anne: Correspondent) -> None:
    """nginx speaks first, Postfix after the first recipient."""
    before = dict(session.esmtp_features)
    assert transact(session, SENDER, anne.address)[0] == 250
    session.ehlo("peer.essai.test")
    assert session.esmtp_features == before
    assert {"size", "pipelining", "8bitmime", "dsn", "enhancedstatuscodes"} == before.keys()


def test_a_delivery_report_is_asked_for_through_the_edge(
    session: Smtp, lab: Lab, anne: Correspondent, paul: Correspondent
) -> None:
    options = {"mail_options": ["RET=HDRS", "ENVID=essai"], "rcpt_options": ["NOTIFY=SUCCESS"]}
    session.sendmail(paul.address, anne.address, letter(anne.address, paul.address), **options)
    report = paul.wait_for_report(of=anne.address)
    assert report.get_content_type() == "multipart/report"


def test_a_message_beyond_the_size_announced_is_refused_before_it_is_sent(session: Smtp, anne: Correspondent) -> None:
    size = int(session.esmtp_features["size"])
    session.docmd("MAIL", f"FROM:<{SENDER}> SIZE={size + 1}")
    assert session.docmd("RCPT", f"TO:<{anne.address}>")[0] == 552


@pytest.mark.parametrize("author", [OUTSIDER, "a@autre.mssante.test", "postmaster@pasteur-evreux.mssante.test"])
def test_a_message_in_somebody_elses_name_is_refused(session: Smtp, anne: Correspondent, author: str) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        session.sendmail(SENDER, anne.address, letter(anne.address, author))
    assert b"VGM-206" in refused.value.smtp_error  # type: ignore[operator]


def test_a_message_with_two_authors_is_refused(session: Smtp, anne: Correspondent) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        session.sendmail(SENDER, anne.address, f"From: <{SENDER}>\r\n".encode() + letter(anne.address))
    assert b"VGM-207" in refused.value.smtp_error  # type: ignore[operator]


def test_a_reload_in_the_middle_of_a_long_message_loses_nothing(session: Smtp, lab: Lab, anne: Correspondent) -> None:
    assert transact(session, SENDER, anne.address)[0] == 250
    assert session.docmd("DATA")[0] == 354
    mark = secrets.token_hex(6)
    session.send(f"From: <{SENDER}>\r\nSubject: {mark}\r\n\r\n")
    for number in range(12):
        session.send(f"ligne {number} {'x' * 4000}\r\n")
        if number in (3, 7):
            assert lab.exec(anne.host, ["systemctl", "reload", "nginx"]).returncode == 0
        time.sleep(0.3)
    session.send(".\r\n")
    assert session.getreply()[0] == 250
    assert "ligne 11" in str(anne.wait_for_subject(mark))


# --- the daemon ---


def test_a_daemon_killed_again_and_again_loses_nothing_and_lets_nobody_in(
    lab: Lab, pasteur: Mailboxes, paul: Correspondent, national: Peer
) -> None:
    """Mail comes from Lens; meanwhile strangers try, and the daemon is killed every three seconds."""
    hugo = open_mailbox(pasteur, "hugo")
    with _killed_every_three_seconds(lab, hugo.host), ThreadPoolExecutor(1) as pool:
        strangers = pool.submit(_attempts, national, hugo)
        sent = [paul.send(hugo.address, f"Numéro {number}") for number in range(20)]
        answers = strangers.result()
    assert answers
    assert not [one for one in answers if one == 250], answers
    empty_queues(lab, paul.host, hugo.host)
    for message_id in sent:
        hugo.wait_for(message_id)


@contextmanager
def _killed_every_three_seconds(lab: Lab, host: str) -> Iterator[None]:
    loop = "while :; do systemctl kill -s KILL vaguemestre-trust; sleep 3; done"
    lab.exec(host, ["systemd-run", "--quiet", "--unit=vgm-killer", "sh", "-c", loop])
    try:
        yield
    finally:
        lab.exec(host, ["systemctl", "stop", "vgm-killer"])


def _attempts(national: Peer, victim: Correspondent) -> list[int]:
    """What somebody is answered who writes in a name that is not his, while nobody may be there to say no."""
    answers = []
    for _ in range(8):
        with suppress(OSError, smtplib.SMTPException), national.session(victim.ip, victim.host) as session:
            answers.append(transact(session, "a@autre.mssante.test", victim.address)[0])
    return answers


def test_while_the_daemon_is_away_everybody_waits_and_then_all_arrives(
    lab: Lab, anne: Correspondent, paul: Correspondent, national: Peer, pasteur: Mailboxes
) -> None:
    """Its sockets are away too: each of Postfix's questions, and nginx's, meets a closed door."""
    before = paul.send(anne.address, "Avant")
    anne.wait_for(before)
    began = time.time()
    lab.exec(anne.host, ["systemctl", "stop", *DAEMON])
    try:
        with national.session(anne.ip, anne.host) as session:
            code, text = transact(session, SENDER, anne.address)
        assert 400 <= code < 500, f"{code} {text}"
        coming = paul.send(anne.address, "Attend dehors")
        wait_for_line(lab, paul.host, "postfix", "status=deferred", began)
        with pytest.raises(smtplib.SMTPResponseException) as refused:  # already at STARTTLS: the milter is away
            anne.send(paul.address, "Ne part pas")
        assert 400 <= refused.value.smtp_code < 500
        assert "status=bounced" not in said(lab, paul.host, "postfix", since=began)
    finally:
        lab.exec(anne.host, ["systemctl", "start", *DAEMON])
    empty_queues(lab, paul.host, anne.host)
    anne.wait_for(coming)


@contextmanager
def _hidden(lab: Lab, host: str, name: str) -> Iterator[None]:
    """One socket of the daemon is away, the others answer."""
    path = f"/run/vaguemestre-trust/{name}"
    assert lab.exec(host, ["mv", path, f"{path}.away"]).returncode == 0
    try:
        yield
    finally:
        lab.exec(host, ["mv", f"{path}.away", path])


@pytest.mark.parametrize("name", ["auth", "policy", "milter"])
def test_each_question_that_meets_a_closed_door_defers(
    name: str, lab: Lab, anne: Correspondent, national: Peer
) -> None:
    with _hidden(lab, anne.host, name), national.session(anne.ip, anne.host) as session:
        code, text = transact(session, SENDER, anne.address)
    assert 400 <= code < 500, f"{code} {text}"
    with national.session(anne.ip, anne.host) as session:
        assert transact(session, SENDER, anne.address)[0] == 250


def test_without_routes_mail_waits_and_what_stays_in_the_house_does_not(
    lab: Lab, anne: Correspondent, paul: Correspondent
) -> None:
    began = time.time()
    with _hidden(lab, anne.host, "map"):
        going = anne.send(paul.address, "Attend sa route")
        anne.wait_for(anne.send(anne.address, "Reste ici"))
        assert "status=bounced" not in said(lab, anne.host, "postfix", since=began)
    empty_queues(lab, anne.host)
    paul.wait_for(going)


def test_mail_in_the_queue_waits_for_the_daemon(lab: Lab, anne: Correspondent, paul: Correspondent) -> None:
    """A message already taken in has no way out while nobody says which certificate is the right one."""
    began = time.time()
    lab.exec(anne.host, ["postconf", "-e", "defer_transports=smtp"])
    lab.exec(anne.host, ["postfix", "reload"])
    message_id = anne.send(paul.address, "Dans la file")
    lab.exec(anne.host, ["systemctl", "stop", *DAEMON])
    try:
        lab.exec(anne.host, ["postconf", "-X", "defer_transports"])
        lab.exec(anne.host, ["postfix", "reload"])
        lab.exec(anne.host, ["postqueue", "-f"])
        time.sleep(5)
        assert lab.exec(anne.host, ["postqueue", "-j"]).stdout
        assert "status=sent" not in said(lab, anne.host, "postfix", since=began)
    finally:
        lab.exec(anne.host, ["systemctl", "start", *DAEMON])
    empty_queues(lab, anne.host)
    paul.wait_for(message_id)


def test_a_daemon_that_hangs_is_replaced_and_mail_goes_on(lab: Lab, anne: Correspondent, paul: Correspondent) -> None:
    began = time.time()
    lab.exec(anne.host, ["systemctl", "kill", "-s", "STOP", "vaguemestre-trust"])
    wait_for_line(lab, anne.host, "vaguemestre-trust", "Watchdog timeout", began, seconds=40)
    anne.wait_for(paul.send(anne.address, "Après le réveil"))


# --- too many, and too near ---


def test_one_address_cannot_take_every_connection(lab: Lab, anne: Correspondent) -> None:
    with ExitStack() as crowd:
        greeted = 0
        for _ in range(base.SESSIONS + 10):
            with suppress(OSError):
                one = crowd.enter_context(socket.create_connection((anne.ip, 25), timeout=5))
                greeted += one.recv(64).startswith(b"220")
        assert greeted == base.SESSIONS


@pytest.mark.parametrize("port", [10025, 10587])
def test_the_doors_behind_are_closed_to_other_accounts_of_the_host(lab: Lab, anne: Correspondent, port: int) -> None:
    """Who reaches them could say who he is; only nginx, and those who write for the machine, may."""
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    argv = ["runuser", "-u", "nobody", "--", "python3", "-c", connect]
    assert b"ConnectionRefusedError" in lab.exec(anne.host, argv).stderr
    with pytest.raises((ConnectionError, TimeoutError)):  # nor from outside
        socket.create_connection((anne.ip, port), timeout=3)


def test_no_account_but_its_askers_can_ask_the_daemon(lab: Lab, anne: Correspondent) -> None:
    connect = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    for name in ("policy", "map", "milter", "auth"):
        argv = ["runuser", "-u", "nobody", "--", "python3", "-c", connect, f"/run/vaguemestre-trust/{name}"]
        assert b"PermissionError" in lab.exec(anne.host, argv).stderr
