"""What comes back from the authority: certificates and perhaps a key, in whatever mixture of formats. Pure.

PEM (RFC 7468), DER, PKCS#7 chains (p7b, RFC 5652) and PKCS#12 (p12, pfx; RFC 7292) are told apart by their content,
never by a file's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates, load_pem_pkcs7_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from vaguemestre.host.trust.authorities import UnreadableError, guarded
from vaguemestre.pki.faults import Fault, PkiError

LARGEST = 1 << 20
"""Bytes; a chain of certificates has a few thousand."""

_T = TypeVar("_T")
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_PKCS7 = bytes.fromhex("06092a864886f70d010702")  # signedData, RFC 5652 section 5.1
_PKCS12 = bytes.fromhex("020103")  # version 3, RFC 7292 section 4
_FORMATS = "what is taken: certificates in PEM or DER, PKCS#7 chains (.p7b), PKCS#12 (.p12, .pfx)"


@dataclass(frozen=True)
class Arrived:
    """All that the files hold, each certificate once. Keys never show in its repr."""

    certificates: tuple[x509.Certificate, ...] = ()
    keys: tuple[PrivateKeyTypes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Chain:
    """A bearer's certificate and its issuers, nearest first, without the root: what TLS sends."""

    leaf: x509.Certificate
    issuers: tuple[x509.Certificate, ...]

    def pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.leaf, *self.issuers))


def read(files: Iterable[tuple[str, bytes]], passphrase: bytes | None = None) -> Arrived:
    """What these files (name, content) hold.

    Raises:
        PkiError: listing every file that cannot be read, and why.
    """
    found: list[Arrived] = []
    faults: list[str] = []
    for name, content in files:
        try:
            found += _pieces(content, passphrase)
        except _UnreadableError as error:
            faults.append(f"{name}: {error.args[0]}")
    if faults:
        raise PkiError("\n".join(faults) + "\n    nothing was changed")
    certificates = tuple(dict.fromkeys(chain.from_iterable(one.certificates for one in found)))
    if broken := [one for one in certificates if not whole(one)]:
        serials = ", ".join(f"{one.serial_number:x}" for one in broken)
        raise PkiError(f"a certificate has parts that cannot be read (serial {serials})\n    nothing was changed")
    return Arrived(certificates, tuple(chain.from_iterable(one.keys for one in found)))


def leaf(arrived: Arrived, own: Sequence[PublicKeyTypes]) -> x509.Certificate | Fault:
    """The bearer's own certificate: the one that is no authority; among several, the one of a key of `own`."""
    leaves = [one for one in arrived.certificates if not is_authority(one)]
    ours = [one for one in leaves if any(same_key(one.public_key(), key) for key in own)]
    match leaves, ours:
        case [], _:
            return Fault(
                "no certificate of a host or a program came, only authorities" if arrived.certificates
                else "no certificate came",
                "download the certificate itself on the IGC-Santé platform: Retirer",
            )  # fmt: skip
        case [only], _:
            return only
        case _, [one]:
            return one
    names = "; ".join(one.subject.rfc4514_string() for one in leaves)
    return Fault(f"several certificates came and it is not clear which is meant: {names}", "bring one at a time")


def chained(leaf: x509.Certificate, others: Iterable[x509.Certificate], anchors: Sequence[x509.Certificate]) -> Chain:
    """The leaf with its issuers, from what came or from the anchors; as far as they are known, without a root."""
    known = [one for one in (*anchors, *others) if is_authority(one)]
    issuers: list[x509.Certificate] = []
    current: x509.Certificate | None = leaf
    while current is not None:
        signed = current
        current = next((one for one in known if one not in issuers and issued(one, signed)), None)
        if current is None or current.subject == current.issuer:
            break
        issuers.append(current)
    return Chain(leaf, tuple(issuers))


def whole(certificate: x509.Certificate) -> bool:
    """Whether all of it can be read: cryptography reads most parts late, and stumbles then in many ways."""
    try:
        guarded(lambda: _all_of(certificate))
    except UnreadableError:
        return False
    return True


def _all_of(certificate: x509.Certificate) -> tuple[object, ...]:
    names = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    dates = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (*names, *dates, certificate.public_key(), certificate.extensions, certificate.signature_hash_algorithm)


