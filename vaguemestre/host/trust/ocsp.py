"""OCSP (RFC 6960), the second source on revocation: asked about one certificate when the lists have ended. Pure.

An answer that cannot be verified in full is no answer: UNKNOWN, with the reason for the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from vaguemestre.host.trust.authorities import RELIABLE_HASHES, Authority, UnreadableError, guarded
from vaguemestre.host.trust.libraries import answered, begins, check_signature, ends, question
from vaguemestre.host.trust.revocation import SKEW
from vaguemestre.host.trust.values import Revocations, Standing

LARGEST = 64 * 1024
"""Bytes; an answer with its responder's certificate has about 2,000."""

CONTENT_TYPE = "application/ocsp-request"
_WITHOUT_END = timedelta(hours=1)  # how long an answer counts that does not say


@dataclass(frozen=True)
class Answer:
    """What a responder said, verified; `until` is how long it may be kept, `why` tells what made it UNKNOWN."""

    standing: Standing
    until: datetime
    why: str = ""


def request(authority: Authority, serial: int, nonce: bytes | None = None) -> bytes:
    """The question about the certificate with this serial number, issued by `authority`; to be sent by POST, DER.

    SHA-1 only names the authority, as RFC 5019 section 2.1.1 asks; nothing rests on it.
    """
    sha1 = hashes.SHA1()  # noqa: S303 - see above
    builder = question(authority.certificate, serial, _named(authority, sha1), sha1)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    asked: bytes = builder.build().public_bytes(Encoding.DER)
    return asked


def answer(
    der: bytes,
    authority: Authority,
    serial: int,
    now: datetime,
    *,
    nonce: bytes | None = None,
    revocations: Revocations | None = None,
) -> Answer:
    """What the responder's answer says of this certificate; never raises for what a stranger may send.

    Believed when signed by `authority` itself, or by a responder that it certified for OCSP, in date and not known to
    be revoked (RFC 6960 section 4.2.2.2). A nonce is compared when there is one: responders may leave it out.
    """
    try:
        if len(der) > LARGEST:
            raise UnreadableError(f"{len(der)} bytes are too many for an answer")
        return guarded(lambda: _answer(ocsp.load_der_ocsp_response(der), authority, serial, now, nonce, revocations))
    except UnreadableError as error:
        return Answer(Standing.UNKNOWN, now, str(error))


def _answer(
    response: ocsp.OCSPResponse,
    authority: Authority,
    serial: int,
    now: datetime,
    nonce: bytes | None,
    revocations: Revocations | None,
) -> Answer:
    """Raises ValueError with what is wrong."""
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise ValueError(f"the responder says {response.response_status.name.lower()}")
    if not any(_signed(response, one) for one in _responders(response, authority, now, revocations)):
        raise ValueError("nobody who may answer for the authority signed this")
    if nonce is not None and _nonce(response) not in (None, nonce):
        raise ValueError("this is the answer to another question")
    return _said(response, authority, serial, now)


def _said(response: ocsp.OCSPResponse, authority: Authority, serial: int, now: datetime) -> Answer:
    for one in response.responses:
        if one.serial_number == serial and _about(one, authority):
            since, said = answered(one)
            until = said or since + _WITHOUT_END
            if not since - SKEW <= now <= until:
                raise ValueError(f"the answer holds from {since} to {until}")
            return Answer(_standing(one.certificate_status), until)
    raise ValueError("the answer is about another certificate")


def _standing(status: ocsp.OCSPCertStatus) -> Standing:
    known = {ocsp.OCSPCertStatus.GOOD: Standing.GOOD, ocsp.OCSPCertStatus.REVOKED: Standing.REVOKED}
    return known.get(status, Standing.UNKNOWN)


def _about(one: ocsp.OCSPSingleResponse, authority: Authority) -> bool:
    return (one.issuer_name_hash, one.issuer_key_hash) == _named(authority, one.hash_algorithm)


def _named(authority: Authority, algorithm: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    """The hashes of the authority's name and of its key's bits (RFC 6960 section 4.1.1)."""
    return (
        _hash(authority.certificate.subject.public_bytes(), algorithm),
        _hash(_bits(authority.certificate), algorithm),
    )


def _bits(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raise ValueError(f"a key of kind {type(key).__name__}")


def _hash(content: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(content)
    return digest.finalize()


def _responders(
    response: ocsp.OCSPResponse, authority: Authority, now: datetime, revocations: Revocations | None
) -> Iterator[x509.Certificate]:
    """Who may speak for the authority: itself, and those in the answer that it certified for nothing else."""
    yield authority.certificate
    for one in response.certificates:
        if not authority.issued(one) or not begins(one) <= now <= ends(one):
            continue
        if not _certified_for_ocsp(one):
            continue
        known = revocations.standing(authority.key, one.serial_number, now) if revocations else Standing.GOOD
        if known is not Standing.REVOKED:
            yield one


def _certified_for_ocsp(certificate: x509.Certificate) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usages


def _signed(response: ocsp.OCSPResponse, responder: x509.Certificate) -> bool:
    algorithm, key = response.signature_hash_algorithm, responder.public_key()
    if algorithm is None or algorithm.name not in RELIABLE_HASHES:
        return False
    try:
        check_signature(key, response.signature, response.tbs_response_bytes, algorithm)
    except InvalidSignature:
        return False
    return True


def _nonce(response: ocsp.OCSPResponse) -> bytes | None:
    try:
        return response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
