"""The daemon's faces as nginx and Postfix meet them: real sockets of a real process, one for all tests here."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import pytest
from rehearsed_space import OTHERS, OWN, PEER, Running, TrustSpace, identity, request, trust_space

from vaguemestre.host.trust.reasons import REASONS
from vaguemestre.host.trust.socketmap_face import way
from vaguemestre.pki.authority import Issued


@pytest.fixture(scope="module")
def space() -> Iterator[TrustSpace]:
    with trust_space() as made:
        yield made


@pytest.fixture(scope="module")
def running(space: TrustSpace) -> Iterator[Running]:
    with space.daemon() as one:
        yield one


def asked(running: Running, face: str, question: bytes) -> bytes:
    """The answer to one question, or nothing when the connection was closed."""
    with closing(running.connect(face)) as one:
        one.sendall(question)
        return one.recv(65536)


def policy(context: str, **attributes: str) -> bytes:
    told = {"request": "smtpd_access_policy", "protocol_state": "RCPT", **attributes, "policy_context": context}
    return "".join(f"{name}={value}\n" for name, value in told.items()).encode() + b"\n"


def test_policy_binds_each_sender_of_a_session_to_its_certificate(space: TrustSpace, running: Running) -> None:
    token = identity(space, space.peer).token
    with closing(running.connect("policy")) as one:
        for sender, answer in ((PEER, b"DUNNO"), (OTHERS, b"550 5.7.1"), (OWN, b"550 5.7.1"), (PEER, b"DUNNO")):
            one.sendall(policy("edge", sasl_username=token, sender=f"a@{sender}"))
            assert one.recv(4096).startswith(b"action=" + answer), sender


def test_policy_refuses_who_did_not_come_by_the_edge(running: Running) -> None:
    for login in ("", "dupont", "v1.00", "v1." + "0" * 32):
        assert b"[VGM-102]" in asked(running, "policy", policy("edge", sasl_username=login, sender=f"a@{PEER}"))


def test_policy_keeps_submitted_mail_inside_the_space(running: Running) -> None:
    assert asked(running, "policy", policy("submission", recipient=f"a@{PEER}")) == b"action=DUNNO\n\n"
    assert b"action=550 5.7.1" in asked(running, "policy", policy("submission", recipient="a@dehors.example"))


def test_policy_answers_what_came_in_pieces_and_several_at_once(running: Running) -> None:
    question = policy("submission", recipient=f"a@{PEER}")
    with closing(running.connect("policy")) as one:
        for octet in question:
            one.send(bytes([octet]))
        assert one.recv(4096) == b"action=DUNNO\n\n"
        one.sendall(question * 20)
        assert received(one, 20 * 14) == b"action=DUNNO\n\n" * 20


@pytest.mark.parametrize(
    "question",
    [
        b"\n\n",
        b"request=smtpd_access_policy\n\n",
        policy("elsewhere", sender=f"a@{PEER}"),
        policy("edge", sasl_username="x"),
        b"request=x\n\n",
        policy("submission", recipient=f"a@{PEER}\nrecipient=b@{OWN}"),
        policy("submission", recipient=f"a@{PEER}\0"),
        b"a=b\n" * 200 + b"\n",
        b"x" * 40_000,
    ],
)
def test_policy_hangs_up_on_what_it_does_not_understand(running: Running, question: bytes) -> None:
    assert asked(running, "policy", question) == b""
    assert asked(running, "policy", policy("submission", recipient=f"a@{PEER}")) == b"action=DUNNO\n\n"


def auth(issued: Issued | bytes | None, sender: str, recipient: str, *, tls: bool = True) -> bytes:
    pem = issued.leaf_pem() if isinstance(issued, Issued) else issued
    lines = ["GET /auth HTTP/1.0", "Host: localhost", "Auth-Method: none", "Auth-User: ", "Auth-Pass: "]
    lines += ["Auth-Protocol: smtp", "Auth-Login-Attempt: 1", "Client-IP: 192.0.2.7", "Auth-SMTP-Helo: mx"]
    lines += [f"Auth-SMTP-From: MAIL FROM:{sender}", f"Auth-SMTP-To: RCPT TO:{recipient}"]
    lines += ["Auth-SSL: on", "Auth-SSL-Verify: SUCCESS"] if tls else []
    lines += [f"Auth-SSL-Cert: {quote(pem.decode())}"] if pem else []
    return "\r\n".join([*lines, "", ""]).encode()


def test_nginx_is_sent_on_with_the_proven_operator_as_user(space: TrustSpace, running: Running) -> None:
    answer = asked(running, "auth", auth(space.peer, f"<a@{PEER}> SIZE=3", f"<b@{OWN}>"))
    assert b"Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: 10025\r\n" in answer
    assert f"Auth-User: {identity(space, space.peer).token}\r\n".encode() in answer
    assert len(answer) < 1024  # nginx reads no more


def test_nginx_gets_each_refusal_with_its_code(space: TrustSpace, running: Running) -> None:
    foreign = space.foreign.issue(request("mx.la-bas.test", "CLINIQUE LA BAS", "199000002"))
    sender, ours = f"<a@{PEER}>", f"<b@{OWN}>"
    cases = {
        "530 VGM-101": auth(None, sender, ours, tls=False),
        "550 VGM-102": auth(None, sender, ours),
        "550 VGM-103": auth(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", sender, ours),
        "550 VGM-104": auth(foreign, sender, ours),
        "550 VGM-202": auth(space.peer, f"<a@{OTHERS}>", ours),
        "550 VGM-209": auth(space.peer, sender, "<a@dehors.example>"),
    }
    for wanted, question in cases.items():
        code, name = wanted.split()
        answer = asked(running, "auth", question).decode()
        assert f"Auth-Error-Code: {code}\r\n" in answer, wanted
        assert f"[{name}]\r\n" in answer, wanted
        assert len(answer) < 1024


@pytest.mark.parametrize(("attempt", "goes_on"), [("1", True), ("9", True), ("10", False), ("x", False), ("", False)])
def test_a_refused_peer_may_go_on_but_not_for_ever(running: Running, attempt: str, goes_on: bool) -> None:
    question = auth(None, f"<a@{PEER}>", f"<b@{OWN}>").replace(b"Attempt: 1", f"Attempt: {attempt}".encode())
    assert (b"Auth-Wait: 1\r\n" in asked(running, "auth", question)) is goes_on


@pytest.mark.parametrize(
    "question",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        auth(None, "<>", "<x>").replace(b"Auth-SMTP-To", b"Auth-SSL"),
        auth(None, "<>", "<x>").replace(b"Auth-SMTP-From: MAIL FROM:<>", b"X: y"),
        b"\x16\x03\x01\x02\r\n\r\n",
        b"GET / HTTP/1.0\r\nA: " + b"x" * 200_000,
    ],
)
def test_what_nginx_would_not_say_is_not_answered(running: Running, question: bytes) -> None:
    with closing(running.connect("auth")) as one:
        try:
            one.sendall(question)
            assert one.recv(100) == b""
        except (ConnectionResetError, BrokenPipeError):
            return


def net(text: str) -> bytes:
    return b"%d:%s," % (len(text.encode()), text.encode())


def test_the_transport_map_lets_mail_out_to_listed_domains_only(running: Running) -> None:
    with closing(running.connect("map")) as one:
        for key, answer in {
            "*": b"NOTFOUND ",
            ".mssante.test": b"NOTFOUND ",
            OWN: b"NOTFOUND ",
            f"a@{OWN}": b"NOTFOUND ",
            PEER: b"OK smtp:",
            f"a@{PEER.upper()}": b"OK smtp:",
            f"sous.{PEER}": b"OK error:5.7.1 ",
            "a@dehors.example": b"OK error:5.7.1 ",
            "[192.0.2.1]": b"OK error:5.1.3 ",
        }.items():
            one.sendall(net(f"transport {key}"))
            assert answer in one.recv(4096), key


def test_mail_to_a_peer_whose_certificate_is_bad_comes_back_and_waits_for_one_that_may_mend() -> None:
    for reason in (one for one in REASONS if not one.accepts):
        answer = way(reason)
        back = reason.final or reason.smtp >= 500
        assert answer.startswith(b"OK error:5." if back else b"TEMP 4."), reason.name
        assert reason.code.encode() in answer


def test_the_tls_map_never_says_not_found(running: Running) -> None:
    for key in ("dehors.example", ".mssante.test", "*", "[192.0.2.1]:25", OWN, "x" * 300, "a:b:c", "a b"):
        answer = asked(running, "map", net(f"tls {key}"))
        assert answer.partition(b":")[2].startswith(b"TEMP "), key


@pytest.mark.parametrize("question", [b"x", b":,", b"99999:", b"3:abc;", b"5:other,", b"12:elsewhere ab,", b"-1:,"])
def test_the_maps_hang_up_on_what_is_no_netstring(running: Running, question: bytes) -> None:
    assert asked(running, "map", question) == b""


def milter(command: str, data: bytes = b"") -> bytes:
    return (1 + len(data)).to_bytes(4, "big") + command.encode() + data


def offer(version: int = 6, steps: int = 0x1FFFFF) -> bytes:
    return milter("O", struct.pack(">III", version, 0x1FF, steps))


def message(login: str, sender: str, *from_headers: str) -> bytes:
    macros = milter("D", b"C_\0mx [192.0.2.1]\0") + milter("D", f"M{{auth_authen}}\0{login}\0".encode())
    headers = b"".join(milter("L", f"From\0{one}\0".encode()) for one in from_headers)
    return macros + milter("M", f"{sender}\0SIZE=1\0".encode()) + milter("L", b"Subject\0x\0") + headers + milter("N")


def test_the_milter_asks_for_sender_and_header_only(running: Running) -> None:
    answer = asked(running, "milter", offer())
    version, actions, steps = struct.unpack(">III", answer[5:])
    assert answer[4:5] == b"O"
    assert (version, actions) == (6, 0)
    assert steps & 0x1B == 0x1B  # connect, helo, recipients, body
    assert not steps & 0x64  # sender, header and its end are wanted


def test_the_milter_compares_the_from_header_message_by_message(space: TrustSpace, running: Running) -> None:
    token = identity(space, space.peer).token
    with closing(running.connect("milter")) as one:
        one.sendall(offer())
        assert one.recv(100)[4:5] == b"O"
        for login, sender, values, answer in (
            (token, f"<a@{PEER}>", [f"A <a@{PEER}>"], b"a"),
            (token, f"<a@{PEER}>", [f"a@{OTHERS}"], b"y550 5.7.1 "),
            (token, f"<a@{PEER}>", [], b"y550 5.6.0 "),
            (token, "<>", [f"MAILER-DAEMON@{PEER}"], b"a"),
            ("dupont", f"<dupont@{OWN}>", [f"dupont@{OWN}"], b"a"),
            ("", f"<a@{PEER}>", [f"a@{PEER}"], b"y550 5.7.1 "),
        ):
            one.sendall(message(login, sender, *values))
            assert one.recv(4096)[4:].startswith(answer), (sender, values)
            one.sendall(milter("A"))


def test_an_old_mail_server_gets_an_answer_to_every_step(space: TrustSpace, running: Running) -> None:
    """Protocol 2 knows no steps without an answer: each is answered, the end of the message too."""
    with closing(running.connect("milter")) as one:
        one.sendall(offer(2, 0x7F))
        assert struct.unpack(">III", received(one, 17)[5:]) == (2, 0, 0x1B)
        token = identity(space, space.peer).token
        one.sendall(message(token, f"<a@{PEER}>", f"a@{PEER}") + milter("E"))
        assert received(one, 5 * 5) == b"\0\0\0\1c" * 3 + b"\0\0\0\1a" * 2


@pytest.mark.parametrize(
    "question",
    [
        milter("M", b"<>\0"),
        milter("O", b"short"),
        offer(1),
        b"\xff\xff\xff\xffO",
        b"\0\0\0\0",
        offer() + milter("z"),
        offer() + milter("M", b"<a@b"),
        offer() + milter("N"),
        offer() + milter("L", b"From\0"),
    ],
)
def test_the_milter_hangs_up_on_what_is_not_its_protocol(running: Running, question: bytes) -> None:
    with closing(running.connect("milter")) as one:
        one.sendall(question)
        rest = b""
        while chunk := one.recv(100):
            rest += chunk
        assert rest[4:5] in (b"", b"O")
        assert len(rest) <= 17


def test_decisions_are_logged_and_counted_without_local_parts(space: TrustSpace, running: Running) -> None:
    token = identity(space, space.peer).token
    asked(running, "policy", policy("edge", sasl_username=token, sender=f"marie.curie@{OTHERS}"))
    asked(running, "auth", auth(space.peer, f"<marie.curie@{PEER}>", f"<pierre.curie@{OWN}>"))
    last = [one for one in running.lines() if "verdict" in one][-2:]
    assert [one["verdict"] for one in last] == ["dn_not_listed", "accepted"]
    assert last[1]["dn"] == "CN=mx.la-bas.test,OU=1199000002,O=CLINIQUE LA BAS,ST=Eure (27),C=FR"
    assert last[1]["serial"] == f"{space.peer.leaf.serial_number:x}"
    assert "curie" not in str(running.lines())
    page = asked(running, "metrics", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").decode()
    assert 'decisions_total{face="policy_edge",reason="dn_not_listed"}' in page
    assert "vaguemestre_trust_list_entries 3" in page


def test_the_metrics_tell_what_ends_one_day(space: TrustSpace, running: Running) -> None:
    standing = {"name": "list_age", "about": "", "stage": "alarm", "en": "x"}
    space.places.alarms.write_text(json.dumps({"at": "2026-01-01T00:00:00+00:00", "alarms": [standing]}))
    page = asked(running, "metrics", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").decode().partition("\r\n\r\n")[2]
    told = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert told['vaguemestre_trust_alarm{name="list_age",about="",stage="alarm"}'] == "1"
    assert float(told["vaguemestre_trust_list_age_seconds"]) >= 0
    assert 1000 < float(told["vaguemestre_trust_certificate_days_left"]) < 1100
    assert sum(name.startswith("vaguemestre_trust_crl_days_left{") for name in told) == 2
    for spoilt in ("", "[]", "{}", '{"alarms": 3}'):
        space.places.alarms.write_text(spoilt)
        assert b"200" in asked(running, "metrics", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")[:16]


def received(one: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size and (chunk := one.recv(size - len(got))):
        got += chunk
    return got
