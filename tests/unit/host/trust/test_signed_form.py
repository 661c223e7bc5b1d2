"""The form of a list's signature and of its file: weak algorithms, other keys, DTDs and encodings are refused."""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta
from typing import Any

import pytest
import signed_lists as lists
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signed_lists import DS, LINES, NOW, PIRATE, refused, signed, signing, tree, understood, written
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from vaguemestre.lab.listing import compose, sign


# --- Algorithms and keys ------------------------------------------------------------------------------------------
class _Lax(XMLSigner):
    """Signs with what nobody should use any more."""

    def check_deprecated_methods(self) -> None:
        pass


@pytest.mark.parametrize(
    "how",
    [
        {"signature_algorithm": SignatureMethod.RSA_SHA512, "digest_algorithm": DigestAlgorithm.SHA512},
        {"signature_algorithm": SignatureMethod.SHA256_RSA_MGF1},
    ],
)
def test_stronger_algorithms_are_taken(how: dict[str, Any]) -> None:
    some = signing(SignatureConstructionMethod.enveloped, **how).sign(
        tree(compose(LINES, NOW)), key=lists.signer().key, cert=[lists.signer().leaf]
    )
    assert understood(written(some)).entries


@pytest.mark.parametrize(
    "how",
    [{"signature_algorithm": SignatureMethod.RSA_SHA1}, {"digest_algorithm": DigestAlgorithm.SHA1}],
    ids=["signature", "digest"],
)
def test_sha_1_is_refused_however_well_signed(how: dict[str, Any]) -> None:
    some = signing(SignatureConstructionMethod.enveloped, kind=_Lax, **how).sign(
        tree(compose(LINES, NOW)), key=lists.signer().key, cert=[lists.signer().leaf]
    )
    assert refused(written(some)) == "bad_signature"


@pytest.mark.parametrize("secret", ["certificate", "key"])
def test_an_hmac_keyed_with_what_is_public_is_refused(secret: str) -> None:
    """The confusion that lets anybody sign: the public key taken for a shared secret."""
    leaf = lists.signer().leaf
    root = tree(signed((PIRATE,)))
    method = next(root.iter(f"{DS}SignatureMethod"))
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    info = etree.tostring(next(root.iter(f"{DS}SignedInfo")), method="c14n", exclusive=True)
    known = (
        leaf.public_bytes(Encoding.PEM)
        if secret == "certificate"
        else lists.signer().key.public_key().public_numbers().n.to_bytes(256)
    )
    next(root.iter(f"{DS}SignatureValue")).text = base64.b64encode(hmac.digest(known, info, "sha256")).decode()
    assert refused(written(root)) == "bad_signature"


def test_another_canonicalisation_of_the_document_is_refused() -> None:
    some = signing(
        SignatureConstructionMethod.enveloped,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS,
    ).sign(tree(compose(LINES, NOW)), key=lists.signer().key, cert=[lists.signer().leaf])
    assert refused(written(some)) == "signature_form"


@pytest.mark.parametrize(
    "algorithm",
    ["http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/TR/1999/REC-xslt-19991116",
     "http://www.w3.org/2000/09/xmldsig#base64", ""],
)  # fmt: skip
def test_any_other_transform_is_refused(algorithm: str) -> None:
    root = tree(signed())
    next(root.iter(f"{DS}Transform")).set("Algorithm", algorithm)
    assert refused(written(root)) == "signature_form"


def test_a_pirate_s_own_key_beside_the_signer_s_certificate_is_refused() -> None:
    root = tree(signed())
    value = etree.SubElement(next(root.iter(f"{DS}KeyInfo")), f"{DS}KeyValue")
    etree.SubElement(value, f"{DS}RSAKeyValue")
    assert refused(written(root)) == "signature_form"


def test_a_key_without_certificate_is_refused() -> None:
    some = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0).sign(
        tree(compose(LINES, NOW)), key=lists.signer().key
    )
    assert refused(written(some)) == "signature_form"


def test_the_signer_s_certificate_does_not_lend_its_name_to_another_key() -> None:
    """Signed by a pirate, the true signer's certificate put in: the signature is not that key's."""
    root = tree(sign(compose([PIRATE], NOW), lists.signer("mx.pirate.test")))
    next(root.iter(f"{DS}X509Certificate")).text = next(tree(signed()).iter(f"{DS}X509Certificate")).text
    assert refused(written(root)) == "bad_signature"


