"""What Debian 12's cryptography (38) has no word for yet, asked in one way of it and of Debian 13's (43).

Moments are in UTC. Where a newer library is there, it is asked; what stands in for it here says no more often, never
less often: only signatures of the forms that the trust space uses are known.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import SignatureAlgorithmOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

_END = b"-----END CERTIFICATE-----"
# RFC 8017 section 8.2, RFC 5758 section 3.2; not RSASSA-PSS, whose parameters cryptography 38 does not show.
_KNOWN = {
    SignatureAlgorithmOID.RSA_WITH_SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
}


def begins(certificate: x509.Certificate) -> datetime:
    return _moment(certificate, "not_valid_before")


def ends(certificate: x509.Certificate) -> datetime:
    return _moment(certificate, "not_valid_after")


def span(of: x509.CertificateRevocationList) -> tuple[datetime, datetime | None]:
    """When a revocation list was made and when its successor comes; None: it does not say."""
    return _moment(of, "last_update"), _perhaps(of, "next_update")


def answered(of: ocsp.OCSPSingleResponse) -> tuple[datetime, datetime | None]:
    """From when an answer holds, and until when; None: it does not say."""
    return _moment(of, "this_update"), _perhaps(of, "next_update")


def _moment(of: Any, name: str) -> datetime:
    found = _perhaps(of, name)
    if found is None:
        raise ValueError(f"it has no {name}")
    return found


def _perhaps(of: Any, name: str) -> datetime | None:
    if hasattr(type(of), f"{name}_utc"):
        known: datetime | None = getattr(of, f"{name}_utc")
        return known
    naive: datetime | None = getattr(of, name)  # UTC, without saying so
    return naive and naive.replace(tzinfo=UTC)


def question(issuer: x509.Certificate, serial: int, named: tuple[bytes, bytes], by: HashAlgorithm) -> Any:
    """The beginning of a question by OCSP; `named` are the hashes of the issuer's name and key.

    cryptography 38 takes a serial number only from a certificate: it is given one that has nothing else.
    """
    builder = ocsp.OCSPRequestBuilder()
    if hasattr(builder, "add_certificate_by_hash"):
        return builder.add_certificate_by_hash(*named, serial, by)
    key, nobody, day = ed25519.Ed25519PrivateKey.generate(), x509.Name([]), datetime(2020, 1, 1)
    bearer = x509.CertificateBuilder().subject_name(nobody).issuer_name(issuer.subject).public_key(key.public_key())
    certificate = bearer.serial_number(serial).not_valid_before(day).not_valid_after(day).sign(key, None)
    return builder.add_certificate(certificate, issuer, by)


def certificates(pem: bytes) -> list[x509.Certificate]:
    """All certificates of a PEM file, in its order; raises ValueError: none, or one that cannot be read."""
    if hasattr(x509, "load_pem_x509_certificates"):
        return list(x509.load_pem_x509_certificates(pem))
    blocks = [block + _END for block in pem.split(_END)[:-1]]
    if not blocks:
        raise ValueError("no PEM certificate in it")
    return [x509.load_pem_x509_certificate(block) for block in blocks]


def check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Return when `issuer` is named as the issuer and its key made the signature; raises whatever comes otherwise."""
    if hasattr(certificate, "verify_directly_issued_by"):
        return certificate.verify_directly_issued_by(issuer)
    algorithm = certificate.signature_hash_algorithm
    if certificate.issuer != issuer.subject or algorithm is None:
        raise ValueError("another issuer is named")
    if certificate.signature_algorithm_oid not in _KNOWN:
        raise InvalidSignature("a signature of a form that is not known here")
    signed = certificate.tbs_certificate_bytes
    return check_signature(issuer.public_key(), certificate.signature, signed, algorithm)


def check_signature(key: PublicKeyTypes, signature: bytes, signed: bytes, algorithm: HashAlgorithm) -> None:
    """Return when it is by this RSA (PKCS #1 v1.5) or elliptic-curve key; raises InvalidSignature."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(algorithm))
    else:
        raise InvalidSignature(f"a key of kind {type(key).__name__}")
