"""Credentials that would not do are refused on the controller, each for its own reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.credentials import check
from vaguemestre.pki.profiles import now

HOST = "mail.ch-lens.mssante.test"
REQUEST = CertificateRequest(HOST, "CH de Lens", "Pas-de-Calais (62)", "1620000999")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue(REQUEST)


def problems(authority: Authority, issued: Issued, host: str = HOST) -> list[str]:
    return check(host, issued.chain_pem(), issued.key_pem(), authority.anchors_pem())


def only_problem(authority: Authority, issued: Issued, host: str = HOST) -> str:
    (problem,) = problems(authority, issued, host)
    return problem


def test_good_credentials_have_no_problem(authority: Authority, issued: Issued) -> None:
    assert problems(authority, issued) == []


def test_the_name_is_compared_without_regard_to_case(authority: Authority, issued: Issued) -> None:
    assert problems(authority, issued, HOST.upper()) == []


def test_a_chain_without_its_issuers_does_when_the_anchors_hold_them(authority: Authority, issued: Issued) -> None:
    alone = Issued(issued.key, issued.chain[:1])
    assert problems(authority, alone) == []


def test_a_chain_that_needs_its_intermediate_does_with_the_root_alone(authority: Authority, issued: Issued) -> None:
    root = authority.anchors_pem().split(b"-----END CERTIFICATE-----\n")[0] + b"-----END CERTIFICATE-----\n"
    assert check(HOST, issued.chain_pem(), issued.key_pem(), root) == []
    alone = Issued(issued.key, issued.chain[:1])
    (problem,) = check(HOST, alone.chain_pem(), alone.key_pem(), root)
    assert "no issuer" in problem


def test_the_key_of_another_host_is_refused(authority: Authority, issued: Issued) -> None:
    swapped = Issued(authority.issue(REQUEST).key, issued.chain)
    assert "tls.key does not belong to the first certificate" in only_problem(authority, swapped)


def test_issuer_before_leaf_is_refused(authority: Authority, issued: Issued) -> None:
    assert any("tls.key does not belong" in one for one in problems(authority, Issued(issued.key, issued.chain[::-1])))


def test_the_certificate_of_another_host_is_refused(authority: Authority, issued: Issued) -> None:
    assert f"names {HOST}, not this host" in only_problem(authority, issued, "mail.pasteur-evreux.mssante.test")


def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    past = now() - timedelta(days=400)
    expired = authority.issue(REQUEST, not_before=past, not_after=past + timedelta(days=30))
    assert "expired on" in only_problem(authority, expired)


def test_a_certificate_of_tomorrow_is_refused(authority: Authority) -> None:
    tomorrow = authority.issue(REQUEST, not_before=now() + timedelta(days=1))
    assert "valid only from" in only_problem(authority, tomorrow)


def test_an_expired_authority_is_refused_however_young_the_certificate(authority: Authority, issued: Issued) -> None:
    later = authority.issuing.leaf.not_valid_after_utc + timedelta(days=1)
    found = check(HOST, issued.chain_pem(), issued.key_pem(), authority.anchors_pem(), now=later)
    assert any("ORGANISATIONS" in one and "expired" in one for one in found)


def test_a_certificate_of_another_authority_is_refused(authority: Authority) -> None:
    stranger = Authority.create().issue(REQUEST)  # the same names, other keys
    assert "no issuer of" in only_problem(authority, stranger)


@pytest.mark.parametrize(
    ("usage", "missing"),
    [(ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth"), (ExtendedKeyUsageOID.CLIENT_AUTH, "serverAuth")],
)
def test_a_certificate_for_half_the_work_is_refused(
    authority: Authority, usage: ObjectIdentifier, missing: str
) -> None:
    assert missing in only_problem(authority, authority.issue(REQUEST, usages=[usage]))


def test_what_is_not_pem_is_refused_without_being_shown(authority: Authority, issued: Issued) -> None:
    assert "not readable PEM" in check(HOST, b"secret words", issued.key_pem(), authority.anchors_pem())[0]
    (problem,) = check(HOST, issued.chain_pem(), b"secret words", authority.anchors_pem())
    assert "not a readable private key" in problem
    assert "secret words" not in problem


def test_all_that_is_wrong_is_said_at_once(authority: Authority) -> None:
    past = now() - timedelta(days=400)
    bad = Authority.create().issue(REQUEST, not_before=past, not_after=past + timedelta(days=30))
    found = problems(authority, Issued(authority.issue(REQUEST).key, bad.chain), "mail.elsewhere.test")
    assert len(found) == 4
    assert all(one.startswith("mail.elsewhere.test: ") for one in found)


def test_a_key_that_is_damaged_is_refused(authority: Authority, issued: Issued) -> None:
    """Its public half is right, so only its work can tell."""
    whole = issued.key.private_numbers()
    bent = rsa.RSAPrivateNumbers(
        whole.p, whole.q, whole.d ^ 2, whole.dmp1 ^ 2, whole.dmq1, whole.iqmp, whole.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    (problem,) = check(HOST, issued.chain_pem(), Issued(bent, issued.chain).key_pem(), authority.anchors_pem())
    assert "tls.key is damaged" in problem
