"""Signed lists for tests of what is refused: an authority, its signer, and the ways to alter a list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from vaguemestre.host.trust.whitelist import NAMESPACE, WhiteList, WhiteListError, read
from vaguemestre.lab.listing import Line, compose, sign
from vaguemestre.pki.authority import Authority, Issued
from vaguemestre.pki.profiles import OTHER

DS = "{http://www.w3.org/2000/09/xmldsig#}"
NS = f"{{{NAMESPACE}}}"
SIGNER = "alb.mssante.test"
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def dn(number: int) -> str:
    return f"CN=mx{number}.operateur.test,OU=199000000{number},O=OPERATEUR FICTIF {number},ST=Paris (75),C=FR"


LINES = tuple(Line(f"etab-{number}.mssante.test", dn(number % 2), f"Établissement {number}") for number in range(3))
PIRATE = Line("etab-0.mssante.test", dn(9), "pirate")


@cache
def authority() -> Authority:
    return Authority.create()


@cache
def foreign() -> Authority:
    return Authority.create(OTHER)


@cache
def signer(name: str = SIGNER) -> Issued:
    return authority().issue_signer(name)


@cache
def signed(lines: Iterable[Line] = LINES, generated: datetime = NOW) -> bytes:
    return sign(compose(lines, generated), signer())


def understood(
    xml: bytes, *, name: str = SIGNER, at: datetime | None = None, now: datetime = NOW, max_bytes: int = 1 << 20
) -> WhiteList:
    anchors = [authority().issuing.leaf, authority().root.leaf]
    return read(xml, anchors=anchors, signer=name, at=at, now=now, max_bytes=max_bytes)


def tree(xml: bytes) -> Any:
    return etree.fromstring(xml)


def written(root: Any) -> bytes:
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return text


def domaine(line: Line = PIRATE) -> Any:
    """One Domaine as an element."""
    return tree(compose([line], NOW)).find(f".//{NS}Domaine")


def signature_of(root: Any) -> Any:
    return root.find(f"{DS}Signature")


def refused(xml: bytes, **how: Any) -> str:
    """The slug by which it is refused."""
    with pytest.raises(WhiteListError) as caught:
        understood(xml, **how)
    assert str(caught.value)
    return caught.value.reason


def signing(method: SignatureConstructionMethod, *, kind: type[XMLSigner] = XMLSigner, **how: Any) -> XMLSigner:
    """The library's signer, set as the list's own is, but for what `how` says."""
    usual: dict[str, Any] = {
        "signature_algorithm": SignatureMethod.RSA_SHA256,
        "digest_algorithm": DigestAlgorithm.SHA256,
        "c14n_algorithm": CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    }
    return kind(method=method, **usual | how)
