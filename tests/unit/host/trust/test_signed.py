"""Whose signature a list carries, and that it covers the whole of it: every way round is refused by its own reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import signed_lists as lists
from lxml import etree
from signed_lists import DAY, DS, LINES, NOW, PIRATE, refused, signature_of, signed, signing, tree, understood, written
from signxml.algorithms import SignatureConstructionMethod

from vaguemestre.host.trust.whitelist import WhiteListError, read
from vaguemestre.lab.listing import compose, sign
from vaguemestre.pki import making
from vaguemestre.pki.authority import Issued
from vaguemestre.pki.extensions import key_usage


def test_a_list_of_the_national_form_is_believed() -> None:
    found = understood(signed())
    assert [one.domain for one in found.entries] == [one.domain for one in LINES]
    assert found.generated == NOW
    assert found.signer.name == lists.SIGNER
    assert found.signer.serial == lists.signer().leaf.serial_number
    assert found.digest == hashlib.sha256(signed()).hexdigest()


def test_carriage_returns_in_base64_are_lived_with() -> None:
    root = tree(signed())
    certificate = next(root.iter(f"{DS}X509Certificate"))
    certificate.text = certificate.text.replace("\n", "\r\n")
    xml = written(root)
    assert b"&#13;" in xml
    assert understood(xml).entries


def test_comments_change_nothing_and_are_not_read() -> None:
    xml = signed().replace(b"etab-0.mssante", b"etab-0<!-- .pirate -->.mssante")
    assert understood(xml).entries == understood(signed()).entries


# --- Not signed by who should -------------------------------------------------------------------------------------
def test_an_unsigned_list_is_refused() -> None:
    assert refused(compose(LINES, NOW)) == "unsigned"


def test_a_list_signed_under_a_foreign_authority_is_refused() -> None:
    assert refused(sign(compose(LINES, NOW), lists.foreign().issue_signer(lists.SIGNER))) == "foreign_signer"


def test_a_list_signed_by_another_holder_of_a_national_certificate_is_refused() -> None:
    assert refused(sign(compose(LINES, NOW), lists.signer("mx.pirate.test"))) == "wrong_signer"


def test_the_expected_signer_can_be_another() -> None:
    assert understood(sign(compose(LINES, NOW), lists.signer("alb2.mssante.test")), name="alb2.mssante.test").entries


def test_a_renewed_signer_of_the_same_name_is_believed() -> None:
    assert understood(sign(compose(LINES, NOW), lists.authority().issue_signer(lists.SIGNER))).entries


def test_a_list_signed_by_an_authority_itself_is_refused() -> None:
    issuing = lists.authority().issuing
    itself = Issued(issuing.key, (issuing.leaf,))
    name = "TEST AC IGC-SANTE ELEMENTAIRE ORGANISATIONS"
    assert refused(sign(compose(LINES, NOW), itself), name=name) == "signer_usage"


def test_a_certificate_that_only_encrypts_signs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    only = replace(making.LIST_SIGNER, usage=key_usage(key_encipherment=True))
    monkeypatch.setattr("vaguemestre.pki.authority.LIST_SIGNER", only)
    assert refused(sign(compose(LINES, NOW), lists.authority().issue_signer(lists.SIGNER))) == "signer_usage"


def test_an_expired_signer_is_refused_now_and_believed_in_the_archive() -> None:
    then = NOW - 300 * DAY
    old = lists.authority().issue_signer(lists.SIGNER, not_before=then - 100 * DAY, not_after=then + 100 * DAY)
    xml = sign(compose(LINES, then), old)
    assert refused(xml) == "signer_expired"
    assert refused(xml, at=NOW) == "signer_expired"
    assert refused(xml, at=then - 200 * DAY) == "signer_not_yet_valid"


def test_an_archived_list_is_judged_at_its_date() -> None:
    later = NOW + 2000 * DAY
    assert refused(signed(), now=later) == "signer_expired"
    assert understood(signed(), at=NOW, now=later).generated == NOW


def test_a_signer_that_is_not_yet_valid_is_refused() -> None:
    early = lists.authority().issue_signer(lists.SIGNER, not_before=NOW + DAY, not_after=NOW + 9 * DAY)
    assert refused(sign(compose(LINES, NOW), early)) == "signer_not_yet_valid"


def test_an_expired_authority_proves_nobody() -> None:
    assert refused(signed(), at=NOW + 9000 * DAY) == "signer_expired"


def test_the_root_alone_does_not_vouch_for_the_signer() -> None:
    anchors = [lists.authority().root.leaf]
    with pytest.raises(WhiteListError, match="not issued by an anchor"):
        read(signed(), anchors=anchors, signer=lists.SIGNER, at=None, now=NOW, max_bytes=1 << 20)


def test_no_anchors_prove_nobody() -> None:
    with pytest.raises(WhiteListError):
        read(signed(), anchors=[], signer=lists.SIGNER, at=None, now=NOW, max_bytes=1 << 20)


# --- Altered ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("piece", [b"etab-1.mssante.test", b"mx1.operateur", b"2026-01-15T09", b"Service infor"])
def test_a_flipped_byte_anywhere_in_the_content_is_refused(piece: bytes) -> None:
    assert refused(signed().replace(piece, bytes([piece[0] ^ 1]) + piece[1:], 1)) == "bad_signature"


def test_a_changed_date_is_refused() -> None:
    day = f"{NOW:%Y-%m-%dT}".encode()
    assert refused(signed().replace(day, f"{NOW - DAY:%Y-%m-%dT}".encode(), 1)) == "bad_signature"


@pytest.mark.parametrize("name", ["DigestValue", "SignatureValue"])
def test_a_changed_digest_or_signature_is_refused(name: str) -> None:
    root = tree(signed())
    value = next(root.iter(f"{DS}{name}"))
    value.text = ("B" if value.text[0] == "A" else "A") + value.text[1:]
    assert refused(written(root)) == "bad_signature"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_list_cut_short_is_refused(part: float) -> None:
    assert refused(signed()[: int(len(signed()) * part)]) == "not_xml"


def test_a_list_cut_short_and_closed_again_is_refused() -> None:
    root = tree(signed())
    root.remove(root[-1])
    assert refused(written(root)) == "unsigned"


@pytest.mark.parametrize("junk", [b"", b"\0", b"<html><body>Request blocked</body></html>", b"\xff\xfe<\0", b"not xml"])
def test_junk_is_refused(junk: bytes) -> None:
    assert refused(junk) in {"not_xml", "wrong_root", "encoding"}


# --- Wrapped ------------------------------------------------------------------------------------------------------
def _second_list(root: Any) -> Any:
    other = etree.fromstring(etree.tostring(root[1]))
    other.insert(0, lists.domaine())
    root.insert(1, other)
    return root


def _second_list_last(root: Any) -> Any:
    root.append(deepcopy(root[1]))
    return root


def _inside_object(root: Any) -> Any:
    """The signed document put away inside its own signature, a pirate's around it."""
    outer = tree(compose([PIRATE], NOW))
    signature = signature_of(root)
    root.remove(signature)
    holder = etree.SubElement(signature, f"{DS}Object")
    holder.append(root)
    outer.append(signature)
    return outer


