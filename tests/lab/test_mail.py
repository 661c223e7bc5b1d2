"""Mail on real operators: who may write to whom, what each state of a mailbox means, and that nothing is lost."""

from __future__ import annotations

import imaplib
import secrets
import smtplib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from letters import LETTER, Peer, answer, edge_answer, kept, kept_filter, shown_certificate
from terminal import Typed

from vaguemestre.establishment import Fleet
from vaguemestre.lab import CertificateRequest, Lab, State
from vaguemestre.mailbox import MailboxError, Mailboxes, holders
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.profiles import OTHER
from vaguemestre.secrets import Secrets
from vaguemestre.verify.correspondent import Correspondent

PASTEUR, LENS = "pasteur-evreux.mssante.test", "ch-lens.mssante.test"
OUTSIDER = "quelqu.un@outside.example"
REQUEST = CertificateRequest(
    "mta.ch-lens.mssante.test", "CENTRE HOSPITALIER DE LENS", "Pas-de-Calais (62)", "1620000999"
)


@pytest.fixture(scope="module")
def pasteur(operators: Fleet) -> Mailboxes:
    return next(one for one in holders(operators) if one.host.name.endswith(PASTEUR))


@pytest.fixture(scope="module")
def lens(operators: Fleet) -> Mailboxes:
    return next(one for one in holders(operators) if one.host.name.endswith(LENS))


def open_mailbox(boxes: Mailboxes, local: str, *options: str) -> Correspondent:
    """A new mailbox of an APP, with somebody to use it."""
    domain = boxes.operator.domains[0].name
    address = f"{local}-{secrets.token_hex(3)}@{domain}"
    password = boxes.add(address, "--type=APP", *options).password
    anchors = boxes.fleet.root / boxes.operator.settings.trust.anchors
    return Correspondent(address, password or "", boxes.host.name, str(boxes.host.address), anchors)


@pytest.fixture(scope="module")
def anne(pasteur: Mailboxes) -> Correspondent:
    return open_mailbox(pasteur, "anne")


@pytest.fixture(scope="module")
def paul(lens: Mailboxes) -> Correspondent:
    return open_mailbox(lens, "paul")


