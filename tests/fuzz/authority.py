"""An authority whose keys are known to everybody, the same in every run: what it signed once is still its own."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from vaguemestre.host.trust.authorities import Authorities, authorities
from vaguemestre.pki.extensions import key_usage
from vaguemestre.pki.profiles import NATIONAL

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)
ROOT_KEY, KEY, OPERATOR_KEY = (ec.derive_private_key(number, ec.SECP256R1()) for number in (7, 8, 9))
ROOT_NAME, NAME = NATIONAL.name(NATIONAL.root), NATIONAL.name(NATIONAL.issuing)

_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def held() -> Authorities:
    """Root and issuing authority, as a host holds them."""
    pem = b"".join(
        _certificate(name, key, number).public_bytes(Encoding.PEM)
        for number, (name, key) in enumerate(((ROOT_NAME, ROOT_KEY), (NAME, KEY)), start=1)
    )
    return authorities(pem)


def sealed(tbs: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    """Any content as a certificate, or a list, that the authority signed."""
    signature = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    return _tlv(0x30, tbs + _ECDSA_SHA256 + _tlv(0x03, b"\0" + signature))


def answered(basic: bytes) -> bytes:
    """A successful OCSP response of this content (RFC 6960 section 4.2.1)."""
    kind = bytes.fromhex("06092b0601050507300101")  # id-pkix-ocsp-basic
    return _tlv(0x30, b"\x0a\x01\x00" + _tlv(0xA0, _tlv(0x30, kind + _tlv(0x04, basic))))


def _certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey, number: int) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(ROOT_NAME).public_key(key.public_key())
    builder = builder.serial_number(number).not_valid_before(FIRST).not_valid_after(LAST)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return builder.sign(ROOT_KEY, hashes.SHA256())


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x83" + size.to_bytes(3, "big")
    if 128 <= size < 256:
        length = b"\x81" + bytes([size])
    elif 256 <= size < 1 << 16:
        length = b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content
