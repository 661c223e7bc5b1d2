"""The test authority is proved by real handshakes, which also show the wrong name and the wrong authority failing."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.keys import new_key
from vaguemestre.pki.profiles import OTHER, leaf_subject, now

pytestmark = pytest.mark.slow

PASTEUR = CertificateRequest("mail.pasteur.test", "CLINIQUE PASTEUR", "Eure (27)", "1270000102")
LENS = CertificateRequest("mail.lens.test", "CH DE LENS", "Pas-de-Calais (62)", "1620100685")


@pytest.fixture(scope="module")
def national() -> Authority:
    return Authority.create()


@pytest.fixture(scope="module")
def other() -> Authority:
    return Authority.create(OTHER)


def test_two_hosts_of_the_authority_meet_under_mutual_tls(national: Authority, tmp_path: Path) -> None:
    peer = handshake(national, national.issue(PASTEUR), national.issue(LENS), PASTEUR.host, tmp_path)
    assert (("commonName", LENS.host),) in peer["subject"]


def test_a_wrong_name_is_refused(national: Authority, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(national, national.issue(PASTEUR), national.issue(LENS), LENS.host, tmp_path)


def test_a_server_of_another_authority_is_refused(national: Authority, other: Authority, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get"):
        handshake(national, other.issue(PASTEUR), national.issue(LENS), PASTEUR.host, tmp_path)


def test_a_client_of_another_authority_is_refused(national: Authority, other: Authority, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError, match=r"self-signed|unable to get"):
        handshake(national, national.issue(PASTEUR), other.issue(LENS), PASTEUR.host, tmp_path)


def test_an_expired_certificate_is_refused(national: Authority, tmp_path: Path) -> None:
    ended = now() - timedelta(days=1)
    expired = national.issue(PASTEUR, not_before=ended - timedelta(days=30), not_after=ended)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(national, expired, national.issue(LENS), PASTEUR.host, tmp_path)


def test_a_certificate_for_servers_only_is_refused_as_a_client(national: Authority, tmp_path: Path) -> None:
    server_only = national.issue(LENS, usages=[ExtendedKeyUsageOID.SERVER_AUTH])
    with pytest.raises(ssl.SSLError, match=r"unsuitable|unsupported"):
        handshake(national, national.issue(PASTEUR), server_only, PASTEUR.host, tmp_path)


def test_a_subject_is_encoded_in_the_national_order(national: Authority) -> None:
    leaf = national.issue(PASTEUR).leaf
    assert [attribute.value for attribute in leaf.subject] == [
        "FR",
        "Eure (27)",
        "CLINIQUE PASTEUR",
        "1270000102",
        "mail.pasteur.test",
    ]
    assert leaf.subject.rfc4514_string().startswith("CN=mail.pasteur.test,OU=1270000102,O=CLINIQUE PASTEUR")


def test_every_authority_says_that_it_is_a_test(national: Authority, other: Authority) -> None:
    for certificate in (*national.issuing.chain, *other.issuing.chain):
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert str(name.value).startswith("TEST ")


def test_the_issuing_authority_signs_no_further_authority(national: Authority) -> None:
    constraints = national.issuing.leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_a_leaf_lives_three_years_and_says_where_its_revocation_list_is(national: Authority) -> None:
    leaf = national.issue(PASTEUR).leaf
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=3 * 365)
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for point in points for name in point.full_name or []] == [national.profile.crl_url]


def test_the_revocation_list_names_what_was_revoked_and_is_signed(national: Authority) -> None:
    serial = national.issue(PASTEUR).leaf.serial_number
    crl = x509.load_der_x509_crl(national.crl([serial]))
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None
    assert crl.is_signature_valid(national.issuing.key.public_key())


def test_a_leaf_says_who_answers_for_its_revocation(national: Authority) -> None:
    for certificate in (national.issue(PASTEUR).leaf, national.issuing.leaf):
        told = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        places = {one.access_location.value for one in told if one.access_method == AuthorityInformationAccessOID.OCSP}
        assert places == {national.profile.ocsp_url}


def test_the_root_says_who_of_its_authorities_is_revoked(national: Authority) -> None:
    crl = x509.load_der_x509_crl(national.root_crl([national.issuing.leaf.serial_number]))
    assert crl.get_revoked_certificate_by_serial_number(national.issuing.leaf.serial_number) is not None
    assert crl.is_signature_valid(national.root.key.public_key())
    points = national.issuing.leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for point in points for name in point.full_name or []] == [national.profile.root_crl_url]


def test_what_a_saved_authority_revokes_it_remembers(national: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    Authority.create().save(folder)
    Authority.load(folder).revoke(17)
    Authority.load(folder).revoke(23, tier="root")
    again = Authority.load(folder)
    assert (set(again.revoked.known), set(again.revoked_by_root.known)) == ({17}, {23})
    assert x509.load_der_x509_crl(again.crl()).get_revoked_certificate_by_serial_number(17) is not None
    assert x509.load_der_x509_crl(again.root_crl()).get_revoked_certificate_by_serial_number(17) is None
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_who_signs_the_white_list_may_sign_documents_and_nothing_else(national: Authority) -> None:
    leaf = national.issue_signer().leaf
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.content_commitment) == (True, True)
    assert not usage.value.key_encipherment
    extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert leaf.subject.rfc4514_string().startswith("CN=alb.world.test,OU=3")


def test_a_request_is_granted_as_it_is(national: Authority) -> None:
    key = new_key()
    builder = x509.CertificateSigningRequestBuilder().subject_name(leaf_subject(LENS))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(LENS.host)]), critical=False)
    leaf, issuer = national.certify(builder.sign(key, hashes.SHA256()))
    assert leaf.subject == leaf_subject(LENS)
    assert leaf.public_key() == key.public_key()
    leaf.verify_directly_issued_by(issuer)


def test_a_saved_authority_still_signs_and_its_keys_are_for_its_owner(national: Authority, tmp_path: Path) -> None:
    national.save(tmp_path / "authority")
    again = Authority.load(tmp_path / "authority")
    again.issue(LENS).leaf.verify_directly_issued_by(national.issuing.leaf)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "authority").iterdir()}
    assert modes == {0o600}


def handshake(trusted: Authority, server: Issued, client: Issued, asked: str, scratch: Path) -> dict[str, object]:
    """Let a client that asks for a name meet a server, both trusting one authority; what the server saw of it."""
    here = _context(ssl.PROTOCOL_TLS_SERVER, trusted, server, scratch / "server.pem")
    there = _context(ssl.PROTOCOL_TLS_CLIENT, trusted, client, scratch / "client.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = here.wrap_bio(to_server, to_client, server_side=True)
    calling = there.wrap_bio(to_client, to_server, server_hostname=asked)
    waiting = [calling, serving]
    while waiting:
        waiting = [side for side in waiting if not _advanced(side)]
    return dict(serving.getpeercert() or {})


def _context(protocol: int, trusted: Authority, own: Issued, path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=trusted.root.chain_pem().decode())
    path.write_bytes(own.key_pem() + own.chain_pem())
    context.load_cert_chain(path)
    return context


def _advanced(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
