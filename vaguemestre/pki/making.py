"""Certificates and revocation lists of the national shape, each signed at once from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from vaguemestre.pki.extensions import crl_points, issuer_address, issuer_key, key_usage
from vaguemestre.pki.keys import Issued
from vaguemestre.pki.profiles import AUTHORITY_LIFE, CLOCK_MARGIN, USAGES, Profile, now


@dataclass(frozen=True)
class Purpose:
    """What a leaf is for: its key usage, its extended usages, and whether relying parties need not check it."""

    usage: x509.KeyUsage
    extended: tuple[x509.ObjectIdentifier, ...]
    unchecked: bool = False


MAIL_HOST = Purpose(key_usage(digital_signature=True, key_encipherment=True), USAGES)
LIST_SIGNER = Purpose(key_usage(digital_signature=True, non_repudiation=True), (ExtendedKeyUsageOID.EMAIL_PROTECTION,))
RESPONDER = Purpose(key_usage(digital_signature=True), (ExtendedKeyUsageOID.OCSP_SIGNING,), unchecked=True)


def leaf(
    issuer: Issued,
    profile: Profile,
    subject: x509.Name,
    key: rsa.RSAPublicKey,
    dates: tuple[datetime, datetime],
    names: Sequence[x509.GeneralName],
    purpose: Purpose,
) -> x509.Certificate:
    """A certificate of `issuer`; `names` is its SAN, none without names."""
    builder = (
        _builder(subject, key, issuer.leaf.subject, dates)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(purpose.usage, critical=True)
        .add_extension(issuer_key(issuer.key), critical=False)
        .add_extension(crl_points(profile.crl_url), critical=False)
        .add_extension(issuer_address(profile.certificate_url, profile.ocsp_url), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if purpose.extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purpose.extended), critical=False)
    if purpose.unchecked:  # RFC 6960 section 4.2.2.2.1: who else could say whether the responder is revoked?
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def root(profile: Profile, key: rsa.RSAPrivateKey) -> x509.Certificate:
    """A root, signed by itself."""
    name = profile.name(profile.root)
    return _authority(_builder(name, key.public_key(), name, _life()), key, pathlen=1)


def issuing(profile: Profile, key: rsa.RSAPublicKey, above: Issued) -> x509.Certificate:
    """An issuing authority, signed by the root."""
    name = profile.name(profile.issuing)
    builder = (
        _builder(name, key, above.leaf.subject, _life())
        .add_extension(crl_points(profile.root_crl_url), critical=False)
        .add_extension(issuer_address(profile.root_certificate_url, profile.ocsp_url), critical=False)
    )
    return _authority(builder, above.key, pathlen=0)


def revocation_list(author: Issued, revoked: Mapping[int, datetime], begins: datetime, ends: datetime) -> bytes:
    """The author's list, DER; its number is the second it begins in."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(author.leaf.subject)
    builder = builder.last_update(begins).next_update(ends)
    builder = builder.add_extension(x509.CRLNumber(int(begins.timestamp())), critical=False)
    builder = builder.add_extension(issuer_key(author.key), critical=False)
    for serial, when in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(author.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _life() -> tuple[datetime, datetime]:
    begins = now() - CLOCK_MARGIN
    return begins, begins + AUTHORITY_LIFE


def _builder(
    subject: x509.Name, key: rsa.RSAPublicKey, issuer: x509.Name, dates: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(dates[0]).not_valid_after(dates[1])
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _authority(builder: x509.CertificateBuilder, signing_key: rsa.RSAPrivateKey, pathlen: int) -> x509.Certificate:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=pathlen), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(issuer_key(signing_key), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
