"""Asking for a certificate: the national shape, one request at a time, and a key that is never in clear on a disk."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from desk import HOST, Desk, authority

from vaguemestre.pki import bearer
from vaguemestre.pki.asking import ask
from vaguemestre.pki.bearer import BearerError
from vaguemestre.pki.faults import PkiError
from vaguemestre.pki.request import instructions
from vaguemestre.secrets import SecretsError

pytestmark = pytest.mark.slow

T = TypeVar("T", bound=x509.ExtensionType)


def in_order(name: x509.Name) -> list[tuple[str, str]]:
    return [(one.rfc4514_attribute_name, str(one.value)) for one in name]


def extension(csr: x509.CertificateSigningRequest, kind: type[T]) -> T:
    return csr.extensions.get_extension_for_class(kind).value


def test_a_servers_request_has_the_national_subject_in_its_order(desk: Desk) -> None:
    csr = desk.ask().csr
    assert in_order(csr.subject) == [
        ("C", "FR"), ("ST", "Eure (27)"), ("O", "Clinique Pasteur"), ("OU", "1270000999"), ("CN", HOST),
    ]  # fmt: skip
    assert csr.is_signature_valid
    assert csr.signature_hash_algorithm is not None
    assert csr.signature_hash_algorithm.name == "sha256"


def test_a_servers_request_names_the_host_and_both_usages(desk: Desk) -> None:
    csr = desk.ask().csr
    assert extension(csr, x509.SubjectAlternativeName).get_values_for_type(x509.DNSName) == [HOST]
    usages = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert set(extension(csr, x509.ExtendedKeyUsage)) == usages


def test_a_programs_request_is_for_a_client_and_names_no_host(desk: Desk) -> None:
    csr = ask(desk.program).csr
    assert in_order(csr.subject)[-1] == ("CN", "dpi")
    assert list(extension(csr, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        extension(csr, x509.SubjectAlternativeName)


@pytest.mark.parametrize("bits", [2048, 3072])
def test_the_key_has_the_size_asked_for(desk: Desk, bits: int) -> None:
    public = desk.ask(bits=bits).csr.public_key()
    assert isinstance(public, RSAPublicKey)
    assert public.key_size == bits


def test_a_size_beyond_the_profile_is_refused(desk: Desk) -> None:
    with pytest.raises(PkiError, match="the sizes are 2048 and 3072"):
        desk.ask(bits=1024)


def test_the_key_is_sealed_and_nowhere_on_the_disk_in_clear(desk: Desk, tmp_path: Path) -> None:
    desk.ask()
    file = desk.folder / "tls.next.key"
    assert file.read_bytes().startswith(b"$ANSIBLE_VAULT;")
    assert file.stat().st_mode & 0o777 == 0o600
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def test_the_sealed_key_is_that_of_the_request(desk: Desk) -> None:
    asked = desk.ask()
    ((_, key),) = desk.shelf.candidates()
    assert key.public_key() == asked.csr.public_key()


@pytest.mark.parametrize("password", [None, "", "nowhere"])
def test_without_a_password_no_key_is_made(
    desk: Desk, sealing: Path, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    before = desk.snapshot()
    if password is None:
        monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
    elif password:
        monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(sealing.parent / password))
    else:
        sealing.write_text("\n")
    with pytest.raises(SecretsError) as refused:
        desk.ask()
    assert refused.value.exit_code == 2
    assert desk.snapshot() == before


def test_asking_again_shows_the_same_request(desk: Desk) -> None:
    first, before = desk.ask(), desk.snapshot()
    again = desk.ask()
    assert (first.fresh, again.fresh, again.csr) == (True, False, first.csr)
    assert desk.snapshot() == before


def test_the_live_key_stays_as_it_is(desk: Desk) -> None:
    desk.install(desk.issue())
    live = {name: content for name, content in desk.snapshot().items() if "/tls.key" in name or "/tls.pem" in name}
    desk.ask()
    assert live.items() <= desk.snapshot().items()
    assert set(desk.host.store.versions(HOST)) == {"tls.key", "tls.pem"}


def test_giving_a_request_up_keeps_its_key_aside(desk: Desk) -> None:
    first = desk.ask()
    second = desk.ask(new=True)
    assert second.fresh
    held = [key.public_key() for _, key in desk.shelf.candidates()]
    assert held == [second.csr.public_key(), first.csr.public_key()]


def test_giving_up_without_a_password_gives_nothing_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask()
    before = desk.snapshot()
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
    with pytest.raises(SecretsError):
        desk.ask(new=True)
    assert desk.snapshot() == before


def test_a_request_is_not_repeated_when_its_certificate_is_here(desk: Desk) -> None:
    csr = desk.ask().csr
    desk.admit(b"".join(one.public_bytes(Encoding.PEM) for one in authority().certify(csr)))
    with pytest.raises(PkiError, match=f"is here already.*\n.*pki switch {HOST}"):
        desk.ask()


def test_a_renewal_keeps_its_dn_even_where_it_bears_the_siret(desk: Desk) -> None:
    declare_siret(desk)
    first = desk.ask(siret=True)
    assert dict(in_order(first.csr.subject))["OU"] == "327000099900017"
    chain = authority().certify(first.csr)
    desk.admit(b"".join(one.public_bytes(Encoding.PEM) for one in chain), anyway=True)
    renewal = desk.ask()
    assert (renewal.same_dn, renewal.csr.subject) == (True, first.csr.subject)


def test_a_siret_that_is_not_declared_is_asked_for(desk: Desk) -> None:
    with pytest.raises(PkiError, match=r"write siret: in pasteur\.yml"):
        desk.ask(siret=True)


def test_a_request_that_the_inventory_has_outrun_says_so(desk: Desk) -> None:
    assert not desk.ask().changed
    file = desk.root / "pasteur.yml"
    file.write_text(file.read_text().replace("Eure (27)", "Orne (61)"))
    assert desk.ask().changed


def test_who_cannot_bear_a_certificate_is_told_why(desk: Desk) -> None:
    with pytest.raises(BearerError, match=f"did you mean {HOST}"):
        bearer.server(desk.fleet, "mail.pasteur.mssante.tset")
    with pytest.raises(BearerError, match="--establishment is one of: pasteur, tilleuls"):
        bearer.client(desk.fleet, "dpi", "paster")
    with pytest.raises(BearerError, match="cannot name a program"):
        bearer.client(desk.fleet, "../x", "pasteur")


def test_a_name_too_long_for_a_certificate_is_refused(desk: Desk) -> None:
    file = desk.root / "pasteur.yml"
    file.write_text(file.read_text().replace(HOST, f"{'m' * 60}.{HOST}"))
    with pytest.raises(PkiError, match="CN has at most 64 characters"):
        ask(bearer.server(desk.fleet, f"{'m' * 60}.{HOST}"))


def test_the_instructions_hold_the_request_and_never_the_key(desk: Desk) -> None:
    csr = desk.ask().csr
    told = instructions(desk.host, csr, "file.csr")
    body = csr.public_bytes(Encoding.PEM).decode().splitlines()
    assert set(body) <= {line.strip() for line in told.splitlines()}
    assert "offer SERV" in told
    assert "structure Clinique Pasteur (FINESS 270000999)" in told
    assert "PRIVATE" not in told


def declare_siret(desk: Desk) -> None:
    file = desk.root / "pasteur.yml"
    file.write_text(file.read_text().replace("mode: operator", 'siret: "27000099900017"\nmode: operator'))
