"""Mail on real operators: who may write to whom, on port 25, at submission, and between the two."""

from __future__ import annotations

import secrets
import smtplib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from letters import LETTER, Edge, Peer, answer, kept, shown_certificate
from people import LENS, LISTED, OUTSIDER, PASTEUR, empty_queues, open_mailbox, said
from terminal import Typed

from vaguemestre.lab import Lab, State
from vaguemestre.pki.authority import Authority, CertificateRequest
from vaguemestre.pki.profiles import OTHER
from vaguemestre.secrets import Secrets
from vaguemestre.verbs.mailbox import Mailboxes
from vaguemestre.verify.correspondent import Correspondent

# --- port 25: other operators ---


def test_a_national_operator_may_write_to_a_mailbox(edge: Edge, national: Peer, anne: Correspondent) -> None:
    assert edge(national, f"a@{LENS}", anne.address)[0] == 250


def test_a_report_may_come_in_with_the_null_sender(edge: Edge, national: Peer, anne: Correspondent) -> None:
    assert edge(national, "", anne.address)[0] == 250


def test_a_server_without_certificate_is_refused(edge: Edge, anne: Correspondent) -> None:
    assert_refused(edge(Peer(), f"a@{LENS}", anne.address), 550, "VGM-102")


def test_a_certificate_of_another_authority_is_refused(edge: Edge, anne: Correspondent, tmp_path: Path) -> None:
    foreign = Peer(kept(tmp_path, Authority.create(OTHER).issue(LISTED)))
    assert_refused(edge(foreign, f"a@{LENS}", anne.address), 550, "VGM-104")


def test_a_national_certificate_with_a_dn_that_the_list_does_not_name_is_refused(
    edge: Edge, anne: Correspondent, state: State, tmp_path: Path
) -> None:
    """The right name in the CN, another structure beside it."""
    stranger = CertificateRequest(LISTED.host, LISTED.organisation, LISTED.department, "1620000998")
    peer = Peer(kept(tmp_path, Authority.load(state.authority).issue(stranger)))
    assert_refused(edge(peer, f"a@{LENS}", anne.address), 550, "VGM-202")


