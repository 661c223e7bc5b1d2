"""The cryptographic step of `signed`: which bytes the one signature of a document covers, and that they are covered.

Debian 13 has signxml for it, Debian 12 only python3-xmlsec (the library of xmlsec1). Both are given a document whose
form `signed` has pinned already, and a certificate that it has proved; both take the algorithms of the list and
stronger ones alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import fields
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

if TYPE_CHECKING:
    from signxml.verifier import SignatureConfiguration

Element = Any
"""An element of lxml, which ships no types."""

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
# RFC 9231 sections 2.1 and 2.3. xmlsec 1.2 knows no RSASSA-PSS, which signxml may be given.
_MORE, _ENC = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2001/04/xmlenc#"
_METHODS = {f"{_MORE}rsa-sha{bits}" for bits in (256, 384, 512)}
_DIGESTS = {f"{_ENC}sha256": "sha256", f"{_MORE}sha384": "sha384", f"{_ENC}sha512": "sha512"}


def covered(tree: Element, certificate: x509.Certificate, at: datetime, parser: Any) -> Element:
    """What the signature, the root's last child, covers: a tree that `parser` makes of the very bytes that were hashed.

    `tree` is spoilt by it. Raises anything at all when the signature does not hold.
    """
    if find_spec("signxml"):
        return _by_signxml(tree, certificate, at, parser)
    return _by_xmlsec(tree, certificate, parser)


def _by_signxml(tree: Element, certificate: x509.Certificate, at: datetime, parser: Any) -> Element:
    result = _verifier(tree, parser).verify(tree, x509_cert=certificate, parser=parser, expect_config=_expected(at))
    if isinstance(result, list) or result.signed_xml is None:
        raise ValueError("it does not cover one document")
    return result.signed_xml


def _verifier(tree: Element, parser: Any) -> Any:
    """signxml's verifier, for a tree that was parsed once, with a strict parser, and that nobody needs afterwards.

    The library parses and copies a document again before each step, lest its caller's tree changes; not doing so saves
    half of the time and of the memory. Should a later version name these steps differently, it copies.
    """
    from lxml import etree
    from signxml.verifier import XMLVerifier

    library: Any = XMLVerifier
    copied = b"the tree itself"

    class Verifier(library):  # type: ignore[misc]
        def get_root(self, data: Element) -> Element:
            return data

        def _tostring(self, xml_node: Element, **how: Any) -> Any:
            return copied if xml_node is tree else super()._tostring(xml_node, **how)

        def _fromstring(self, xml_string: Any, **how: Any) -> Element:
            return tree if xml_string is copied else super()._fromstring(xml_string, **how)

        def _c14n(self, nodes: Element, *args: Any, **how: Any) -> Any:
            """Of whole documents only: lxml spoils the inclusive form of parts with needless ``xmlns=""``."""
            if nodes is tree:
                whole = tree.getroottree()
            else:
                whole = etree.fromstring(etree.tostring(nodes, with_tail=False), parser).getroottree()
            return super()._c14n(whole, *args, **how)

    return Verifier()


def _expected(at: datetime) -> SignatureConfiguration:
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.verifier import SignatureConfiguration

    methods = {one for one in SignatureMethod if re.search("RSA_SHA(256|384|512)|SHA(256|384|512)_RSA_MGF1", one.name)}
    digests = {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
    # Debian 13's signxml 4.0 does not look at the dates of a certificate it is given; later ones take the date.
    timed = {"verification_time": at} if "verification_time" in {f.name for f in fields(SignatureConfiguration)} else {}
    return SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset(methods),
        digest_algorithms=frozenset(digests),
        **timed,  # type: ignore[arg-type,unused-ignore]
    )


def _by_xmlsec(tree: Element, certificate: x509.Certificate, parser: Any) -> Element:
    """xmlsec says only that the signature holds. So what it hashed is made once more, and compared with what it proved;
    of the certificate it takes the key alone.
    """
    import xmlsec
    from lxml import etree

    signature = tree[-1]
    digest = _digest(signature)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate.public_bytes(Encoding.PEM), xmlsec.KeyFormat.CERT_PEM)
    context.verify(signature)  # by this key alone: what KeyInfo says is not read
    proved = base64.b64decode("".join((next(signature.iter(f"{_DS}DigestValue")).text or "").split()))
    _take_out(signature)
    hashed: bytes = etree.tostring(tree.getroottree(), method="c14n", exclusive=True, with_comments=False)
    if not hmac.compare_digest(hashlib.new(digest, hashed).digest(), proved):
        raise ValueError("what it covers cannot be made again")
    return etree.fromstring(hashed, parser)


def _digest(signature: Element) -> str:
    """The hash of the reference, by hashlib's name; raises ValueError unless both algorithms are of the list's kind."""
    method = next(signature.iter(f"{_DS}SignatureMethod"))
    digest = next(signature.iter(f"{_DS}DigestMethod"))
    if method.get("Algorithm") not in _METHODS or len(method) or len(digest):
        raise ValueError(f"signed by {method.get('Algorithm')}")
    if digest.get("Algorithm") not in _DIGESTS:
        raise ValueError(f"hashed by {digest.get('Algorithm')}")
    return _DIGESTS[digest.get("Algorithm")]


def _take_out(signature: Element) -> None:
    """Remove the signature, and leave the blanks behind it, which are hashed."""
    above, before = signature.getparent(), signature.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (signature.tail or "")
    else:
        above.text = (above.text or "") + (signature.tail or "")
    above.remove(signature)
