"""Who a certificate proves its bearer to be, or why it proves nothing. Pure.

Certificates come from strangers. Whatever is in one is read in one guarded place into `Facts`, plain values; what
cannot be read is UNREADABLE_CERTIFICATE, and the decision itself has nothing left that could raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from vaguemestre.host.trust import libraries, reasons
from vaguemestre.host.trust.authorities import (
    Authorities,
    Authority,
    AuthorityError,
    UnreadableError,
    authorities,
    guarded,
)
from vaguemestre.host.trust.dn import DnError, key_of
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.values import DnKey, Identity, Revocations, Standing

__all__ = [
    "Authorities",
    "Authority",
    "AuthorityError",
    "Facts",
    "UnreadableError",
    "Use",
    "authorities",
    "prove",
    "read",
]

LARGEST = 16 * 1024
"""Bytes; a certificate of the trust space has about 2,000."""

_PEM = b"-----BEGIN CERTIFICATE-----"
_SERIALS = range(1, 1 << 160)  # RFC 5280 section 4.1.2.2: positive, at most 20 octets
_SMALLEST_RSA, _SMALLEST_CURVE = 2048, 250  # bits, as the national agency's TLS guide asks
_KNOWN = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.FRESHEST_CRL,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.SUBJECT_INFORMATION_ACCESS,
    }
)

Kind = TypeVar("Kind", bound=x509.ExtensionType)


class Use(Enum):
    """What the bearer does in the TLS session."""

    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH  # it writes to us
    SERVER = ExtendedKeyUsageOID.SERVER_AUTH  # we write to it


@dataclass(frozen=True)
class Facts:
    """What a decision needs of a certificate. `dn` is None when the subject cannot be used."""

    serial: int
    begins: datetime
    ends: datetime
    dn: DnKey | None
    uses: frozenset[Use]


def read(der_or_pem: bytes) -> x509.Certificate:
    """The certificate, the first of a chain in PEM. Raises UnreadableError: too large, or no certificate.

    PEM is what begins as PEM: a stranger's DER may well carry somebody else's certificate, in PEM, inside.
    """
    if len(der_or_pem) > LARGEST:
        raise UnreadableError(f"{len(der_or_pem)} bytes are too many for a certificate")
    if der_or_pem.startswith(_PEM):
        return guarded(lambda: x509.load_pem_x509_certificate(der_or_pem))
    return guarded(lambda: x509.load_der_x509_certificate(der_or_pem))


def facts(certificate: x509.Certificate) -> Facts:
    """All that is in it, read at once. Raises UnreadableError."""
    return guarded(lambda: _facts(certificate))


def prove(
    der_or_pem: bytes, authorities: Authorities, revocations: Revocations, now: datetime, use: Use
) -> Identity | Reason:
    """Whom this certificate proves, for this use, or the first reason why not.

    In this order: readable, issued by an authority that is held, that authority in date and not revoked, in date
    itself, made for the use, a subject that can be compared with the list, and revocation. `now` has a zone.
    """
    if len(der_or_pem) > LARGEST:  # before it is remembered
        return reasons.UNREADABLE_CERTIFICATE
    known = _issued(der_or_pem, authorities)
    if isinstance(known, Reason):
        return known
    found, issuer = known
    return _objection(found, issuer, revocations, now, use) or _identity(found, issuer)


@lru_cache(maxsize=512)
def _issued(der_or_pem: bytes, authorities: Authorities) -> tuple[Facts, Authority] | Reason:
    """What does not change with time: the same peer comes again and again, and reading it costs a third of a ms."""
    try:
        certificate = read(der_or_pem)
        found = facts(certificate)
    except UnreadableError:
        return reasons.UNREADABLE_CERTIFICATE
    issuer = authorities.issuer(certificate)
    return reasons.FOREIGN_AUTHORITY if issuer is None else (found, issuer)


def _objection(found: Facts, issuer: Authority, revocations: Revocations, now: datetime, use: Use) -> Reason | None:
    above = [revocations.standing(one.above.key, _serial(one), now) for one in issuer.path() if one.above]
    if Standing.REVOKED in above:
        return reasons.REVOKED
    for begins, ends in [(one.begins, one.ends) for one in issuer.path()] + [(found.begins, found.ends)]:
        if now < begins:
            return reasons.NOT_YET_VALID
        if now > ends:
            return reasons.EXPIRED
    if use not in found.uses:
        return reasons.WRONG_USAGE
    if found.dn is None:
        return reasons.UNUSABLE_SUBJECT
    return _revocation([*above, revocations.standing(issuer.key, found.serial, now)])


def _revocation(standings: list[Standing]) -> Reason | None:
    """REVOKED wins over not knowing, and good needs everybody on the path to be good."""
    if Standing.REVOKED in standings:
        return reasons.REVOKED
    return None if all(one is Standing.GOOD for one in standings) else reasons.REVOCATION_UNKNOWN


def _identity(found: Facts, issuer: Authority) -> Identity | Reason:
    if found.dn is None:
        return reasons.UNUSABLE_SUBJECT
    return Identity(found.dn, issuer.key, found.serial, int(found.ends.timestamp()))


def _serial(authority: Authority) -> int:
    return authority.certificate.serial_number


def _facts(certificate: x509.Certificate) -> Facts:
    serial = certificate.serial_number
    if serial not in _SERIALS:
        raise ValueError("a serial number beyond RFC 5280")
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _KNOWN:
            raise ValueError(f"a critical extension that nobody here understands: {extension.oid.dotted_string}")
    uses = frozenset(use for use in Use if _made_for(use, certificate))
    begins, ends = libraries.begins(certificate), libraries.ends(certificate)
    return Facts(serial, begins, ends, _dn(certificate), uses)


def _dn(certificate: x509.Certificate) -> DnKey | None:
    try:
        return key_of(guarded(lambda: certificate.subject))
    except (DnError, UnreadableError):
        return None


def _made_for(use: Use, certificate: x509.Certificate) -> bool:
    """OpenSSL's rule for TLS (openssl-verification-options(1), "Certificate Purposes"), for no authority.

    What is absent restricts nothing (RFC 5280 section 4.2.1.12). A key too weak for the national agency's guide is
    made for no use.
    """
    extensions = certificate.extensions
    constraints = _extension(extensions, x509.BasicConstraints)
    named, usage = _extension(extensions, x509.ExtendedKeyUsage), _extension(extensions, x509.KeyUsage)
    if constraints is not None and constraints.ca:
        return False
    if named is not None and use.value not in named:
        return False
    if usage is not None and not (usage.digital_signature or usage.key_agreement or _wraps_keys(usage, use)):
        return False
    return _strong(certificate)


def _wraps_keys(usage: x509.KeyUsage, use: Use) -> bool:
    return use is Use.SERVER and usage.key_encipherment


def _strong(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _SMALLEST_RSA
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.key_size >= _SMALLEST_CURVE
    return isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)


def _extension(extensions: x509.Extensions, kind: type[Kind]) -> Kind | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