@pytest.fixture(scope="module")
def national(state: State, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """An operator with a certificate of the national authority."""
    issued = Authority.load(state.authority).issue(REQUEST)
    return Peer(kept(tmp_path_factory.mktemp("national"), issued))


@pytest.fixture
def edge(pasteur: Mailboxes) -> Callable[[Peer, str, str], tuple[int, str]]:
    """Asks port 25 of the Clinique Pasteur; gives the answer to RCPT."""
    ip, name = str(pasteur.host.address), pasteur.host.name
    return lambda peer, sender, recipient: edge_answer(peer, ip, name, sender, recipient)


Edge = Callable[[Peer, str, str], tuple[int, str]]


@pytest.fixture
def never_outside(lab: Lab) -> Iterator[None]:
    """Nothing may have reached the outside during the test."""
    before = _outside(lab)
    yield
    assert _outside(lab) == before


def _outside(lab: Lab) -> bytes:
    return lab.exec("world.test", ["cat", "/var/lib/outside/received.jsonl"]).stdout


# --- port 25: other operators ---


def test_a_national_operator_may_write_to_a_mailbox(edge: Edge, national: Peer, anne: Correspondent) -> None:
    assert edge(national, f"a@{LENS}", anne.address)[0] == 250


def test_a_report_may_come_in_with_the_null_sender(edge: Edge, national: Peer, anne: Correspondent) -> None:
    assert edge(national, "", anne.address)[0] == 250


def test_a_server_without_certificate_is_refused(edge: Edge, anne: Correspondent) -> None:
    assert_no_certificate(edge(Peer(), f"a@{LENS}", anne.address))


def test_a_certificate_of_another_authority_is_refused(edge: Edge, anne: Correspondent, tmp_path: Path) -> None:
    foreign = Peer(kept(tmp_path, Authority.create(OTHER).issue(REQUEST)))
    assert_no_certificate(edge(foreign, f"a@{LENS}", anne.address))


def test_an_expired_national_certificate_is_refused(
    edge: Edge, anne: Correspondent, state: State, tmp_path: Path
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    issued = Authority.load(state.authority).issue(
        REQUEST, not_before=yesterday - timedelta(days=30), not_after=yesterday
    )
    assert_no_certificate(edge(Peer(kept(tmp_path, issued)), f"a@{LENS}", anne.address))


def test_a_national_certificate_that_is_not_for_clients_is_refused(
    edge: Edge, anne: Correspondent, state: State, tmp_path: Path
) -> None:
    issued = Authority.load(state.authority).issue(REQUEST, usages=[ExtendedKeyUsageOID.SERVER_AUTH])
    assert_no_certificate(edge(Peer(kept(tmp_path, issued)), f"a@{LENS}", anne.address))


def assert_no_certificate(answered: tuple[int, str]) -> None:
    code, text = answered
    assert code == 550
    assert "Certificat d'operateur IGC-Sante valide exige" in text


def test_mail_in_clear_is_refused_before_a_word_of_it(anne: Correspondent) -> None:
    with smtplib.SMTP(anne.ip, 25, timeout=20) as session:
        assert answer(session, f"a@{LENS}", anne.address)[0] == 530


@pytest.mark.parametrize("sender", [OUTSIDER, f"a@autre.{LENS}", f"a@{LENS}.outside.example"])
def test_a_sender_outside_the_space_is_refused_with_the_reason(
    edge: Edge, national: Peer, anne: Correspondent, sender: str
) -> None:
    code, text = edge(national, sender, anne.address)
    assert code == 550
    assert "5.7.1" in text
    assert "hors de l'espace de confiance MSSante" in text


def test_another_operator_may_not_write_in_our_name(edge: Edge, national: Peer, anne: Correspondent) -> None:
    code, text = edge(national, anne.address, anne.address)
    assert code == 550
    assert "this domain is ours" in text


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


def test_a_read_receipt_may_be_sent_with_the_null_sender(anne: Correspondent, paul: Correspondent) -> None:
    with anne.submission() as session:
        assert answer(session, "", paul.address)[0] == 250


def test_nobody_submits_in_a_colleagues_name(anne: Correspondent, pasteur: Mailboxes) -> None:
    colleague = open_mailbox(pasteur, "collegue")
    with anne.submission() as session:
        assert answer(session, colleague.address, anne.address)[0] == 553


# --- between operators ---


def test_mail_between_operators_is_verified_both_ways(lab: Lab, anne: Correspondent, paul: Correspondent) -> None:
    message = paul.wait_for(anne.send(paul.address, "Lettre de sortie"))
    assert f'Client CN "{anne.host}"' in str(message)
    assert "verified OK" in str(message)
    said = lab.exec(anne.host, ["journalctl", "-t", "postfix/smtp", "-o", "cat", "--no-pager"]).stdout.decode()
    assert f"Verified TLS connection established to {paul.host}" in said


def test_a_peer_with_another_name_than_the_space_says_gets_nothing(
    lab: Lab, anne: Correspondent, paul: Correspondent, vaguemestre: Callable[..., Typed]
) -> None:
    """The table is made to expect another certificate; the message waits, and goes when the table is put right."""
    wrong = f"sed -i 's/match=.*/match=autre.{LENS}/' /etc/postfix/trust-space && postfix reload"
    assert lab.exec(anne.host, ["sh", "-c", wrong]).returncode == 0
    try:
        message_id = anne.send(paul.address, "Doit attendre")
        deferred = _wait_for_line(lab, anne.host, "Server certificate not verified")
        assert "status=deferred" in deferred
        with pytest.raises(AssertionError):
            paul.wait_for(message_id, seconds=2)
    finally:
        vaguemestre("apply").succeeded()
    lab.exec(anne.host, ["postqueue", "-f"])
    paul.wait_for(message_id)


def _wait_for_line(lab: Lab, host: str, words: str, seconds: float = 30) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        said = lab.exec(
            host, ["journalctl", "-t", "postfix/smtp", "-n", "50", "-o", "cat", "--no-pager"]
        ).stdout.decode()
        if found := [line for line in said.splitlines() if words in line]:
            return found[-1]
        time.sleep(0.5)
    raise AssertionError(f"{host} never said {words!r}")


def test_a_renewed_certificate_is_shown_on_every_port_after_the_next_apply(
    anne: Correspondent, paul: Correspondent, state: State, vaguemestre: Callable[..., Typed]
) -> None:
    names = ("tls.key", "tls.pem")
    before = {name: Secrets(state.secrets).read(anne.host, name) for name in names}
    renewed = Authority.load(state.authority).issue(
        CertificateRequest(anne.host, "CLINIQUE PASTEUR", "Eure (27)", "1270000999")
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


@pytest.mark.usefixtures("never_outside")
def test_a_filter_cannot_forward_and_the_message_stays(lab: Lab, pasteur: Mailboxes, anne: Correspondent) -> None:
    bernard = open_mailbox(pasteur, "bernard")
    script = f'redirect "{OUTSIDER}";'.encode()
    user = ["-u", bernard.address]
    assert lab.exec(bernard.host, ["doveadm", "sieve", "put", *user, "-a", "ailleurs"], stdin=script).returncode == 0
    bernard.wait_for(anne.send(bernard.address, "Reste ici"))


def test_the_establishments_filters_go_before_a_persons_own(lab: Lab, pasteur: Mailboxes, anne: Correspondent) -> None:
    ida = open_mailbox(pasteur, "ida")
    own = 'require "imap4flags"; addflag "personal";'
    kept_filter(ida.ip, ida.anchors, ida.host, ida.address, ida.password, own)
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


# --- a mailbox's life ---


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
    with pytest.raises(MailboxError, match="never"):
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
    add = ("mailbox", "add", address, "--type", "PER", "--rpps", "10009990003", "--name", "François ESSAI", "--json")
    opened = vaguemestre(*add).succeeded().json
    assert opened["result"] == "added"
    assert len(opened["password"]) > 20
    again = vaguemestre(*add).succeeded().json
    assert again["result"] == "unchanged"
    assert "password" not in again
    listed = vaguemestre("mailbox", "list", "--domain", LENS, "--json").succeeded().json
    assert [one["person"] for one in listed if one["address"] == address] == ["10009990003"]


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


# --- nothing accepted is lost ---

DAEMONS = {
    "postfix": "kill -9 $(cat /var/spool/postfix/pid/master.pid)",
    "dovecot": "systemctl kill -s KILL dovecot",
    "slapd": "systemctl kill -s KILL slapd",
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
    lab.exec(hugo.host, ["systemctl", "start", "slapd", "dovecot", "postfix"])
    _empty_queues(lab, paul.host, hugo.host)
    assert len(accepted) >= 12
    for message_id in accepted:
        hugo.wait_for(message_id)


def _empty_queues(lab: Lab, *hosts: str, seconds: float = 120) -> None:
    """What waits is tried again until nothing does; by itself Postfix would take a minute or more."""
    end = time.monotonic() + seconds
    while [host for host in hosts if lab.exec(host, ["postqueue", "-j"]).stdout]:
        assert time.monotonic() < end, f"mail still waits on {' or '.join(hosts)} after {seconds:.0f} s"
        for host in hosts:
            lab.exec(host, ["postqueue", "-f"])
        time.sleep(2)


def test_a_host_that_lost_power_comes_back_by_itself_with_all_its_mail(
    lab: Lab, anne: Correspondent, paul: Correspondent
) -> None:
    before = anne.send(paul.address, "Avant la coupure")
    paul.wait_for(before)
    lab.kill(paul.host)
    during = anne.send(paul.address, "Pendant la coupure")
    lab.start(paul.host)
    _until_greeted(paul.ip)
    _empty_queues(lab, anne.host, paul.host)
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
