"""Certificates as strangers send them: whole, odd, and tampered with but signed by the authority all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from vaguemestre.host.trust.values import IssuerKey, Standing
from vaguemestre.pki import making
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.keys import new_key

HOST = "mail.ch-lens.mssante.test"
REQUEST = CertificateRequest(HOST, "CH DE LENS", "Pas-de-Calais (62)", "1620100685")
LISTED = f"CN={HOST},OU=1620100685,O=CH DE LENS,ST=Pas-de-Calais (62),C=FR"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
_SHA256_RSA, _SHA1_RSA = (bytes.fromhex(f"300d06092a864886f70d0101{last}0500") for last in ("0b", "05"))

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass
class Known:
    """What is known of revocation: good, unless told otherwise."""

    told: dict[tuple[IssuerKey, int], Standing] = field(default_factory=dict)
    otherwise: Standing = Standing.GOOD

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        return self.told.get((issuer, serial), self.otherwise)


def named(cn: str = HOST, organisation: str = "CH DE LENS", kind: x509.name._ASN1Type | None = None) -> x509.Name:
    """A subject in the national order, with nothing forbidden; `kind` is how CN and O are encoded."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Pas-de-Calais (62)"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation, kind, _validate=False),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "1620100685"),
            x509.NameAttribute(NameOID.COMMON_NAME, cn, kind, _validate=False),
        ]
    )


def signed(
    issuer: Issued,
    key: Key,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    *,
    subject: x509.Name | None = None,
) -> bytes:
    """A certificate of this key with these extensions (and whether each is critical) and no others, DER."""
    builder = (
        x509.CertificateBuilder().subject_name(named() if subject is None else subject).issuer_name(issuer.leaf.subject)
    )
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def self_signed(key: rsa.RSAPrivateKey, extensions: Sequence[tuple[x509.ExtensionType, bool]] = ()) -> bytes:
    """A certificate that is its own issuer, DER."""
    builder = x509.CertificateBuilder().subject_name(named()).issuer_name(named()).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def tampered(der: bytes, issuer: Issued, old: bytes, new: bytes) -> bytes:
    """The certificate with `new` where `old` stood first, both as long, and signed again: only its content is wrong."""
    assert len(old) == len(new)
    assert old in der
    tbs = x509.load_der_x509_certificate(der).tbs_certificate_bytes.replace(old, new, 1)
    return _sealed(tbs, _SHA256_RSA, issuer.key.sign(tbs, padding.PKCS1v15(), hashes.SHA256()))


def signed_with_sha1(der: bytes, issuer: Issued) -> bytes:
    """The certificate, signed again as certificates were twenty years ago."""
    tbs = x509.load_der_x509_certificate(der).tbs_certificate_bytes.replace(_SHA256_RSA, _SHA1_RSA, 1)
    return _sealed(tbs, _SHA1_RSA, issuer.key.sign(tbs, padding.PKCS1v15(), hashes.SHA1()))  # noqa: S303


def _sealed(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    return _tlv(0x30, tbs + algorithm + _tlv(0x03, b"\x00" + signature))


def sibling(authority: Authority, *, same_name: bool) -> Authority:
    """Another issuing authority below the same root."""
    profile = authority.profile if same_name else replace(authority.profile, issuing="TEST AC AUTRE GAMME")
    key = new_key()
    chain = (making.issuing(profile, key.public_key(), authority.root), authority.root.leaf)
    return Authority(profile, authority.root, Issued(key, chain))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content
