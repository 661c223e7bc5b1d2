"""Does this certificate do for this host? Asked on the controller, before a credential is sent anywhere.

Each question is a function that yields what is wrong; `check` asks those that matter at every deployment, `conformity`
adds those that matter when a certificate arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vaguemestre.pki.arrival import issued, same_key, whole
from vaguemestre.pki.bearer import Kind
from vaguemestre.pki.faults import Fault

_LONGEST_CHAIN = 5
_RENEW = "renew it: vaguemestre pki request"
_LACKING = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth: peers could not deliver to this host",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth: peers would refuse what this host sends",
}


def check(
    host: str, chain_pem: bytes, key_pem: bytes, anchors_pem: bytes | str, now: datetime | None = None
) -> list[str]:
    """`faults` as texts that begin with the host's name; `now` is for tests."""
    anchors = anchors_pem.encode() if isinstance(anchors_pem, str) else anchors_pem
    return [f"{host}: {one}" for one in faults(host, chain_pem, key_pem, anchors, now or datetime.now(UTC))]


def faults(host: str, chain_pem: bytes, key_pem: bytes, anchors_pem: bytes, now: datetime) -> list[Fault]:
    """What is wrong with a host's credentials; empty when they do.

    `chain_pem` is the host's certificate, then its issuers; `key_pem` an unencrypted private key; `anchors_pem` the
    national authorities. Checked: the key belongs to the certificate, `now` is within the dates of the whole path, the
    certificate names `host` (RFC 6125 section 6.4.1), allows TLS as server and as client, and its chain ends at an
    anchor. Revocation is not looked at here.
    """
    try:
        leaf, *issuers = x509.load_pem_x509_certificates(chain_pem)
        trusted = x509.load_pem_x509_certificates(anchors_pem)
    except ValueError as error:
        return [Fault(f"certificate or anchors are not readable PEM: {error}")]
    if not all(map(whole, (leaf, *issuers, *trusted))):
        return [Fault("a certificate of the chain or of the anchors has parts that cannot be read")]
    return [
        *_wrong_key(leaf, key_pem),
        *wrong_name(leaf, host),
        *wrong_dates(leaf, now),
        *wrong_usage(leaf, Kind.SERVER.usages),
        *wrong_path(leaf, issuers, trusted, now),
    ]


def _wrong_key(leaf: x509.Certificate, key_pem: bytes) -> Iterator[Fault]:
    """A key proves itself by a signature, which is a hundred times faster than the proof of its primes."""
    try:
        key = load_pem_private_key(key_pem, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError) as error:
        yield Fault(f"tls.key is not a readable private key without passphrase: {error}")
        return
    if not same_key(key.public_key(), leaf.public_key()):
        yield Fault("tls.key does not belong to the first certificate of tls.pem")
    elif isinstance(key, RSAPrivateKey) and not _signs(key):
        yield Fault("tls.key is damaged: what it signs does not hold", "vaguemestre pki request makes a new one")


def _signs(key: RSAPrivateKey) -> bool:
    try:
        signature = key.sign(b"vaguemestre", PKCS1v15(), SHA256())
        key.public_key().verify(signature, b"vaguemestre", PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature, InternalError):
        return False
    return True


def wrong_key(leaf: x509.Certificate, own: Iterable[PublicKeyTypes]) -> Iterator[Fault]:
    """A certificate is worth nothing without its key: that of the request, or one that came along."""
    if not any(same_key(leaf.public_key(), key) for key in own):
        yield Fault(
            "its key is not here: neither that of the pending request, nor one that came along",
            "import it where its request was made, or bring the key along, as PKCS#12",
        )


def wrong_name(leaf: x509.Certificate, host: str) -> Iterator[Fault]:
    names = _names(leaf)
    if host.lower() not in names:
        yield Fault(
            f"the certificate names {', '.join(names) or 'nobody'}, not this host",
            "order it again with this host's name as FQDN, or import it for the host that it names",
        )


def _names(leaf: x509.Certificate) -> list[str]:
    """The DNS names; the CN only where there are none, as older national certificates have it."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [name.lower() for name in names]


def wrong_dates(certificate: x509.Certificate, moment: datetime, way_out: str = _RENEW) -> Iterator[Fault]:
    subject = certificate.subject.rfc4514_string()
    if moment < certificate.not_valid_before_utc:
        yield Fault(
            f"{subject} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
            "wait until then, or set this machine's clock right",
        )
    if moment > certificate.not_valid_after_utc:
        yield Fault(
            f"{subject} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
            way_out,
        )


def wrong_usage(leaf: x509.Certificate, needed: Sequence[x509.ObjectIdentifier]) -> Iterator[Fault]:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return  # no restriction (RFC 5280 section 4.2.1.12)
    for usage in needed:
        if usage not in usages:
            yield Fault(f"the certificate lacks the usage {_LACKING[usage]}", "order another product, or ask the ANS")


def wrong_path(
    leaf: x509.Certificate, issuers: Iterable[x509.Certificate], trusted: Sequence[x509.Certificate], moment: datetime
) -> Iterator[Fault]:
    """Walk from the leaf to an anchor; whatever is believed on the way must be an authority and in date."""
    current = leaf
    known = (*trusted, *issuers)
    for _ in range(_LONGEST_CHAIN):
        issuer = next((one for one in known if issued(one, current)), None)
        if issuer is None:
            yield Fault(
                f"no issuer of {current.subject.rfc4514_string()} in its chain or among the national authorities",
                f"issued by {current.issuer.rfc4514_string()}; the authorities believed are those of trust.anchors",
            )
            return
        yield from wrong_dates(issuer, moment, "put the authority's successor into trust.anchors")
        if issuer in trusted:
            return
        current = issuer
    yield Fault(f"its chain reaches no national authority within {_LONGEST_CHAIN} certificates")
