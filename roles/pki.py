"""Role pki: whom the host believes, and who it is: the trust store, its certificate and its key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import RoleName
from vaguemestre.pki.national import check_pins
from vaguemestre.release import Directory, Item
from vaguemestre.render import file

NEEDS = (RoleName.BASE,)

FOLDER = "/etc/vaguemestre/tls"
KEY = f"{FOLDER}/key.pem"  # the private key, PKCS#8
CHAIN = f"{FOLDER}/chain.pem"  # the host's certificate, then its issuers
ANCHORS = f"{FOLDER}/national.pem"  # the national authorities, and nobody else


@dataclass(frozen=True)
class Anchor:
    """A certification authority that is believed, as the trust store shows it."""

    subject: str
    sha256: str
    until: str
    pem: str


def items(context: Context) -> Iterator[Item]:
    """The trust store as a file, certificate and key as credentials `tls.pem` and `tls.key`.

    Raises:
        ReleaseError: the anchors are not all certificates of authorities, or the host has no certificate or key yet.
        PinError: the anchors are not the nation's, and the inventory is no rehearsal's.
    """
    trust = context.settings.trust
    known = anchors(context.anchors, str(trust.anchors))
    check_pins(context.anchors, trust.authority, source=str(trust.anchors))
    yield Directory("/etc/vaguemestre")
    yield Directory(FOLDER)
    yield file("pki", ANCHORS, anchors=known)
    yield context.credential(CHAIN, "tls.pem", mode=0o644)
    yield context.credential(KEY, "tls.key")


def anchors(pem: str, source: str) -> tuple[Anchor, ...]:
    """The authorities in `pem`, each once, in its order; `source` is the file's name, for errors.

    Raises:
        ReleaseError: no certificate, one that cannot be read, one that is no authority (RFC 5280 section 4.2.1.9),
            or a private key, which would land readable on every host.
    """
    if "PRIVATE KEY" in pem:
        raise ReleaseError(f"{source}: holds a private key; the trust store is public: keep certificates only")
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise ReleaseError(f"{source}: no readable PEM certificate in it: {error}") from error
    strangers = [one.subject.rfc4514_string() for one in certificates if not _is_authority(one)]
    if strangers:
        raise ReleaseError(
            f"{source}: not a certification authority: {'; '.join(strangers)}\n"
            "    the trust store holds authorities only: whoever else it held would be believed as one"
        )
    return tuple(dict.fromkeys(_anchor(one) for one in certificates))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _anchor(certificate: x509.Certificate) -> Anchor:
    return Anchor(
        subject=certificate.subject.rfc4514_string(),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(":"),
        until=certificate.not_valid_after_utc.date().isoformat(),
        pem=certificate.public_bytes(Encoding.PEM).decode().strip(),
    )
