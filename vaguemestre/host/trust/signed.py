"""A document that carries its own signature (enveloped XML-DSig), and whom it proves to have signed it.

The document comes from anywhere, so nothing of it is believed before all of it has been verified, and afterwards only
what the signature covers is read: the tree made anew from the very bytes that were hashed. The form of the signature
is pinned before a library looks at it: one signature, the root's last child, one reference to the whole document
(``URI=""``), two transforms, nothing in KeyInfo but certificates. Wrapped signatures have no room in that form.

References: XML Signature (W3C, 2013) sections 4 and 6.6.4; XML Signature Best Practices (W3C, 2013).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509

from vaguemestre.host.trust import dn, libraries
from vaguemestre.host.trust.authorities import Authority, UnreadableError, guarded, is_authority
from vaguemestre.host.trust.values import IssuerKey

Element = Any
"""An element of lxml, which ships no types."""

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_SHAPE = {
    "Signature": ["SignedInfo", "SignatureValue", "KeyInfo"],
    "SignedInfo": ["CanonicalizationMethod", "SignatureMethod", "Reference"],
    "Reference": ["Transforms", "DigestMethod", "DigestValue"],
    "Transforms": ["Transform", "Transform"],
    "KeyInfo": ["X509Data"],
}
_TRANSFORMS = ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/2001/10/xml-exc-c14n#"]
_CANONICAL = {  # how SignedInfo is written; none that keeps comments
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/2006/12/xml-c14n11",
}
_HINTS = {f"{_DS}{name}" for name in ("X509IssuerSerial", "X509SubjectName", "X509SKI")}
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?encoding\s*=\s*["']([^"'>]*)["']""")
_MOST_CERTIFICATES = 8
_ENDLESS_TAG = re.compile(rb"<[^<]{16384}")  # Debian's libxml2 2.9 compares each attribute with all before it
_MOST_TAGS = 1_000_000  # eight times the national list's; a tree takes memory by its elements, not by its bytes


class WhiteListError(ValueError):
    """A list that is refused; `reason` is a slug for logs and metrics, `str()` the sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(" ".join(message.split())[:500])
        self.reason = reason


@dataclass(frozen=True)
class SignerFacts:
    """Whose signature it is: the CN, the whole DN as text, and the certificate's serial, issuer and dates (UTC)."""

    name: str
    dn: str
    serial: int
    issuer: IssuerKey
    not_before: datetime
    not_after: datetime


def verified(
    document: bytes, root: str, *, anchors: Sequence[x509.Certificate], signer: str, at: datetime, max_bytes: int
) -> tuple[Element, SignerFacts]:
    """What is signed, as a tree made from the verified bytes and without the signature, and who signed it.

    `root` is the name that the root element must have, as lxml writes it (``{namespace}Name``); `signer` the CN of
    the only one who may sign; `at` when the certificate must be valid. Raises WhiteListError for everything else.
    """
    _check_bytes(document, max_bytes)
    tree = _parsed(document)
    signature = _only_signature(tree, root)
    _check_form(signature)
    certificate = _certificate(signature)
    facts = _facts(certificate, anchors, signer, at)
    return _checked(tree, certificate, at), facts


def _check_bytes(document: bytes, max_bytes: int) -> None:
    """What can be refused before any parser sees it; in UTF-8 these markers cannot hide."""
    if len(document) > max_bytes:
        raise WhiteListError("too_large", f"it has {len(document)} bytes, more than the {max_bytes} that are read")
    if document.count(b"<") > _MOST_TAGS:
        raise WhiteListError("too_large", f"it has more than {_MOST_TAGS} tags")
    if _ENDLESS_TAG.search(document):
        raise WhiteListError("too_large", "it has a tag or a text of more than 16 KiB")
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        raise WhiteListError("encoding", "it is not in UTF-8") from None
    declared = _DECLARED.match(document)
    if declared and declared[1].lower() not in (b"utf-8", b"utf8"):
        raise WhiteListError("encoding", "it declares another encoding than UTF-8")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise WhiteListError("entities", "it has a DTD or declares entities; the list never does")


def _parser() -> Any:
    from lxml import etree

    return etree.XMLParser(
        encoding="utf-8", resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, collect_ids=False
    )


