"""The file of authorities: what it must hold before anybody can be proven by it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from strangers import REQUEST, sibling

from vaguemestre.host.trust.authorities import AuthorityError, authorities
from vaguemestre.pki import making
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.national import BUNDLE
from vaguemestre.pki.profiles import OTHER

NATIONAL = Authority.create()
ROOT, ISSUING = NATIONAL.root.leaf_pem(), NATIONAL.issuing.leaf_pem()


def test_roots_and_issuing_authorities_are_told_apart_in_any_order() -> None:
    for pem in (ROOT + ISSUING, ISSUING + ROOT, (ISSUING + ROOT).decode()):
        held = authorities(pem)
        assert [one.certificate for one in held.roots] == [NATIONAL.root.leaf]
        assert [one.certificate for one in held.issuing] == [NATIONAL.issuing.leaf]
        assert [one.certificate for one in held.issuing[0].path()] == [NATIONAL.issuing.leaf, NATIONAL.root.leaf]


def test_the_nations_own_file_can_be_used() -> None:
    held = authorities(BUNDLE.read_bytes())
    assert [one.name.split(",")[0] for one in held.all] == [
        "CN=AC IGC-SANTE ELEMENTAIRE ORGANISATIONS",
        "CN=AC RACINE IGC-SANTE ELEMENTAIRE",
    ]


def test_an_authority_is_found_by_its_key() -> None:
    held = authorities(ROOT + ISSUING)
    key = hashlib.sha256(NATIONAL.issuing.leaf.public_bytes(Encoding.DER)).digest()[:16]
    assert held.find(key) is held.issuing[0]
    assert held.find(b"\0" * 16) is None


def test_two_generations_of_authorities_may_stand_side_by_side() -> None:
    new = sibling(NATIONAL, same_name=True)
    held = authorities(ROOT + ISSUING + new.issuing.leaf_pem())
    assert held.issuer(NATIONAL.issue(REQUEST).leaf) is held.issuing[0]
    assert held.issuer(new.issue(REQUEST).leaf) is held.issuing[1]


def test_of_one_key_certified_twice_the_later_end_counts() -> None:
    again = making.issuing(NATIONAL.profile, NATIONAL.issuing.key.public_key(), NATIONAL.root)
    twice = replace(NATIONAL.issuing, chain=(again,)).leaf_pem()
    assert len(authorities(ROOT + ISSUING + twice).issuing) == 1


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "no readable"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no readable"),
        (ROOT, "no issuing authority"),
        (ISSUING, "its root is missing"),
        (ROOT + ISSUING + NATIONAL.issue(REQUEST).leaf_pem(), f"not a certification authority: CN={REQUEST.host}"),
        (ROOT + ISSUING + Authority.create(OTHER).issuing.leaf_pem(), "its root is missing: CN=TEST AUTRE AC,"),
    ],
    ids=["empty", "spoilt", "root alone", "no root", "a mail host among them", "a stranger among them"],
)
def test_a_file_that_cannot_be_used_says_why(pem: bytes, reason: str) -> None:
    with pytest.raises(AuthorityError, match=reason):
        authorities(pem)
