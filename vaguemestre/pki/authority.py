"""A certification authority for the lab and the tests, shaped like the national one; its names all begin with TEST.

Two tiers, as IGC-Santé: a root, and an issuing authority (pathlen 0) that signs host certificates and the CRL. `OTHER`
in `profiles` gives the authority that must not be trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from vaguemestre.pki.extensions import crl_points, issuer_address, issuer_key, key_usage
from vaguemestre.pki.profiles import (
    AUTHORITY_LIFE,
    CLOCK_MARGIN,
    CRL_LIFE,
    KEY_BITS,
    LEAF_LIFE,
    NATIONAL,
    USAGES,
    CertificateRequest,
    Profile,
    leaf_subject,
    now,
)

__all__ = ["Authority", "CertificateRequest", "Issued"]

_FILES = ("root.key", "root.pem", "issuing.key", "issuing.pem")


@dataclass(frozen=True)
class Issued:
    """A private key and its certificate chain, leaf first, then the issuing authority."""

    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        """The host's own certificate."""
        return self.chain[0]

    def leaf_der(self) -> bytes:
        """The host's own certificate, DER."""
        return self.leaf.public_bytes(serialization.Encoding.DER)

    def key_pem(self) -> bytes:
        """The key, PKCS#8, without a passphrase: write it with mode 0600."""
        return _key_pem(self.key)

    def chain_pem(self) -> bytes:
        """The certificates, in the order TLS sends them."""
        return b"".join(map(_pem, self.chain))


@dataclass(frozen=True)
class Authority:
    """A root and its issuing authority, with their keys."""

    profile: Profile
    root: Issued
    issuing: Issued

    @classmethod
    def create(cls, profile: Profile = NATIONAL) -> Self:
        """A new authority, its keys drawn now."""
        root_key, issuing_key = _new_key(), _new_key()
        root_name = profile.name(profile.root)
        root = _authority(root_name, root_key, root_name, root_key, pathlen=1)
        issuing = _authority(profile.name(profile.issuing), issuing_key, root_name, root_key, pathlen=0)
        return cls(profile, Issued(root_key, (root,)), Issued(issuing_key, (issuing, root)))

    @classmethod
    def load(cls, directory: Path, profile: Profile = NATIONAL) -> Self:
        """The authority saved in `directory`; raises FileNotFoundError without one, ValueError when it is spoilt."""
        root_key, root, issuing_key, issuing = ((directory / name).read_bytes() for name in _FILES)
        root_certificate = x509.load_pem_x509_certificate(root)
        chain = (x509.load_pem_x509_certificate(issuing), root_certificate)
        return cls(profile, Issued(_load_key(root_key), (root_certificate,)), Issued(_load_key(issuing_key), chain))

    def save(self, directory: Path) -> None:
        """Write keys and certificates to `directory`, for its owner's eyes only."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        contents = (self.root.key_pem(), _pem(self.root.leaf), self.issuing.key_pem(), _pem(self.issuing.leaf))
        for name, content in zip(_FILES, contents, strict=True):
            (directory / name).touch(mode=0o600)
            (directory / name).write_bytes(content)

    def anchors_pem(self) -> bytes:
        """The certificates that those who trust this authority install: root, then issuing."""
        return _pem(self.root.leaf) + _pem(self.issuing.leaf)

    def issue(
        self,
        request: CertificateRequest,
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        usages: Sequence[x509.ObjectIdentifier] = USAGES,
        subject: x509.Name | None = None,
        names: Sequence[str] | None = None,
        key: rsa.RSAPrivateKey | None = None,
    ) -> Issued:
        """A host certificate by the national profile; each keyword makes one thing differ from it."""
        key = key or _new_key()
        begins = not_before or now() - CLOCK_MARGIN
        builder = (
            _builder(
                subject or leaf_subject(request),
                key,
                self.issuing.leaf.subject,
                begins,
                not_after or begins + LEAF_LIFE,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(digital_signature=True, key_encipherment=True), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(n) for n in names or [request.host]]), critical=False
            )
            .add_extension(issuer_key(self.issuing.key), critical=False)
            .add_extension(crl_points(self.profile.crl_url), critical=False)
            .add_extension(issuer_address(self.profile.certificate_url), critical=False)
        )
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return Issued(key, (builder.sign(self.issuing.key, hashes.SHA256()), self.issuing.leaf))

    def crl(
        self, revoked: Iterable[int] = (), *, published: datetime | None = None, until: datetime | None = None
    ) -> bytes:
        """The issuing authority's revocation list, DER, naming these serial numbers."""
        begins = published or now() - CLOCK_MARGIN
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.issuing.leaf.subject)
        builder = builder.last_update(begins).next_update(until or begins + CRL_LIFE)
        builder = builder.add_extension(x509.CRLNumber(int(begins.timestamp())), critical=False)
        builder = builder.add_extension(issuer_key(self.issuing.key), critical=False)
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begins).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.issuing.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _load_key(pem: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("an authority's key must be RSA")
    return key


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, key: rsa.RSAPrivateKey, issuer: x509.Name, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _authority(
    name: x509.Name, key: rsa.RSAPrivateKey, issuer: x509.Name, signing_key: rsa.RSAPrivateKey, pathlen: int
) -> x509.Certificate:
    begins = now() - CLOCK_MARGIN
    builder = (
        _builder(name, key, issuer, begins, begins + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=pathlen), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(issuer_key(signing_key), critical=False)
    )
    return builder.sign(signing_key, hashes.SHA256())
