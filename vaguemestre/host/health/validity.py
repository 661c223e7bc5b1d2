"""Until when certificates are valid, read with the standard library alone (RFC 5280 section 4.1, X.690).

Only the way to notAfter is read. The files are those of the live release, so what is here is trusted and may be odd
only by mistake: whatever is no certificate gives ValueError.
"""

from __future__ import annotations

import binascii
import re
from datetime import datetime

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_DIGITS = re.compile(r"[0-9]{14}Z")
_SEQUENCE, _EXPLICIT_0, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_BEFORE_VALIDITY = 4  # of TBSCertificate: [version], serial number, signature algorithm, issuer


def ends(pem: bytes) -> tuple[datetime, ...]:
    """Until when each certificate in `pem` is valid, in its order; nothing when there is none.

    Raises:
        ValueError: one of them is damaged.
    """
    return tuple(_ends(binascii.a2b_base64(found)) for found in _PEM.findall(pem))


def _ends(der: bytes) -> datetime:
    """Certificate ::= SEQUENCE { TBSCertificate ::= SEQUENCE { ..., Validity ::= SEQUENCE { notBefore, notAfter"""
    certificate, _ = _element(der, _SEQUENCE)
    rest, _ = _element(certificate, _SEQUENCE)
    if rest[:1] == bytes([_EXPLICIT_0]):
        _, rest = _element(rest)
    for _ in range(_BEFORE_VALIDITY - 1):
        _, rest = _element(rest)
    validity, _ = _element(rest, _SEQUENCE)
    _, after = _element(validity)
    return _time(after)


def _time(der: bytes) -> datetime:
    """A two-digit year is of 1950 to 2049 (RFC 5280 section 4.1.2.5.1)."""
    text, _ = _element(der)
    digits = text.decode("ascii")
    if der[0] == _UTC_TIME:
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    elif der[0] != _GENERALIZED_TIME:
        raise ValueError("no time where a certificate has its end")
    if not _DIGITS.fullmatch(digits):
        raise ValueError("a time that is none of DER's")
    return datetime.fromisoformat(f"{digits[:8]}T{digits[8:]}")  # strptime(3)'s tables take longer than all the rest


def _element(der: bytes, tag: int | None = None) -> tuple[bytes, bytes]:
    """The content of the first element, and what follows it."""
    if len(der) < 2 or (tag is not None and der[0] != tag):
        raise ValueError("this is no certificate")
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if len(der) < start + length:
        raise ValueError("this certificate is cut off")
    return der[start : start + length], der[start + length :]
