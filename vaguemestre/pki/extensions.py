"""The X.509 extensions that the trust space's certificates carry, each made from one plain value."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID


def issuer_key(key: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    """Which key signed this (RFC 5280: authority key identifier)."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def crl_points(url: str) -> x509.CRLDistributionPoints:
    """Where the revocation list is (RFC 5280: CRL distribution points)."""
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)])


def issuer_address(certificate_url: str, ocsp_url: str) -> x509.AuthorityInformationAccess:
    """Where the issuer's own certificate is, and who answers for it (RFC 5280: authority information access)."""
    told = ((AuthorityInformationAccessOID.CA_ISSUERS, certificate_url), (AuthorityInformationAccessOID.OCSP, ocsp_url))
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(kind, x509.UniformResourceIdentifier(url)) for kind, url in told]
    )


def key_usage(
    *,
    digital_signature: bool = False,
    non_repudiation: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """What the key may do, and nothing else (RFC 5280: key usage)."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=key_encipherment,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=non_repudiation,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
