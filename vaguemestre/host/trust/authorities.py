"""The authorities that are held: the roots, and the authorities below them that issue operators' certificates.

Only what stands in the file counts. An authority that a peer brings along is never believed, be it below the same
root: the trust space is one range and one domain of the national authority (IGC-Santé, gamme Élémentaire, domaine
Organisations), not whatever its root ever signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vaguemestre.host.trust import libraries
from vaguemestre.host.trust.values import IssuerKey

_SPKI = PublicFormat.SubjectPublicKeyInfo
RELIABLE_HASHES = frozenset({"sha256", "sha384", "sha512"})

T = TypeVar("T")


class AuthorityError(ValueError):
    """The file of authorities cannot be used; the message says which certificate and why."""


class UnreadableError(Exception):
    """cryptography could not make sense of what a stranger sent."""


@dataclass(frozen=True, eq=False)
class Authority:
    """One authority; `above` is who signed it, None for a root. `key` names it in stores and in identities."""

    certificate: x509.Certificate = field(repr=False)
    above: Authority | None = field(default=None, repr=False)

    @cached_property
    def key(self) -> IssuerKey:
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest()[:16]

    @cached_property
    def name(self) -> str:
        """The subject, for people."""
        return self.certificate.subject.rfc4514_string()

    @cached_property
    def begins(self) -> datetime:
        return libraries.begins(self.certificate)

    @cached_property
    def ends(self) -> datetime:
        return libraries.ends(self.certificate)

    def path(self) -> tuple[Authority, ...]:
        """The authority and those above it, the root last."""
        return (self, *(self.above.path() if self.above else ()))

    def issued(self, certificate: x509.Certificate) -> bool:
        """Whether its name and its key are those that signed `certificate`, with a hash that can be relied upon."""
        try:
            algorithm = certificate.signature_hash_algorithm
            if algorithm is None or algorithm.name not in RELIABLE_HASHES:
                return False
            guarded(lambda: libraries.check_issued(certificate, self.certificate))
        except Exception:
            return False
        return True


@dataclass(frozen=True, eq=False)
class Authorities:
    """What is held. `issuing` may issue to operators; roots sign the issuing authorities and their own list."""

    roots: tuple[Authority, ...]
    issuing: tuple[Authority, ...]

    @property
    def all(self) -> tuple[Authority, ...]:
        return (*self.issuing, *self.roots)

    def issuer(self, certificate: x509.Certificate) -> Authority | None:
        """The issuing authority whose key signed `certificate`, or None."""
        return next((one for one in self.issuing if one.issued(certificate)), None)

    def find(self, key: IssuerKey) -> Authority | None:
        """The authority of this key, root or issuing."""
        return next((one for one in self.all if one.key == key), None)


def authorities(pem: bytes | str) -> Authorities:
    """The authorities in a PEM file of roots and issuing authorities, in any order.

    Where two certificates have one name and one key, the one that lasts longer counts, so each signature has one
    author. Raises AuthorityError: nothing readable, a certificate that is no authority, one whose root is missing, or
    nobody left who could issue.
    """
    try:
        found = libraries.certificates(pem.encode() if isinstance(pem, str) else pem)
        held = _distinct(found)
        strangers = [one for one in held if not is_authority(one)]
    except ValueError as error:
        raise AuthorityError(f"no readable PEM certificates: {error}") from error
    if strangers:
        raise AuthorityError(f"not a certification authority: {strangers[0].subject.rfc4514_string()}")
    roots = tuple(Authority(one) for one in held if Authority(one).issued(one))
    known = {root.certificate for root in roots}
    issuing = tuple(_below(one, roots) for one in held if one not in known)
    if not issuing:
        raise AuthorityError("it holds no issuing authority, only roots: nobody could be proven")
    return Authorities(roots, issuing)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign certificates (RFC 5280 section 4.2.1.3 and section 4.2.1.9); raises ValueError."""
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid  # no restriction


def guarded(read: Callable[[], T]) -> T:
    """What `read` gives; UnreadableError, in words fit for one line of a log, whatever else comes of it.

    The panics of cryptography's Rust core derive from BaseException and pass by ``except Exception``.
    """
    try:
        return read()
    except Exception as error:
        raise UnreadableError(ascii(f"{type(error).__name__}: {error}"[:200])[1:-1]) from error
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        raise UnreadableError("cryptography gave up") from panic


def _distinct(certificates: list[x509.Certificate]) -> list[x509.Certificate]:
    latest: dict[tuple[bytes, bytes], x509.Certificate] = {}
    for one in sorted(certificates, key=libraries.ends):
        key = one.public_key().public_bytes(Encoding.DER, _SPKI)
        latest[one.subject.public_bytes(), key] = one
    return [one for one in dict.fromkeys(certificates) if one in latest.values()]


def _below(certificate: x509.Certificate, roots: tuple[Authority, ...]) -> Authority:
    above = next((root for root in roots if root.issued(certificate)), None)
    if above is None:
        name = certificate.subject.rfc4514_string()
        raise AuthorityError(f"its root is missing: {name}, issued by {certificate.issuer.rfc4514_string()}")
    return Authority(certificate, above)