def _parsed(document: bytes) -> Element:
    from lxml import etree

    try:
        return etree.fromstring(document, parser=_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise WhiteListError("not_xml", f"it is not well-formed XML, or was cut short: {error}") from None


def _only_signature(tree: Element, root: str) -> Element:
    if tree.tag != root:
        raise WhiteListError("wrong_root", f"its root element is not {root}")
    signatures = list(tree.iter(f"{_DS}Signature"))
    if not signatures:
        raise WhiteListError("unsigned", "it carries no signature")
    if len(signatures) > 1:
        raise WhiteListError("several_signatures", f"it carries {len(signatures)} signatures instead of one")
    if signatures[0] is not tree[-1] or (signatures[0].tail or "").strip():
        raise WhiteListError("signature_place", "the signature is not the last child of the root")
    return signatures[0]


def _check_form(signature: Element) -> None:
    """One reference, to the whole document; algorithms are those of the list, and stronger (section 6)."""
    if any(not isinstance(one.tag, str) for one in signature.iter()):
        raise _malformed("it has comments or processing instructions")
    for name, children in _SHAPE.items():
        holder = signature if name == "Signature" else next(signature.iter(f"{_DS}{name}"))
        if [one.tag for one in holder] != [f"{_DS}{child}" for child in children]:
            raise _malformed(f"{name} does not consist of {', '.join(children)}")
    if next(signature.iter(f"{_DS}Reference")).get("URI") != "":
        raise _malformed("what is signed is not the whole document")
    transforms = list(signature.iter(f"{_DS}Transform"))
    if [one.get("Algorithm") for one in transforms] != _TRANSFORMS or any(len(one) for one in transforms):
        raise _malformed("the transforms are not enveloped-signature and exclusive canonicalisation")
    canonical = next(signature.iter(f"{_DS}CanonicalizationMethod"))
    if canonical.get("Algorithm") not in _CANONICAL or len(canonical):
        raise _malformed("SignedInfo is canonicalised in an unexpected way")


def _malformed(what: str) -> WhiteListError:
    return WhiteListError("signature_form", f"the signature is not of the list's form: {what}")


def _certificate(signature: Element) -> x509.Certificate:
    """The first certificate of KeyInfo; others may come along, but nobody looks at them."""
    data = next(signature.iter(f"{_DS}X509Data"))
    written = [one for one in data if one.tag == f"{_DS}X509Certificate"]
    if not 0 < len(written) <= _MOST_CERTIFICATES or any(one.tag not in _HINTS for one in data if one not in written):
        raise WhiteListError("key_info", "KeyInfo has other things than the signer's certificate")
    try:
        der = base64.b64decode("".join((written[0].text or "").split()), validate=True)
        return guarded(lambda: _whole(x509.load_der_x509_certificate(der)))
    except (ValueError, UnreadableError):
        raise WhiteListError("key_info", "the signer's certificate cannot be read") from None


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    """The certificate, after a look at all that is decoded only when it is asked for: later nothing is left to fail."""
    list(certificate.extensions)
    certificate.public_key()
    for name in (certificate.subject, certificate.issuer):
        dn.text_of(name)
    _ = (libraries.begins(certificate), libraries.ends(certificate), certificate.serial_number)
    return certificate


def _facts(
    certificate: x509.Certificate, anchors: Sequence[x509.Certificate], signer: str, at: datetime
) -> SignerFacts:
    chain = _chain(certificate, anchors)
    _check_dates((certificate, *chain), at)
    _check_signer(certificate, signer)
    return SignerFacts(
        name=signer,
        dn=dn.text_of(certificate.subject),
        serial=certificate.serial_number,
        issuer=Authority(chain[0]).key,
        not_before=libraries.begins(certificate),
        not_after=libraries.ends(certificate),
    )


def _chain(certificate: x509.Certificate, anchors: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Those who signed it, up to a root or to an anchor that the anchors themselves do not explain."""
    chain: list[x509.Certificate] = []
    below = certificate
    while (above := _issuer(below, anchors, chain)) is not None:
        chain.append(above)
        below = above
    if not chain:
        by = dn.text_of(certificate.issuer)
        raise WhiteListError("foreign_signer", f"the signer's certificate is not issued by an anchor, but by {by}")
    return tuple(chain)


def _issuer(
    certificate: x509.Certificate, anchors: Sequence[x509.Certificate], known: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    candidates = (one for one in anchors if one not in known and one != certificate and is_authority(one))
    return next((one for one in candidates if Authority(one).issued(certificate)), None)


def _check_dates(chain: Sequence[x509.Certificate], at: datetime) -> None:
    for one in chain:
        who = dn.common_name(one.subject) or "its issuer"
        begins, ends = libraries.begins(one), libraries.ends(one)
        if at > ends:
            raise WhiteListError("signer_expired", f"the certificate of {who} ended {ends:%Y-%m-%d}")
        if at < begins:
            raise WhiteListError("signer_not_yet_valid", f"the certificate of {who} begins {begins:%Y-%m-%d}")


def _check_signer(certificate: x509.Certificate, signer: str) -> None:
    if dn.common_name(certificate.subject) != signer:
        raise WhiteListError("wrong_signer", f"it is signed by {dn.text_of(certificate.subject)}, not by {signer}")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        raise WhiteListError("signer_usage", "the signer's certificate does not say what it is for") from None
    if is_authority(certificate) or not (usage.digital_signature or usage.content_commitment):
        raise WhiteListError("signer_usage", "the signer's certificate is not made for signing documents")


def _checked(tree: Element, certificate: x509.Certificate, at: datetime) -> Element:
    """The tree that the signature covers, made from the canonical bytes; `tree` is spoilt by it."""
    from vaguemestre.host.trust.signature import covered

    try:
        return covered(tree, certificate, at, _parser())
    except Exception as error:  # a library before hostile input: whatever it says, the answer is no
        raise WhiteListError("bad_signature", f"the signature does not hold: {error}") from None
