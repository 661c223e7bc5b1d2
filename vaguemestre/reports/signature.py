"""A document's detached signature, checked: whose it is, when it was made, and that not one byte has changed since.

The same check by hand, without the kit (openssl-cms(1)):

    openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE -CAfile ANCHORS -no-CApath -no-CAstore \
        -purpose any -out /dev/null
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509

from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.reports.signer import Signer, signer

_REASON = re.compile(r"error:[^:\n]*:[^:\n]*:[^:\n]*:([^:\n]*):[^:\n]*:\d+:(?:Verify error: *)?([^\n]*)")
_CLOCKS = timedelta(minutes=10)  # how far a signer's clock may be ahead of ours


class SignatureError(VaguemestreError):
    """The document is not what was signed, or nobody who is trusted has signed it; nothing of it may be believed."""


class NotAskedError(VaguemestreError):
    """The signature could not be checked at all."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Signed:
    """Who signed and when, by the signer's own clock."""

    signer: Signer
    at: datetime

    def expired(self, now: datetime) -> bool:
        """Whether the certificate has ended since."""
        return now > self.signer.ends


def check(document: Path, signature: Path, anchors: Path, now: datetime | None = None) -> Signed:
    """Who signed these bytes, as believed by the PEM file `anchors` and by nothing else.

    The certificate must have been valid when the signature says that it was made. Revocation is not asked for.

    Raises:
        SignatureError: another document, another authority, a certificate that was not valid then.
        NotAskedError: a file cannot be read, or there is no openssl.
    """
    found = _made(_read(signature), signature)
    if found > (now or datetime.now(UTC)) + _CLOCKS:
        raise SignatureError(f"{signature}: says that it was made in the future, {found:%Y-%m-%d %H:%M} UTC")
    with TemporaryDirectory(prefix="vaguemestre-") as folder:
        certificate = Path(folder) / "signer.pem"
        _verify(document, signature, anchors, found, certificate)
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    return Signed(signer(leaf), found)


def _verify(document: Path, signature: Path, anchors: Path, at: datetime, certificate: Path) -> None:
    files = ("-in", str(signature), "-content", str(document), "-CAfile", str(anchors), "-signer", str(certificate))
    when = ("-attime", str(int(at.timestamp())))
    # A mail server's certificate is for TLS; what it may sign besides is for us to say (-purpose).
    alone = ("-no-CApath", "-no-CAstore", "-purpose", "any", "-out", "/dev/null")
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", *files, *when, *alone]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError as error:
        raise NotAskedError("openssl is not installed here\n    apt-get install openssl") from error
    if done.returncode:
        raise SignatureError(
            f"{document}: this is not what was signed, or the signer is not trusted by {anchors}\n"
            f"    openssl: {_reason(done.stderr)}"
        )


def _reason(told: str) -> str:
    """OpenSSL's own, of lines like ``...:error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:DATA`` (ERR_print_errors(3))."""
    found = _REASON.findall(told)
    return next((data or reason for reason, data in reversed(found)), "refused")


def _made(der: bytes, name: Path) -> datetime:
    """When it says that it was made; refuses all that is not one detached signature with signed attributes."""
    from asn1crypto import cms

    try:
        info = cms.ContentInfo.load(der, strict=True)
        data = info["content"]
        (one,) = data["signer_infos"]
        if info["content_type"].native != "signed_data" or data["encap_content_info"]["content"].native is not None:
            raise ValueError("not detached")
        (times,) = [attribute["values"] for attribute in one["signed_attrs"] if _is_time(attribute)]
        (found,) = times.native
    except (ValueError, TypeError, KeyError) as error:
        raise SignatureError(f"{name}: no detached signature with its time (CMS, RFC 5652)") from error
    if not isinstance(found, datetime):
        raise SignatureError(f"{name}: its time cannot be read")
    return found.astimezone(UTC)


def _is_time(attribute: object) -> bool:
    return bool(attribute["type"].native == "signing_time")  # type: ignore[index]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotAskedError(f"{path}: {error.strerror}\n    the signature stands beside its document") from error
