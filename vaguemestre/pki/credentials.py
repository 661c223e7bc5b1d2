"""Does this certificate do for this host? Asked on the controller, before a credential is sent anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LONGEST_CHAIN = 5
_NEEDED_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth: peers could not deliver to this host",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth: peers would refuse what this host sends",
}


def check(
    host: str, chain_pem: bytes, key_pem: bytes, anchors_pem: bytes | str, now: datetime | None = None
) -> list[str]:
    """What is wrong with a host's credentials, in words for a person; empty when they do.

    `chain_pem` is the host's certificate, then its issuers; `key_pem` an unencrypted private key; `anchors_pem` the
    national authorities; `now` is for tests. Checked: the key belongs to the certificate, today is within the dates of
    the whole path, the certificate names `host` (RFC 6125 section 6.4.1), allows TLS as server and as client, and its
    chain ends at an anchor. Revocation is not looked at here.
    """
    anchors = anchors_pem.encode() if isinstance(anchors_pem, str) else anchors_pem
    try:
        leaf, *issuers = x509.load_pem_x509_certificates(chain_pem)
        trusted = x509.load_pem_x509_certificates(anchors)
    except ValueError as error:
        return [f"{host}: certificate or anchors are not readable PEM: {error}"]
    moment = now or datetime.now(UTC)
    found = (
        *_wrong_key(leaf, key_pem),
        *_wrong_name(leaf, host),
        *_wrong_dates(leaf, moment),
        *_wrong_usage(leaf),
        *_wrong_path(leaf, issuers, trusted, moment),
    )
    return [f"{host}: {problem}" for problem in found]


def _wrong_key(leaf: x509.Certificate, key_pem: bytes) -> Iterator[str]:
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as error:
        yield f"tls.key is not a readable private key without passphrase: {error}"
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        yield "tls.key does not belong to the first certificate of tls.pem"


def _wrong_name(leaf: x509.Certificate, host: str) -> Iterator[str]:
    names = _names(leaf)
    if host.lower() not in names:
        yield f"the certificate names {', '.join(names) or 'nobody'}, not this host"


def _names(leaf: x509.Certificate) -> list[str]:
    """The DNS names; the CN only where there are none, as older national certificates have it."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [name.lower() for name in names]


def _wrong_dates(certificate: x509.Certificate, moment: datetime) -> Iterator[str]:
    subject = certificate.subject.rfc4514_string()
    if moment < certificate.not_valid_before_utc:
        yield f"{subject} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if moment > certificate.not_valid_after_utc:
        yield f"{subject} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"


def _wrong_usage(leaf: x509.Certificate) -> Iterator[str]:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return  # no restriction (RFC 5280 section 4.2.1.12)
    yield from (
        f"the certificate lacks the usage {text}" for usage, text in _NEEDED_USAGES.items() if usage not in usages
    )


def _wrong_path(
    leaf: x509.Certificate, issuers: list[x509.Certificate], trusted: list[x509.Certificate], moment: datetime
) -> Iterator[str]:
    """Walk from the leaf to an anchor; whatever is believed on the way must be an authority and in date."""
    current = leaf
    for _ in range(_LONGEST_CHAIN):
        issuer = next((one for one in (*trusted, *issuers) if _issued(one, current)), None)
        if issuer is None:
            yield f"no issuer of {current.subject.rfc4514_string()} in tls.pem or among the national authorities"
            return
        yield from _wrong_dates(issuer, moment)
        if issuer in trusted:
            return
        current = issuer
    yield f"tls.pem reaches no national authority within {_LONGEST_CHAIN} certificates"


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