def test_an_expired_national_certificate_is_refused(
    edge: Edge, anne: Correspondent, state: State, tmp_path: Path
) -> None:
    """By nginx itself: it knows no more words for it, and the operator may renew."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    issued = Authority.load(state.authority).issue(
        LISTED, not_before=yesterday - timedelta(days=30), not_after=yesterday
    )
    assert edge(Peer(kept(tmp_path, issued)), f"a@{LENS}", anne.address)[0] == 421


def test_a_national_certificate_that_is_not_for_clients_is_refused(
    edge: Edge, anne: Correspondent, state: State, tmp_path: Path
) -> None:
    issued = Authority.load(state.authority).issue(LISTED, usages=[ExtendedKeyUsageOID.SERVER_AUTH])
    assert edge(Peer(kept(tmp_path, issued)), f"a@{LENS}", anne.address)[0] == 421


def assert_refused(answered: tuple[int, str], code: int, reason: str) -> None:
    assert answered[0] == code, answered
    assert reason in answered[1], answered


def test_mail_in_clear_is_refused_before_a_word_of_it(anne: Correspondent) -> None:
    with smtplib.SMTP(anne.ip, 25, timeout=20) as session:
        assert_refused(answer(session, f"a@{LENS}", anne.address), 530, "VGM-101")


@pytest.mark.parametrize("sender", [OUTSIDER, f"a@autre.{LENS}", f"a@{LENS}.outside.example"])
def test_a_sender_outside_the_space_is_refused_with_the_reason(
    edge: Edge, national: Peer, anne: Correspondent, sender: str
) -> None:
    answered = edge(national, sender, anne.address)
    assert_refused(answered, 550, "VGM-201")
    assert "hors de l'espace de confiance MSSante" in answered[1]


def test_another_operator_may_not_write_in_our_name(edge: Edge, national: Peer, anne: Correspondent) -> None:
    assert_refused(edge(national, anne.address, anne.address), 550, "VGM-204")


def test_an_unknown_mailbox_is_refused_at_once(edge: Edge, national: Peer) -> None:
    assert edge(national, f"a@{LENS}", f"personne@{PASTEUR}")[0] == 550


@pytest.mark.parametrize("role", ["postmaster", "abuse", "root"])
def test_the_addresses_of_functions_are_answered_for(edge: Edge, national: Peer, role: str) -> None:
    assert edge(national, f"a@{LENS}", f"{role}@{PASTEUR}")[0] == 250


RELAYED = [
    OUTSIDER,
    f"a@{LENS}",
    f"quelqu.un%outside.example@{PASTEUR}",
    f"outside.example!quelqu.un@{PASTEUR}",
    f"@{PASTEUR}:{OUTSIDER}",
    f'"{OUTSIDER}"@{PASTEUR}',
    f"{OUTSIDER}@{PASTEUR}",
    "quelqu.un@[10.83.0.3]",
    "outside.example!quelqu.un",
    "quelqu.un%outside.example",
]


@pytest.mark.usefixtures("never_outside")
@pytest.mark.parametrize("recipient", RELAYED)
def test_the_edge_relays_nothing(edge: Edge, national: Peer, recipient: str) -> None:
    code, _ = edge(national, f"a@{LENS}", recipient)
    assert code >= 500


# --- port 587: our own people ---


@pytest.mark.usefixtures("never_outside")
@pytest.mark.parametrize("recipient", [one for one in RELAYED if not one.endswith(LENS)])
def test_nobody_writes_outside_the_space(anne: Correspondent, recipient: str) -> None:
    with anne.submission() as session:
        assert answer(session, anne.address, recipient)[0] >= 500


def test_who_writes_outside_is_told_why(anne: Correspondent) -> None:
    with anne.submission() as session:
        code, text = answer(session, anne.address, OUTSIDER)
    assert code == 550
    assert text.startswith("5.7.1")
    assert "hors de l'espace de confiance MSSante" in text
    assert "outside the MSSante trust space" in text
    assert "VGM-208" in text


def test_a_read_receipt_may_be_sent_with_the_null_sender(anne: Correspondent, paul: Correspondent) -> None:
    with anne.submission() as session:
        assert answer(session, "", paul.address)[0] == 250


def test_nobody_submits_in_a_colleagues_name(anne: Correspondent, pasteur: Mailboxes) -> None:
    colleague = open_mailbox(pasteur, "collegue")
    with anne.submission() as session:
        assert answer(session, colleague.address, anne.address)[0] == 553


# --- between operators ---


def test_mail_between_operators_is_verified_both_ways(lab: Lab, anne: Correspondent, paul: Correspondent) -> None:
    """Who brought it is named by address and as authenticated (ESMTPA, RFC 3848), and its way out was pinned."""
    began = time.time()
    message = paul.wait_for(anne.send(paul.address, "Lettre de sortie"))
    assert any(f"[{anne.ip}]" in hop and " ESMTPA " in hop for hop in message.get_all("Received", []))
    assert f"Verified TLS connection established to {paul.host}" in said(lab, anne.host, "postfix", since=began)


def test_what_a_peer_wrote_is_not_rewritten(lab: Lab, pasteur: Mailboxes, anne: Correspondent, national: Peer) -> None:
    """Postfix completes what comes from this machine; nginx speaks from this machine, for others."""
    mark = secrets.token_hex(6)
    letter = f"From: <a@{LENS}>\r\nTo: ward\r\nSubject: {mark}\r\n\r\nBonjour\r\n"
    with national.session(anne.ip, anne.host) as session:
        session.sendmail(f"a@{LENS}", anne.address, letter)
    arrived = anne.wait_for_subject(mark)
    assert arrived["To"] == "ward"
    assert arrived["Message-ID"] is None


def test_a_certificate_renewed_between_two_deliveries_costs_a_moment_and_no_mail(
    lab: Lab, anne: Correspondent, paul: Correspondent, state: State, vaguemestre: Callable[..., Typed]
) -> None:
    """Lens has just seen the old one of Evreux, and pins it once more: that is deferred, and looked at anew."""
    anne.wait_for(paul.send(anne.address, "Sous l'ancien certificat"))
    names, began = ("tls.key", "tls.pem"), time.time()
    before = {name: Secrets(state.secrets).read(anne.host, name) for name in names}
    renewed = Authority.load(state.authority).issue(
        CertificateRequest(anne.host, "Clinique Pasteur", "Eure (27)", "1270000999")
    )
    try:
        _keep(state, anne.host, dict(zip(names, (renewed.key_pem(), renewed.chain_pem()), strict=True)))
        vaguemestre("apply", anne.host).succeeded()
        message_id = paul.send(anne.address, "Sous le nouveau certificat")
        empty_queues(lab, paul.host, seconds=150)
        anne.wait_for(message_id)
        assert "status=bounced" not in said(lab, paul.host, "postfix", since=began)
    finally:
        _keep(state, anne.host, before)
        vaguemestre("apply", anne.host).succeeded()


def test_a_renewed_certificate_is_shown_on_every_port_after_the_next_apply(
    anne: Correspondent, paul: Correspondent, state: State, vaguemestre: Callable[..., Typed]
) -> None:
    names = ("tls.key", "tls.pem")
    before = {name: Secrets(state.secrets).read(anne.host, name) for name in names}
    renewed = Authority.load(state.authority).issue(
        CertificateRequest(anne.host, "Clinique Pasteur", "Eure (27)", "1270000999")
    )
    try:
        _keep(state, anne.host, dict(zip(names, (renewed.key_pem(), renewed.chain_pem()), strict=True)))
        vaguemestre("apply", anne.host).succeeded()
        shown = {port: shown_certificate(anne.ip, port) for port in (25, 587, 143, 993, 4190)}
        assert set(shown.values()) == {renewed.leaf_der()}
        paul.wait_for(anne.send(paul.address, "Sous le nouveau certificat"))
    finally:
        _keep(state, anne.host, before)
        vaguemestre("apply", anne.host).succeeded()


def _keep(state: State, host: str, secrets: dict[str, bytes]) -> None:
    for name, content in secrets.items():
        Secrets(state.secrets).write(host, name, content)


@pytest.mark.usefixtures("never_outside")
def test_the_machine_itself_has_no_way_out(lab: Lab, anne: Correspondent) -> None:
    """What bypasses every rule at the doors, sendmail(1) as root, ends in a report inside."""
    letter = LETTER.format(sender=anne.address, recipient=OUTSIDER, mark=secrets.token_hex(4)).encode()
    sent = lab.exec(anne.host, ["/usr/sbin/sendmail", "-f", anne.address, OUTSIDER], stdin=letter)
    assert sent.returncode == 0
    assert "hors de l'espace de confiance" in str(anne.wait_for_report(of=OUTSIDER))