def same_key(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return one.public_bytes(*form) == other.public_bytes(*form)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign certificates (RFC 5280 section 4.2.1.9); one that cannot be read may not."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound):
        return False


def issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """Whether `issuer` is an authority whose key signed `subject`."""
    try:
        subject.verify_directly_issued_by(issuer)
    except Exception:  # unknown algorithms, odd keys: all mean no
        return False
    return is_authority(issuer)


class _UnreadableError(Exception):
    """One file cannot be used; the text says why and the way out."""


def _pieces(content: bytes, passphrase: bytes | None) -> Iterator[Arrived]:
    if len(content) > LARGEST:
        raise _UnreadableError(f"{len(content)} bytes are too many for a certificate\n    {_FORMATS}")
    blocks = [(match[1].decode(), match[0] + b"\n") for match in _BLOCK.finditer(content)]
    if not blocks:
        yield _der(content, passphrase)
    for label, block in blocks:
        yield _pem(label, block, passphrase)


def _pem(label: str, block: bytes, passphrase: bytes | None) -> Arrived:
    if label in ("CERTIFICATE", "X509 CERTIFICATE"):
        plain = block.replace(b"X509 CERTIFICATE", b"CERTIFICATE")
        return Arrived((_tried("a certificate", lambda: x509.load_pem_x509_certificate(plain)),))
    if label in ("PKCS7", "CMS"):
        plain = block.replace(b" CMS-", b" PKCS7-")
        return Arrived(tuple(_tried("a PKCS#7 chain", lambda: load_pem_pkcs7_certificates(plain))))
    if label.endswith("PRIVATE KEY"):
        return Arrived(keys=(_key(lambda phrase: load_pem_private_key(block, phrase), passphrase),))
    if label == "CERTIFICATE REQUEST":
        raise _UnreadableError(
            "this is the request (CSR), not the certificate\n    paste it on the IGC-Santé platform, import its answer"
        )
    raise _UnreadableError(f"a block {label!r} is nothing that is known here\n    {_FORMATS}")


def _der(content: bytes, passphrase: bytes | None) -> Arrived:
    body = _inside(content)
    if body.startswith(_PKCS7):
        return Arrived(tuple(_tried("a PKCS#7 chain", lambda: load_der_pkcs7_certificates(content))))
    if body.startswith(_PKCS12):
        return _pkcs12(content, passphrase)
    try:
        return Arrived((x509.load_der_x509_certificate(content),))
    except ValueError:
        pass
    try:
        return Arrived(keys=(load_der_private_key(content, passphrase),))
    except (ValueError, TypeError) as error:
        raise _UnreadableError(f"neither a certificate nor a chain that can be read\n    {_FORMATS}") from error


def _inside(der: bytes) -> bytes:
    """What stands in the outer SEQUENCE, lengths skipped; empty when there is none."""
    if len(der) < 2 or der[0] != 0x30:
        return b""
    return der[2 + (der[1] & 0x7F) if der[1] & 0x80 else 2 :]


def _pkcs12(content: bytes, passphrase: bytes | None) -> Arrived:
    try:
        found = load_pkcs12(content, passphrase or None)
    except ValueError as error:
        if not passphrase:
            raise _UnreadableError(
                "PKCS#12, closed by a passphrase\n    write it to a file of mode 0600 and name it: --passphrase-file"
            ) from error
        raise _UnreadableError("PKCS#12 that the passphrase does not open, or that is damaged") from error
    held = (found.cert, *found.additional_certs)
    return Arrived(tuple(one.certificate for one in held if one), (found.key,) if found.key else ())


def _key(load: Callable[[bytes | None], PrivateKeyTypes], passphrase: bytes | None) -> PrivateKeyTypes:
    try:
        return load(None)
    except TypeError:
        pass  # it is closed by a passphrase
    except ValueError as error:
        raise _UnreadableError("a private key that cannot be read") from error
    if passphrase is None:
        raise _UnreadableError("a private key closed by a passphrase\n    name its file: --passphrase-file")
    try:
        return load(passphrase)
    except ValueError as error:
        raise _UnreadableError("a private key that the passphrase does not open") from error


def _tried(what: str, load: Callable[[], _T]) -> _T:
    try:
        return load()
    except ValueError as error:
        raise _UnreadableError(f"{what} that cannot be read: {error}") from error
