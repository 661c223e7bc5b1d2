"""The white list: signed files altered as an attacker would, by bytes and by tree.

A case is taken only when it says, entry for entry, what was signed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from cryptography import x509
from lxml import etree

from fuzz.fuzzer import SEEDS, Fuzzer, mutated, seeds
from vaguemestre.host.trust.whitelist import NAMESPACE, WhiteList, WhiteListError, read

AT = datetime(2026, 12, 1, tzinfo=UTC)
_DS = "http://www.w3.org/2000/09/xmldsig#"
_URIS = (
    "", "#x", "#", "http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/2000/09/xmldsig#base64", "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
    "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmlenc#sha256", "#xpointer(/)", "file:///etc/passwd",
)  # fmt: skip
_WORDS = tuple(
    word.encode()
    for word in (
        "<!-- -->", "<?x y?>", "<![CDATA[", "]]>", "&#13;", "&lt;", "&x;", "<!DOCTYPE a>", "<Domaine>", "</Domaine>",
        "</ListeDomaines><ListeDomaines>", "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>", "Id='x'",
        " xmlns=''", " xmlns:a='b'", "\0", "\ufeff", "\u00a0", "pirate.test", "<Nom>pirate.test</Nom>", 'URI="#x"',
    )
)  # fmt: skip
_parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False)


def make(draw: Random) -> bytes:
    case = draw.choice(seeds("white_list", "*.xml"))
    if draw.random() < 0.6:
        case = _by_tree(draw, case)
    if draw.random() < 0.5:
        case = mutated(draw, case, _WORDS)
    return case


def check(case: bytes) -> str:
    try:
        found = _read(case)
    except WhiteListError as error:
        return error.reason
    assert _content(found) in _signed(), "something else than what was signed"
    return "TAKEN, as signed"


def _read(xml: bytes) -> WhiteList:
    return read(xml, anchors=_anchors(), signer="alb.mssante.test", at=AT, now=AT, max_bytes=1 << 20)


@cache
def _anchors() -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates((SEEDS / "white_list" / "anchors.pem").read_bytes()))


@cache
def _signed() -> frozenset[object]:
    """What the seeds say that are to be believed."""
    return frozenset(_content(_read(path.read_bytes())) for path in Path(SEEDS / "white_list").glob("signed*.xml"))


def _content(found: WhiteList) -> object:
    return found.generated, found.entries, found.skipped, found.signer


def _by_tree(draw: Random, case: bytes) -> bytes:
    root = etree.fromstring(case, _parser)
    for _ in range(draw.choice((1, 1, 2, 3))):
        elements = [one for one in root.iter() if isinstance(one.tag, str)]
        root = draw.choice(_CHANGES)(draw, root, draw.choice(elements), draw.choice(elements))
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=draw.random() < 0.8)
    return written


def _move(_: Random, root: Any, one: Any, other: Any) -> Any:
    if one is not root and other not in list(one.iter()):
        other.append(one)
    return root


def _copy(draw: Random, root: Any, one: Any, other: Any) -> Any:
    other.insert(draw.randrange(len(other) + 1), _clone(one))
    return root


def _copy_after(_: Random, root: Any, one: Any, __: Any) -> Any:
    if one is not root:
        one.addnext(_clone(one))
    return root


def _drop(_: Random, root: Any, one: Any, __: Any) -> Any:
    if one is not root:
        one.getparent().remove(one)
    return root


def _say(draw: Random, root: Any, one: Any, other: Any) -> Any:
    one.text = draw.choice(("pirate.test", "", other.text or "", (one.text or "")[:-1], (one.text or "") + "\u00a0"))
    return root


def _remark(draw: Random, root: Any, one: Any, _: Any) -> Any:
    """A comment or an instruction in the middle of a text: what naive readers stop at."""
    text = one.text or ""
    at = draw.randrange(len(text) + 1)
    remark = draw.choice((etree.Comment("x"), etree.ProcessingInstruction("x", "y")))
    one.text, remark.tail = text[:at], text[at:]
    one.insert(0, remark)
    return root


def _attribute(draw: Random, root: Any, one: Any, _: Any) -> Any:
    one.set(draw.choice(("Id", "ID", "URI", "Algorithm", "xmlid", "Type")), draw.choice(_URIS))
    return root


def _rename(draw: Random, root: Any, one: Any, other: Any) -> Any:
    one.tag = draw.choice((other.tag, f"{{{_DS}}}Object", f"{{{NAMESPACE}}}Domaine", "Nom"))
    return root


def _wrap(draw: Random, root: Any, one: Any, _: Any) -> Any:
    """An attacker's document around the signed one, the signature outside or inside."""
    outer = etree.Element(f"{{{NAMESPACE}}}ListeBlancheMSSante", nsmap={None: NAMESPACE})
    for child in root:
        if isinstance(child.tag, str) and draw.random() < 0.7:
            outer.append(_clone(child))
    root.set("Id", "x")
    holder = draw.choice([outer, *(element for element in outer.iter() if isinstance(element.tag, str))])
    holder.append(root)
    for reference in outer.iter(f"{{{_DS}}}Reference"):
        reference.set("URI", draw.choice(("", "#x")))
    return outer


def _clone(one: Any) -> Any:
    return etree.fromstring(etree.tostring(one, with_tail=False), _parser)


_CHANGES: tuple[Callable[[Random, Any, Any, Any], Any], ...] = (
    _move, _copy, _copy_after, _drop, _say, _remark, _attribute, _rename, _wrap,
)  # fmt: skip

FUZZER = Fuzzer("white_list", make, check, share=15)
