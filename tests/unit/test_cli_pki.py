"""`vaguemestre pki` from outside: from a request to a renewal, by typed commands."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from unit.pki.desk import DOMAINS, HOST, REQUEST, Desk, authority, key, prepared

from vaguemestre.cli import main
from vaguemestre.host.trust.dn import text_of
from vaguemestre.lab import listing
from vaguemestre.pki.profiles import leaf_subject, now

pytestmark = pytest.mark.slow

SUBJECT = leaf_subject(REQUEST)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An administrator in an empty folder, with an inventory and the password of the vault."""
    (tmp_path / "password").write_text("correct horse\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("VAGUEMESTRE_INVENTORY", str(tmp_path / "inventory"))
    return prepared(tmp_path / "inventory")


@pytest.fixture
def type_(capsys: pytest.CaptureFixture[str]) -> Typing:
    return Typing(capsys)


class Typing:
    """Types a command in this process; gives its exit code and what it printed on both outputs."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main(["pki", *words])
        printed = self.capsys.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err


def white_list(file: Path, *pairs: tuple[str, x509.Name], days_old: int = 0) -> str:
    """A signed list with these domains and names, as a file."""
    signer = authority().issue_signer("alb.mssante.fr")
    lines = [listing.Line(domain, text_of(name)) for domain, name in pairs]
    file.write_bytes(listing.sign(listing.compose(lines, now() - timedelta(days=days_old)), signer))
    return f"--white-list={file}"


def answered(csr: Path) -> Path:
    """What the authority makes of a request: a chain, PKCS#7 in DER."""
    chain = authority().certify(x509.load_pem_x509_csr(csr.read_bytes()))
    csr.with_suffix(".p7b").write_bytes(serialize_certificates(list(chain), Encoding.DER))
    return csr.with_suffix(".p7b")


def test_from_the_request_to_the_live_certificate(desk: Desk, type_: Typing, tmp_path: Path) -> None:
    code, printed = type_("request", HOST)
    assert (code, Path(f"{HOST}.csr").is_file()) == (0, True)
    assert f"pki import {HOST} FILE..." in printed
    assert type_("status")[1].startswith(f"{HOST}  SERV SSL  requested: waits for its certificate; key sealed")

    code, printed = type_("import", HOST, str(answered(Path(f"{HOST}.csr"))))
    assert code == 0
    assert "next, not live: its DN is new, and the white list was not looked at" in printed
    assert f"DN du nouveau certificat :\n      {text_of(SUBJECT)}" in printed
    assert all(f"- {domain}" in printed for domain in DOMAINS)

    assert type_("switch", HOST, white_list(tmp_path / "early.xml", ("other.test", SUBJECT)))[0] == 3
    listed = white_list(tmp_path / "list.xml", *((domain, SUBJECT) for domain in DOMAINS))
    code, printed = type_("switch", HOST, listed)
    assert (code, "live: the white list names its DN" in printed) == (0, True)
    assert type_("check", HOST, "--offline", listed)[0] == 0


def test_a_renewal_goes_live_at_once_and_both_are_shown(desk: Desk, type_: Typing) -> None:
    old = desk.issue(not_after=now() + timedelta(days=20, hours=1))
    desk.install(old)
    assert type_("status")[0] == 3
    assert "its DN stays the same: nothing to change on the white list" in type_("request", HOST)[1]
    code, printed = type_("import", HOST, str(answered(Path(f"{HOST}.csr"))))
    assert code == 0
    assert f"vaguemestre apply {HOST}" in printed
    assert f"revoke it on the platform (serial {old.leaf.serial_number:x})" in printed
    code, printed = type_("status", "--json")
    assert code == 0
    rows = [(one["state"], one["stage"], one["sealed"]) for one in json.loads(printed) if one["bearer"] == HOST]
    assert rows == [("live", "fine", True), ("previous", "30 days", False)]


def test_an_expired_certificate_makes_status_fail(desk: Desk, type_: Typing) -> None:
    desk.install(desk.issue(not_before=now() - timedelta(days=9), not_after=now() - timedelta(days=1)))
    code, printed = type_("status")
    assert (code, "EXPIRED on" in printed) == (1, True)
    code, printed = type_("check", "--offline")
    assert code == 1
    assert "peers would refuse it" in printed
    assert "[VGM-105]" in printed


def test_pkcs12_with_its_passphrase_in_a_file(desk: Desk, type_: Typing, tmp_path: Path) -> None:
    issued, words = desk.issue(), tmp_path / "words"
    words.write_bytes(b"mot de passe\r\n")
    p12 = serialize_key_and_certificates(
        b"m", issued.key, issued.leaf, issued.chain[1:], BestAvailableEncryption(b"mot de passe")
    )
    (tmp_path / "mail.p12").write_bytes(p12)
    code, printed = type_("import", HOST, str(tmp_path / "mail.p12"))
    assert (code, "closed by a passphrase" in printed) == (2, True)
    code, printed = type_("import", HOST, str(tmp_path / "mail.p12"), f"--passphrase-file={words}", "--anyway")
    assert code == 0
    assert "its key came with it and is kept sealed" in printed
    assert "mot de passe" not in printed
    assert (desk.folder / "tls.key").read_bytes().startswith(b"$ANSIBLE_VAULT;")


def test_a_program_has_its_own_certificate(desk: Desk, type_: Typing) -> None:
    program = ("--client", "dpi", "--establishment", "pasteur")
    code, printed = type_("request", *program)
    assert (code, "offer ORG" in printed) == (0, True)
    code, printed = type_("import", *program, str(answered(Path("dpi.csr"))))
    assert (code, "live: the white list names servers only" in printed) == (0, True)
    assert type_("status")[1].startswith("dpi  ORG AUTH_CLI  live")


def test_a_refusal_ends_with_2_and_changes_nothing(desk: Desk, type_: Typing, tmp_path: Path) -> None:
    (tmp_path / "stranger.pem").write_bytes(desk.issue(names=["mail.other.test"]).chain_pem())
    before = desk.snapshot()
    code, printed = type_("import", HOST, str(tmp_path / "stranger.pem"))
    assert code == 2
    assert "the certificate names mail.other.test, not this host" in printed
    assert desk.snapshot() == before


def test_without_a_vault_password_the_way_out_is_said(
    desk: Desk, type_: Typing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
    code, printed = type_("request", HOST)
    assert (code, "set ANSIBLE_VAULT_PASSWORD_FILE" in printed) == (2, True)
    assert not Path(f"{HOST}.csr").exists()


def test_a_file_that_is_no_request_is_not_overwritten(desk: Desk, type_: Typing) -> None:
    Path("notes.txt").write_text("mine")
    code, printed = type_("request", HOST, "--csr=notes.txt")
    assert (code, "is there and is no request" in printed) == (2, True)
    assert Path("notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("request",), "name a host, or a program"),
        (("request", HOST, "--client", "dpi"), "name a host, or a program"),
        (("request", "mail.pasteur.mssante.tset"), f"did you mean {HOST}"),
        (("import", HOST), "name the files that came back"),
        (("import", HOST, "nowhere.pem"), "nowhere.pem: cannot be read"),
        (("switch", HOST), "no certificate waits to go live"),
        (("check", "nobody"), "no establishment and no host"),
        (("check", "--white-list=nowhere.xml"), "nowhere.xml: cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(
    desk: Desk, type_: Typing, words: tuple[str, ...], said: str
) -> None:
    code, printed = type_(*words)
    assert code == 2
    assert said in " ".join(printed.replace("│", " ").split())


def test_a_list_that_is_not_to_be_believed_promotes_nothing(desk: Desk, type_: Typing, tmp_path: Path) -> None:
    desk.admit(desk.issue().key_pem() + desk.issue().chain_pem())
    option = white_list(tmp_path / "list.xml", (DOMAINS[0], SUBJECT))
    file = tmp_path / "list.xml"
    file.write_bytes(file.read_bytes().replace(b"Clinique", b"Clinicue"))
    before = desk.snapshot()
    code, printed = type_("switch", HOST, option)
    assert (code, "not a white list to believe" in printed) == (2, True)
    assert desk.snapshot() == before


def test_a_revoked_certificate_is_found_by_the_list_of_the_authority(desk: Desk, type_: Typing, tmp_path: Path) -> None:
    issued = desk.issue(key=key(2))
    desk.install(issued)
    (tmp_path / "ACI.crl").write_bytes(authority().crl([issued.leaf.serial_number]))
    code, printed = type_("check", HOST, "--offline", f"--crl={tmp_path / 'ACI.crl'}")
    assert (code, "is revoked [VGM-107]" in printed) == (1, True)


def test_what_could_not_be_looked_at_is_said_and_is_no_fault(desk: Desk, type_: Typing) -> None:
    """The addresses of the authority lead to a port where nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        shared = f"trust: {{revocation: {{crl: ['{url}/ACI.crl'], ocsp: '{url}'}}}}\n"
        (desk.root / "inventory.yml").write_text(shared)
        desk.install(desk.issue())
        code, printed = type_("check", HOST)
    assert code == 0
    assert "nothing that a peer would refuse" in printed
    assert "not known: the white list was not looked at" in printed
    assert "not known: revocation list not to be had" in printed
    assert "not known: OCSP not to be had" in printed
