"""Role pki: the trust store holds authorities and nothing else, the key is root's alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from golden.hosts import context

from roles import pki
from vaguemestre.errors import ReleaseError
from vaguemestre.pki.authority import Authority, CertificateRequest, Issued
from vaguemestre.pki.national import PinError
from vaguemestre.release import Credential, File

CONTEXT = context("smallest", "mail")
SOURCE = "trust/national.pem"


@pytest.fixture(scope="module")
def issued() -> Issued:
    """A host's certificate and key, of an authority of its own."""
    return Authority.create().issue(CertificateRequest("mail.example.test", "Example", "Eure (27)", "1270000999"))


def test_the_key_is_readable_by_root_only_and_the_chain_by_all() -> None:
    modes = {item.path: item.mode for item in pki.items(CONTEXT) if isinstance(item, Credential)}
    assert modes == {pki.KEY: 0o600, pki.CHAIN: 0o644}


def test_the_trust_store_holds_the_anchors_and_says_who_they_are() -> None:
    store = next(item for item in pki.items(CONTEXT) if isinstance(item, File)).content.decode()
    assert store.count("BEGIN CERTIFICATE") == CONTEXT.anchors.count("BEGIN CERTIFICATE") == 2
    assert "CN=AC RACINE IGC-SANTE ELEMENTAIRE" in store


def test_an_anchor_given_twice_is_kept_once() -> None:
    assert pki.anchors(CONTEXT.anchors * 2, SOURCE) == pki.anchors(CONTEXT.anchors, SOURCE)


@pytest.mark.parametrize("pem", ["", "no certificate here\n", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_anchors_that_cannot_be_read_are_refused_naming_the_file(pem: str) -> None:
    with pytest.raises(ReleaseError, match=SOURCE):
        pki.anchors(pem, SOURCE)


def test_a_mere_host_is_no_anchor(issued: Issued) -> None:
    leaf = issued.chain_pem().decode()
    with pytest.raises(ReleaseError, match=r"not a certification authority: .*mail\.example\.test"):
        pki.anchors(CONTEXT.anchors + leaf, SOURCE)


def test_a_private_key_among_the_anchors_is_refused_and_not_shown(issued: Issued) -> None:
    key = issued.key_pem().decode()
    with pytest.raises(ReleaseError, match="private key") as refused:
        pki.anchors(CONTEXT.anchors + key, SOURCE)
    assert key.splitlines()[1] not in str(refused.value)


def test_without_its_certificate_a_host_has_no_release() -> None:
    with pytest.raises(ReleaseError, match=r"the secret tls\.pem is missing"):
        list(pki.items(replace(CONTEXT, secrets={})))


def test_altered_anchors_build_no_release_unless_the_inventory_is_a_rehearsals() -> None:
    strange = replace(CONTEXT, anchors=Authority.create().anchors_pem().decode())
    with pytest.raises(PinError, match="not the nation's authorities"):
        list(pki.items(strange))
    rehearsal = CONTEXT.settings.trust.model_copy(update={"authority": "test"})
    allowed = replace(strange, settings=CONTEXT.settings.model_copy(update={"trust": rehearsal}))
    assert list(pki.items(allowed))


def test_an_authority_too_few_builds_no_release() -> None:
    first = CONTEXT.anchors.split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    with pytest.raises(PinError, match="is missing"):
        list(pki.items(replace(CONTEXT, anchors=first)))
