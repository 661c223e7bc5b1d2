"""The red list as Postfix meets it: at each recipient, and at the end of a message."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest
from fuzz.faces import ANNE, IDENTITY, OWN, PEER, Witness, heard, keeper, milter_face, policy_face
from fuzz.faces import Written as Memory

from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.decide import Box, Door, House
from vaguemestre.host.redlist.keeper import Keeper, handed_over
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.policy_face import PolicyFace
from vaguemestre.host.trust.redlist_desk import RedListDesk, notify

TOKEN = IDENTITY.token
STRANGER, FRIEND, ALLOWED = f"inconnu@{PEER}", f"ami@{PEER}", f"permis@{PEER}"
BRUNO, DESK = f"bruno@{OWN}", f"desk@{OWN}"
UNAVAILABLE = b"451 4.2.1 Boite momentanement indisponible"


def ask(context: str, sender: str, recipient: str, login: str = "") -> bytes:
    lines = {"request": "smtpd_access_policy", "sender": sender, "recipient": recipient, "sasl_username": login}
    question = "".join(f"{name}={value}\n" for name, value in lines.items()) + f"policy_context={context}\n\n"
    return bytes(heard(policy_face, [question.encode()]).out)


@pytest.mark.parametrize(
    ("sender", "recipient", "answer"),
    [
        (STRANGER, f"a@{OWN}", b"action=DUNNO"),
        (STRANGER, ANNE, b"action=OK"),
        (STRANGER, ANNE.upper(), b"action=OK"),
        (FRIEND, ANNE, b"action=DUNNO"),
        (ALLOWED, ANNE, b"action=DUNNO"),
        ("", ANNE, b"action=DUNNO"),  # a report of a peer whose domain she wrote into
        (STRANGER, BRUNO, b"action=" + UNAVAILABLE),
        (STRANGER, f"inconnue@{OWN}", b"action=" + UNAVAILABLE),
        (STRANGER, "postmaster", b"action=DUNNO"),
        (STRANGER, f"postmaster@{OWN}", b"action=DUNNO"),
        (STRANGER, f"a%b@{OWN}", b"action=550 5.1.3"),
    ],
)
def test_each_recipient_of_another_operators_message_is_asked_about(sender: str, recipient: str, answer: bytes) -> None:
    assert ask("edge", sender, recipient, TOKEN).startswith(answer)


@pytest.mark.parametrize("context", ["edge", "submission"])
def test_a_mailbox_that_was_opened_a_moment_ago_is_waited_for(context: str, remembered: list[tuple[str, str]]) -> None:
    new = f"nouvelle@{OWN}"

    def before_it_is_known(host: Witness, desk: Desk) -> PolicyFace:
        copy = Copy(float("inf"))
        copy.confirm()
        asyncio.get_running_loop().call_later(0.02, copy.put, new, Box("active", "none"))
        return PolicyFace(host, desk, RedListDesk(desk, Keeper(copy, Memory(), {OWN: House("ici")})))

    sender, login = (STRANGER, TOKEN) if context == "edge" else (ANNE, ANNE)
    lines = {"request": "smtpd_access_policy", "sender": sender, "recipient": new, "sasl_username": login}
    question = "".join(f"{name}={value}\n" for name, value in lines.items()) + f"policy_context={context}\n\n"
    assert bytes(heard(before_it_is_known, [question.encode()]).out) == b"action=DUNNO\n\n"
    assert remembered == ([] if context == "edge" else [(ANNE, new)])


def test_a_report_of_an_operator_that_proved_nothing_is_a_strangers() -> None:
    assert ask("edge", "", ANNE, "") == b"action=OK\n\n"


def test_our_own_people_write_directly_and_so_do_their_filters() -> None:
    assert ask("submission", f"a@{OWN}", ANNE, f"a@{OWN}") == b"action=DUNNO\n\n"
    assert ask("submission", f"a@{OWN}", ANNE) == b"action=DUNNO\n\n"


def test_mail_outside_the_space_is_refused_before_anything_is_remembered(remembered: list[tuple[str, str]]) -> None:
    assert ask("submission", ANNE, "x@dehors.example", ANNE).startswith(b"action=550 5.7.1")
    assert remembered == []


def test_whom_a_person_writes_to_is_remembered_and_whom_a_filter_writes_to_is_not(
    remembered: list[tuple[str, str]],
) -> None:
    ask("submission", ANNE, f"Labo@{PEER.upper()}", ANNE)
    ask("submission", "", STRANGER)
    ask("submission", ANNE, STRANGER)
    assert remembered == [(ANNE, f"labo@{PEER}")]


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(Memory, "remember", lambda _, *pair: found.append(pair), raising=False)
    return found


def test_an_administrator_is_told_what_the_daemon_would_do() -> None:
    said = json.loads(ask("explain", STRANGER, ANNE).removeprefix(b"action="))
    assert (said["way"], said["why"], said["secretariat"], said["listed"]) == ("secretariat", "stranger", DESK, True)
    assert json.loads(ask("explain", FRIEND, ANNE).removeprefix(b"action="))["why"] == "correspondent"
    assert json.loads(ask("explain", "", ANNE, PEER).removeprefix(b"action="))["why"] == "report"
    assert json.loads(ask("explain", "", ANNE, "labo.test").removeprefix(b"action="))["why"] == "stray_report"
    assert json.loads(ask("explain", "x@dehors.example", ANNE).removeprefix(b"action="))["listed"] is False


def packet(command: str, data: bytes = b"") -> bytes:
    return (1 + len(data)).to_bytes(4, "big") + command.encode() + data


def offer(actions: int = 0x1FF) -> bytes:
    return packet("O", struct.pack(">III", 6, actions, 0x1FFFFF))


def message(login: str, sender: str, recipients: list[str], author: str, door: str = "mx.ici.test") -> bytes:
    macros = packet("D", f"C_\0mx [192.0.2.1]\0{{daemon_name}}\0{door}\0".encode())
    macros += packet("D", f"M{{auth_authen}}\0{login}\0".encode())
    to = b"".join(packet("R", f"<{one}>\0NOTIFY=SUCCESS,FAILURE\0".encode()) for one in recipients)
    return macros + packet("M", f"<{sender}>\0".encode()) + to + packet("L", f"From\0{author}\0".encode())


def answers(witness: Witness) -> list[bytes]:
    """What the milter said, after what it asked for."""
    rest, found = bytes(witness.out), []
    while rest:
        size = int.from_bytes(rest[:4], "big")
        found.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    return found[1:]


def said(*steps: bytes) -> list[bytes]:
    return answers(heard(milter_face, [offer(), *steps]))


def test_the_milter_hears_recipients_without_holding_up_anybody() -> None:
    out = bytes(heard(milter_face, [offer()]).out)
    _, actions, steps = struct.unpack(">III", out[5:17])
    assert actions == 0x88  # add with parameters, delete
    assert not steps & 0x08  # recipients are told
    assert steps & 0x8000  # and not answered
    assert steps & 0x10  # no body


def test_an_ordinary_message_is_let_go_at_the_end_of_its_header() -> None:
    ordinary = message(TOKEN, STRANGER, [f"a@{OWN}", DESK], STRANGER)
    assert said(ordinary + packet("N")) == [b"a"]


def test_one_of_two_recipients_is_replaced_at_the_end_of_the_message() -> None:
    one = message(TOKEN, STRANGER, [f"a@{OWN}", f"Anne@{OWN}"], STRANGER)
    assert said(one + packet("N")) == [b"c"]
    assert said(one + packet("N"), packet("E")) == [
        b"c",
        f"2<Anne~bal@{OWN}>\0NOTIFY=FAILURE\0".encode(),
        f"-<Anne@{OWN}>\0".encode(),
        b"a",
    ]


def test_the_next_message_of_the_session_begins_anew() -> None:
    first, second = message(TOKEN, STRANGER, [ANNE], STRANGER), message(TOKEN, FRIEND, [ANNE], FRIEND)
    heard_all = said(first + packet("N"), packet("E"), second + packet("N"))
    assert heard_all[-1] == b"a"
    assert len(heard_all) == 5


def test_a_message_waits_for_a_secretariat_that_cannot_receive() -> None:
    (answer,) = said(message(TOKEN, STRANGER, [f"a@{OWN}", BRUNO], STRANGER) + packet("N"))
    assert answer.startswith(b"y" + UNAVAILABLE)


def test_a_false_author_is_refused_before_the_red_list_is_asked() -> None:
    (answer,) = said(message(TOKEN, STRANGER, [ANNE], "x@labo.test") + packet("N"))
    assert answer.startswith(b"y550 5.7.1")


def test_what_a_filter_passes_on_bears_its_first_authors_name() -> None:
    passed = message("", DESK, [ANNE], STRANGER, "inside")
    assert said(passed + packet("N")) == [b"a"]
    assert said(message("", DESK, [ANNE], STRANGER) + packet("N"))[0].startswith(b"y550")


def test_a_secretariats_filter_passes_on_in_the_name_of_whom_it_was_for() -> None:
    """Dovecot calls the forwarder by the address that the message came for."""
    stern = Keeper(keeper().people, Memory(), {OWN: House("ici", own_staff_direct=False)})
    assert stern.verdict(Door.INSIDE, f"anne~bal@{OWN}", ANNE).why == "self"
    assert stern.verdict(Door.EDGE, f"anne~bal@{OWN}", ANNE).why == "stranger"
    assert stern.verdict(Door.INSIDE, f"a@{OWN}", ANNE).why == "stranger"


def test_without_leave_to_replace_recipients_a_message_waits() -> None:
    led = message(TOKEN, STRANGER, [ANNE], STRANGER)
    found = answers(heard(milter_face, [offer(actions=0x08), led + packet("N")]))
    assert found[0].startswith(b"y" + UNAVAILABLE)


def test_a_server_that_tells_of_the_end_only_is_answered_there() -> None:
    led = message(TOKEN, STRANGER, [ANNE], STRANGER)
    assert [one[:1] for one in said(led + packet("E"))] == [b"2", b"-", b"a"]
    assert said(message(TOKEN, FRIEND, [ANNE], FRIEND) + packet("E")) == [b"a"]


@pytest.mark.parametrize(
    ("asked", "told", "given"),
    [
        ([], False, ""),
        (["ORCPT=rfc822;x@y"], False, ""),
        (["NOTIFY=SUCCESS"], False, "NOTIFY=NEVER"),
        (["notify=success,delay"], False, "NOTIFY=DELAY"),
        (["NOTIFY=NEVER"], False, "NOTIFY=NEVER"),
        (["NOTIFY=SUCCESS,FAILURE"], True, "NOTIFY=SUCCESS,FAILURE"),
    ],
)
def test_a_report_of_success_would_name_the_secretariat(asked: list[str], told: bool, given: str) -> None:
    assert notify(asked, told=told) == given


def test_the_address_that_leads_to_a_secretariat_is_nobodys() -> None:
    assert handed_over("Anne.B@ici.test", "") == handed_over("Anne.B@ici.test", "silent") == "Anne.B~bal@ici.test"
    assert handed_over("a@ici.test", "told") == "a~secretariat@ici.test"
    assert keeper().people.box("a~bal@ici.test") is None