def test_a_true_certificate_behind_a_pirate_s_helps_nobody() -> None:
    root = tree(sign(compose([PIRATE], NOW), lists.foreign().issue_signer(lists.SIGNER)))
    true = next(tree(signed()).iter(f"{DS}X509Certificate"))
    next(root.iter(f"{DS}X509Data")).append(true)
    assert refused(written(root)) == "foreign_signer"


@pytest.mark.parametrize("text", ["", "AAAA", "pirate!", "MIIB"])
def test_a_certificate_that_cannot_be_read_is_refused(text: str) -> None:
    root = tree(signed())
    next(root.iter(f"{DS}X509Certificate")).text = text
    assert refused(written(root)) == "key_info"


# --- Tricks of the format -----------------------------------------------------------------------------------------
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "prologue",
    [
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://pirate.test/x.dtd">',
        '<!DOCTYPE x [<!ATTLIST Domaine x CDATA "y">]>',
        "<!DOCTYPE x>",
    ],
)
def test_a_dtd_is_refused_before_anything_is_parsed(prologue: str) -> None:
    xml = signed().split(b"?>", 1)[1].replace(b"etab-0.mssante.test", b"&l9;&f;", 1)
    assert refused(b'<?xml version="1.0"?>' + prologue.encode() + xml) == "entities"


def test_an_entity_without_declaration_is_refused() -> None:
    assert refused(signed().replace(b"etab-0", b"&etab;", 1)) == "not_xml"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "utf-32", "iso-8859-1", "cp037"])
def test_another_encoding_hides_nothing(encoding: str) -> None:
    text = signed().decode().replace("UTF-8", encoding, 1).replace("É", "E")
    assert refused(text.encode(encoding)) in {"encoding", "not_xml"}
    assert refused(signed().replace(b"UTF-8", encoding.encode(), 1)) == "encoding"


def test_a_list_over_the_limit_is_refused_unread() -> None:
    assert refused(signed(), max_bytes=len(signed()) - 1) == "too_large"
    assert understood(signed(), max_bytes=len(signed())).entries


def test_a_file_of_nothing_but_tags_is_refused_before_it_takes_the_memory() -> None:
    assert refused(b"<a>" + b"<b/>" * 1_000_001 + b"</a>", max_bytes=32 << 20) == "too_large"


def test_a_tag_of_endless_attributes_is_refused_before_they_are_compared() -> None:
    attributes = " ".join(f'a{number}=">"' for number in range(3000))
    assert refused(f"<a {attributes}/>".encode()) == "too_large"


@pytest.mark.parametrize("deep", [300, 100_000])
def test_elements_nested_without_end_are_refused(deep: int) -> None:
    assert refused(b"<a>" * deep + b"</a>" * deep) in {"not_xml", "wrong_root"}


@pytest.mark.parametrize(
    "namespace", [b"https://listeblanche.mssante.fr/schem", b"", b"http://listeblanche.mssante.fr/schema"]
)
def test_a_list_in_another_namespace_is_refused(namespace: bytes) -> None:
    xml = signed().replace(b"https://listeblanche.mssante.fr/schema", namespace)
    assert refused(xml) == "wrong_root"


def test_a_signature_in_another_namespace_is_none() -> None:
    assert refused(signed().replace(b"2000/09/xmldsig#", b"2000/09/xmldsig")) == "unsigned"


def test_a_pirate_s_namespace_around_the_same_names_is_refused() -> None:
    xml = signed().replace(b"<Domaine><Nom>etab-0", b'<Domaine xmlns="urn:pirate"><Nom>etab-0', 1)
    assert refused(xml) == "bad_signature"


def test_the_element_that_is_verified_is_the_one_that_is_read() -> None:
    """Nothing outside the signature's cover may reach the entries, not even what canonicalisation drops."""
    xml = signed().replace(b"</ListeDomaines>", b"<!--<Domaine><Nom>pirate.test</Nom></Domaine>--></ListeDomaines>")
    assert understood(xml).domains() == {one.domain for one in LINES}


def test_time_goes_by_slowly_enough_for_clocks_that_differ() -> None:
    assert understood(signed(LINES, NOW + timedelta(minutes=9))).generated > NOW
    assert refused(signed(LINES, NOW + timedelta(minutes=11))) == "future"
