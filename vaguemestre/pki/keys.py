"""The test authority's keys, in memory and as files."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from vaguemestre.pki.profiles import KEY_BITS


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

    def leaf_pem(self) -> bytes:
        """The host's own certificate, PEM."""
        return pem(self.leaf)

    def key_pem(self) -> bytes:
        """The key, PKCS#8, without a passphrase: write it with mode 0600."""
        plain = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)

    def chain_pem(self) -> bytes:
        """The certificates, in the order TLS sends them."""
        return b"".join(map(pem, self.chain))


def new_key() -> rsa.RSAPrivateKey:
    """A key of the national size, drawn now."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def load_key(content: bytes) -> rsa.RSAPrivateKey:
    """An RSA key from PEM; raises ValueError for any other."""
    key = serialization.load_pem_private_key(content, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("an authority's key must be RSA")
    return key


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)
