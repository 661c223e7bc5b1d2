"""The host's verb `sign`: a document signed with the host's certificate; its key never leaves the host.

    sign show      the certificate that would sign, with its issuers
    sign document  a detached signature over the bytes on standard input

The signature is CMS SignedData (RFC 5652) in DER: SHA-256, signed attributes with the time of signing, the issuers'
certificates included. Signed attributes are also what keeps it apart: nothing that a TLS peer asks to be signed can
come out as a document (RFC 5652 section 5.4), nor the other way round. Only root reads the key, so only root signs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
import syslog
from pathlib import Path
from typing import Any

from vaguemestre.host.frame import FAILED, REFUSED, Said, answer, say

CHAIN = Path("/etc/vaguemestre/tls/chain.pem")
KEY = Path("/etc/vaguemestre/tls/key.pem")
LARGEST = 64 << 20
"""Bytes of a document; a report has some hundred thousand."""

_END = b"-----END CERTIFICATE-----"


class SignError(Exception):
    """Nothing was signed."""


class TooLargeError(SignError):
    """The document is no report."""


def main(argv: list[str]) -> int:
    """``show`` or ``document``; 0 done, 1 the certificate or key cannot be used, 2 the document is refused."""
    given = _parser().parse_args(argv)
    code, said = answer(lambda: _work(given), (TooLargeError,), (SignError,))
    say(said, _words, as_json=given.json)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("sign", description="sign a document with the host's certificate")
    parser.add_argument("command", choices=("show", "document"))
    parser.add_argument("--chain", type=Path, default=CHAIN, help=argparse.SUPPRESS)
    parser.add_argument("--key", type=Path, default=KEY, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _work(given: argparse.Namespace) -> Said:
    chain = _read(given.chain)
    if given.command == "show":
        return 0, {"result": "shown", "chain": chain.decode("ascii", "replace")}
    document = sys.stdin.buffer.read(LARGEST + 1)
    if not document or len(document) > LARGEST:
        raise TooLargeError(f"the document has {'no' if not document else 'too many'} bytes; at most {LARGEST}")
    signature = signed(document, chain, _read(given.key))
    digest = hashlib.sha256(document).hexdigest()
    syslog.syslog(syslog.LOG_AUTH | syslog.LOG_NOTICE, f"vaguemestre: signed a document, SHA-256 {digest}")
    return 0, {
        "result": "signed",
        "sha256": digest,
        "signature": base64.b64encode(signature).decode(),
        "chain": chain.decode("ascii", "replace"),
    }


def signed(document: bytes, chain: bytes, key: bytes) -> bytes:
    """The detached signature, DER; `chain` is the signer's certificate and its issuers, PEM, `key` its key, PEM.

    Raises:
        SignError: one of them cannot be read, or they do not belong together.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7

    try:
        leaf, *issuers = [x509.load_pem_x509_certificate(one + _END) for one in chain.split(_END)[:-1]]
        private: Any = load_pem_private_key(key, None)
        if private.public_key().public_numbers() != leaf.public_key().public_numbers():  # type: ignore[union-attr]
            raise SignError("the key does not belong to the certificate")
        builder = pkcs7.PKCS7SignatureBuilder().set_data(document).add_signer(leaf, private, SHA256())
        for issuer in issuers:
            builder = builder.add_certificate(issuer)
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
        return builder.sign(Encoding.DER, options)
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
        raise SignError(f"certificate or key cannot be used: {error}\n    vaguemestre apply brings them") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        way = "only root signs; has this host the role pki? vaguemestre apply brings it"
        raise SignError(f"{path}: {error.strerror}\n    {way}") from error


def _words(said: dict[str, Any]) -> str:
    if said["result"] in ("refused", "failed"):
        return str(said["message"])
    return str(said["chain"] if said["result"] == "shown" else said["signature"])


__all__ = ["CHAIN", "FAILED", "KEY", "REFUSED", "main", "signed"]
