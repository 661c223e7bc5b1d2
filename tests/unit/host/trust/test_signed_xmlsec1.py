"""Another implementation of XML Signature, xmlsec1, and this one agree on what is signed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import signed_lists as lists
from cryptography.hazmat.primitives.serialization import Encoding
from signed_lists import LINES, NOW, PIRATE, refused, signed, understood

from vaguemestre.lab.listing import compose

pytestmark = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")

_SIGNATURE = """<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>
<CanonicalizationMethod Algorithm="{canonical}"/>
<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<Reference URI=""><Transforms>
<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference>
</SignedInfo><SignatureValue/><KeyInfo><X509Data/></KeyInfo></Signature></ListeBlancheMSSante>"""

CANONICAL = pytest.mark.parametrize(
    "canonical",
    ["http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
     "http://www.w3.org/2006/12/xml-c14n11"],
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Keys and certificates where xmlsec1 finds them."""
    authority, signer = lists.authority(), lists.signer()
    (tmp_path / "key.pem").write_bytes(signer.key_pem())
    for name, leaf in (("leaf", signer.leaf), ("root", authority.root.leaf), ("issuing", authority.issuing.leaf)):
        (tmp_path / f"{name}.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    return tmp_path


def signed_by_xmlsec1(folder: Path, canonical: str, before: str = "", behind: str = "") -> bytes:
    xml = compose(LINES, NOW).decode().replace("?>\n", f"?>\n{before}", 1)
    template = xml.replace("</ListeBlancheMSSante>", _SIGNATURE.format(canonical=canonical)) + behind
    (folder / "template.xml").write_text(template, encoding="utf-8")
    argv = ["xmlsec1", "--sign", "--output", "signed.xml", "--privkey-pem", "key.pem,leaf.pem", "template.xml"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    return (folder / "signed.xml").read_bytes()


def holds_for_xmlsec1(folder: Path, xml: bytes) -> bool:
    (folder / "list.xml").write_bytes(xml)
    argv = ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--trusted-pem", "root.pem", "--untrusted-pem",
            "issuing.pem", "list.xml"]  # fmt: skip
    return subprocess.run(argv, cwd=folder, check=False, capture_output=True).returncode == 0


@CANONICAL
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("", ""),
        ('<?xml-stylesheet href="liste.xsl"?>\n', ""),
        ("<!-- une -->\n", "\n<!-- deux -->\n"),
        ("", "\n<?fin?>"),
    ],
    ids=["plain", "stylesheet", "comments", "instruction behind"],
)
def test_what_xmlsec1_signs_is_believed(folder: Path, canonical: str, before: str, behind: str) -> None:
    assert understood(signed_by_xmlsec1(folder, canonical, before, behind)).entries == understood(signed()).entries


@CANONICAL
def test_what_xmlsec1_signed_and_somebody_altered_is_not(folder: Path, canonical: str) -> None:
    xml = signed_by_xmlsec1(folder, canonical)
    assert refused(xml.replace(LINES[0].domain.encode(), b"pirate.mssante.test")) == "bad_signature"
    assert refused(xml.replace(canonical.encode(), b"http://www.w3.org/TR/2001/REC-xml-c14n-20010315#")) in {
        "signature_form", "bad_signature",
    }  # fmt: skip


def test_what_is_signed_here_holds_for_xmlsec1(folder: Path) -> None:
    assert holds_for_xmlsec1(folder, signed())


@pytest.mark.parametrize("place", ["before", "behind"])
def test_an_instruction_that_was_not_signed_holds_for_neither(folder: Path, place: str) -> None:
    head, body = signed().split(b"?>\n", 1)
    xml = head + b"?>\n<?x y?>" + body if place == "before" else signed() + b"<?x y?>"
    assert not holds_for_xmlsec1(folder, xml)
    assert refused(xml) == "bad_signature"


def test_another_signer_s_list_does_not_hold_for_either(folder: Path) -> None:
    xml = signed((PIRATE,)).replace(b"pirate<", b"pirates<")
    assert not holds_for_xmlsec1(folder, xml)
    assert refused(xml) == "bad_signature"
