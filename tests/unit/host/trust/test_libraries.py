"""What stands in for a newer cryptography on Debian 12 says what the newer one says, of the same certificates."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from strangers import REQUEST

from vaguemestre.host.trust import libraries
from vaguemestre.pki.authority import Authority

NATIONAL = Authority.create()
VALID = NATIONAL.issue(REQUEST)
NEWER = ("verify_directly_issued_by", "not_valid_before_utc", "not_valid_after_utc")


class Older:
    """A certificate as cryptography 38 shows it: without what came later, its dates naive."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._certificate = certificate

    def __getattr__(self, name: str) -> Any:
        if name in NEWER:
            raise AttributeError(name)
        if name in ("not_valid_before", "not_valid_after"):
            return getattr(self._certificate, f"{name}_utc").replace(tzinfo=None)
        return getattr(self._certificate, name)


def older(certificate: x509.Certificate) -> Any:
    return Older(certificate)


def test_dates_are_the_same_moments() -> None:
    assert libraries.begins(older(VALID.leaf)) == VALID.leaf.not_valid_before_utc
    assert libraries.ends(older(VALID.leaf)) == VALID.leaf.not_valid_after_utc


def test_who_issued_it_is_believed() -> None:
    libraries.check_issued(older(VALID.leaf), NATIONAL.issuing.leaf)


def test_who_only_bears_the_issuers_place_is_not() -> None:
    """The root is named by nobody but the authority below it."""
    with pytest.raises(ValueError, match="another issuer"):
        libraries.check_issued(older(VALID.leaf), NATIONAL.root.leaf)


def test_a_signature_by_another_key_is_refused() -> None:
    algorithm = VALID.leaf.signature_hash_algorithm
    assert algorithm
    with pytest.raises(InvalidSignature):
        libraries.check_signature(
            NATIONAL.root.leaf.public_key(), VALID.leaf.signature, VALID.leaf.tbs_certificate_bytes, algorithm
        )


def test_all_certificates_of_a_file_are_read_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    pem = NATIONAL.anchors_pem()
    known = libraries.certificates(pem)
    monkeypatch.delattr(x509, "load_pem_x509_certificates")
    assert libraries.certificates(pem) == known
    assert len(known) == 2
    with pytest.raises(ValueError, match="no PEM certificate"):
        libraries.certificates(b"nothing")