def _by_reference(root: Any) -> Any:
    """The same, the reference pointing at the hidden one."""
    outer = _inside_object(root)
    hidden = outer.find(f".//{DS}Object")[0]
    hidden.set("Id", "x")
    next(outer.iter(f"{DS}Reference")).set("URI", "#x")
    return outer


def _whole_inside(root: Any) -> Any:
    """A pirate's document that holds the signed one whole."""
    outer = tree(compose([PIRATE], NOW))
    outer.append(root)
    return outer


def _signature_first(root: Any) -> Any:
    root.insert(0, root[-1])
    return root


def _signature_deeper(root: Any) -> Any:
    root[1].append(root[-1])
    return root


def _two_signatures(root: Any) -> Any:
    root.append(deepcopy(root[-1]))
    return root


def _text_behind(root: Any) -> Any:
    root[-1].tail = "pirate"
    return root


@pytest.mark.parametrize(
    ("wrap", "slug"),
    [
        (_second_list, "bad_signature"),
        (_second_list_last, "signature_place"),
        (_inside_object, "signature_form"),
        (_by_reference, "signature_form"),
        (_whole_inside, "signature_place"),
        (_signature_first, "signature_place"),
        (_signature_deeper, "signature_place"),
        (_two_signatures, "several_signatures"),
        (_text_behind, "signature_place"),
    ],
)
def test_a_wrapped_signature_is_refused(wrap: Callable[[Any], Any], slug: str) -> None:
    assert refused(written(wrap(tree(signed())))) == slug


def test_two_lists_that_are_both_signed_are_refused() -> None:
    root = _second_list(tree(compose(LINES, NOW)))
    assert refused(sign(written(root), lists.signer())) == "structure"


def test_a_signature_over_a_fragment_is_refused() -> None:
    root = tree(compose(LINES, NOW))
    root[1].set("Id", "list")
    how = signing(SignatureConstructionMethod.enveloped)
    some = how.sign(root, key=lists.signer().key, cert=[lists.signer().leaf], reference_uri="#list")
    assert refused(written(some)) == "signature_form"


def test_a_detached_signature_is_refused() -> None:
    how = signing(SignatureConstructionMethod.enveloping)
    around = how.sign(tree(compose(LINES, NOW)), key=lists.signer().key, cert=[lists.signer().leaf])
    assert refused(written(around)) == "wrong_root"


def test_several_references_are_refused() -> None:
    root = tree(signed())
    reference = next(root.iter(f"{DS}Reference"))
    reference.addnext(deepcopy(reference))
    assert refused(written(root)) == "signature_form"
