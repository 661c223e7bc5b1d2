"""Whose certificate signs, as values for a page and for a check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Signer:
    """A certificate. Names are RFC 4514 text, the CN first; `units` are its OUs, `name` its CN."""

    subject: str
    issuer: str
    serial: str
    begins: datetime
    ends: datetime
    fingerprint: str
    name: str
    units: tuple[str, ...]


def signer(certificate: x509.Certificate) -> Signer:
    """What a certificate says of its bearer."""
    return Signer(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":"),
        name=next(iter(_text(certificate, NameOID.COMMON_NAME)), ""),
        units=_text(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME),
    )


def _text(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(one.value) for one in certificate.subject.get_attributes_for_oid(kind))
