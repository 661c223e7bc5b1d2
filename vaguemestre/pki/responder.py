"""Answers to OCSP questions (RFC 6960). Runs by itself on the lab's world host: no import of the kit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp


@dataclass(frozen=True)
class Voice:
    """Who answers for an authority: `certificate`, of which `key` is the key; both may be the authority's own."""

    authority: x509.Certificate
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def answer(
    question: bytes,
    voices: Mapping[Voice, Mapping[int, datetime]],
    now: datetime,
    *,
    lasting: timedelta = timedelta(hours=1),
) -> bytes:
    """The answer, DER, to a question about one certificate; `voices` with what their authorities revoked, and when.

    An authority nobody here speaks for is answered "unauthorized" (RFC 5019 section 2.2.3). What was never issued is
    called good, as lists do.
    """
    try:
        asked = ocsp.load_der_ocsp_request(question)
        voice = next((one for one in voices if _about(asked, one.authority)), None)
    except ValueError:
        return _failure(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    if voice is None:
        return _failure(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    revoked = voices[voice].get(asked.serial_number)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=_bearer(voice.authority, asked.serial_number),
        issuer=voice.authority,
        algorithm=asked.hash_algorithm,
        cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        this_update=now,
        next_update=now + lasting,
        revocation_time=revoked,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, voice.certificate)
    if voice.certificate != voice.authority:
        builder = builder.certificates([voice.certificate])
    for extension in asked.extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            builder = builder.add_extension(extension.value, critical=False)
    return builder.sign(voice.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _failure(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


def _about(asked: ocsp.OCSPRequest, authority: x509.Certificate) -> bool:
    """Whether the question names this authority: it is asked the same way about some serial number."""
    same = ocsp.OCSPRequestBuilder().add_certificate(_bearer(authority, 1), authority, asked.hash_algorithm).build()
    return (same.issuer_name_hash, same.issuer_key_hash) == (asked.issuer_name_hash, asked.issuer_key_hash)


def _bearer(authority: x509.Certificate, serial: int) -> x509.Certificate:
    """Debian 13's cryptography takes names and serial numbers only from certificates: one that has nothing else."""
    key, nobody = ed25519.Ed25519PrivateKey.generate(), x509.Name([])
    day = datetime(2020, 1, 1)
    builder = x509.CertificateBuilder().subject_name(nobody).issuer_name(authority.subject).public_key(key.public_key())
    return builder.serial_number(serial).not_valid_before(day).not_valid_after(day).sign(key, None)
