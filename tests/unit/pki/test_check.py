"""Before a deployment: what a peer would say, by the peers' own judgement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from desk import DOMAINS, HOST, REQUEST, Desk, authority, key, listed

from vaguemestre.host.trust.authorities import authorities
from vaguemestre.host.trust.revocation import crl
from vaguemestre.pki.authority import Authority, Issued
from vaguemestre.pki.check import Learnt, World, faults, problems, refusals
from vaguemestre.pki.listed import Pairs
from vaguemestre.pki.profiles import leaf_subject, now

SUBJECT = leaf_subject(REQUEST)
MX: Mapping[str, tuple[str, ...]] = dict.fromkeys(DOMAINS, (HOST,))


def world(**changes: object) -> World:
    known = {"held": listed(SUBJECT), "revocations": revoked(), "mail_hosts": MX, **changes}
    return World(authority().anchors_pem(), DOMAINS, now(), **known)  # type: ignore[arg-type]


def revoked(*serials: int) -> Learnt:
    """The authority's lists as they would be fetched, naming these."""
    held = authorities(authority().anchors_pem())
    lists = (authority().crl(serials), authority().root_crl())
    return Learnt(tuple(crl(one, held, now()) for one in lists))


def said(desk: Desk, issued: Issued, **changes: object) -> str:
    desk.install(issued)
    return "\n".join(map(str, faults(desk.host, world(**changes))))


def test_what_peers_accept_has_no_fault(desk: Desk) -> None:
    assert said(desk, desk.issue()) == ""


def test_a_host_without_certificate_is_told_how_to_get_one(desk: Desk) -> None:
    (only,) = faults(desk.host, world())
    assert str(only) == f"missing: tls.pem, tls.key\n    vaguemestre pki request {HOST}"


def test_a_revoked_certificate_is_what_peers_would_refuse(desk: Desk) -> None:
    issued = desk.issue()
    told = said(desk, issued, revocations=revoked(issued.leaf.serial_number))
    assert told.count("the operator certificate is revoked [VGM-107]") == 2  # as a server, as a client
    assert said(desk, issued, revocations=None) == ""


def test_a_dn_that_the_list_lacks_is_named_with_the_domain(desk: Desk) -> None:
    told = said(desk, desk.issue(), held=listed(SUBJECT, DOMAINS[1]))
    assert "the white list does not name its DN for pasteur.mssante.test" in told
    assert "tilleuls" not in told
    assert said(desk, desk.issue(), held=None) == ""
    assert said(desk, desk.issue(), held=Pairs(frozenset())).count("does not name its DN") == 2


def test_an_mx_that_names_another_host_is_found(desk: Desk) -> None:
    mx = {**MX, DOMAINS[1]: ("old.tilleuls.mssante.test",)}
    told = said(desk, desk.issue(), mail_hosts=mx)
    assert f"the MX of tilleuls.mssante.test names old.tilleuls.mssante.test, not {HOST}" in told


def test_an_expired_certificate_is_named_by_date_and_by_the_peers_reason(desk: Desk) -> None:
    ended = now() - timedelta(days=1)
    told = said(desk, desk.issue(not_before=ended - timedelta(days=30), not_after=ended))
    assert "expired on" in told
    assert "[VGM-105]" in told


def test_a_certificate_for_half_the_work_fails_for_that_half_only(desk: Desk) -> None:
    told = said(desk, desk.issue(usages=[ExtendedKeyUsageOID.SERVER_AUTH]))
    assert told.count("[VGM-109]") == 1
    assert "a peer that it writes to refuses it" in told


def test_the_peers_judgement_knows_what_no_other_question_asks(desk: Desk) -> None:
    """A critical extension that nobody understands: our own list of questions has nothing about it."""
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
    model = desk.issue().leaf
    extensions = [*model.extensions, x509.Extension(strange.oid, True, strange)]
    builder = x509.CertificateBuilder(
        model.issuer, model.subject, model.public_key(), model.serial_number,  # type: ignore[arg-type]
        model.not_valid_before_utc.replace(tzinfo=None), model.not_valid_after_utc.replace(tzinfo=None),
        extensions,  # type: ignore[arg-type]
    )  # fmt: skip
    odd = Issued(key(1), (builder.sign(authority().issuing.key, hashes.SHA256()), authority().issuing.leaf))
    assert "[VGM-103]" in said(desk, odd)
    found = problems(HOST, odd.chain_pem(), odd.key_pem(), authority().anchors_pem(), now())
    assert [one.startswith(f"{HOST}: a peer that ") and "[VGM-103]" in one for one in found] == [True, True]


def test_a_deployment_asks_offline_and_says_each_fault_once(desk: Desk) -> None:
    issued = desk.issue()
    assert problems(HOST, issued.chain_pem(), issued.key_pem(), authority().anchors_pem(), now()) == []
    (only,) = problems("mail.other.test", issued.chain_pem(), issued.key_pem(), authority().anchors_pem(), now())
    assert only.startswith("mail.other.test: the certificate names mail.pasteur.mssante.test, not this host")


@pytest.mark.parametrize("usage", [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
def test_the_reasons_are_those_of_the_trust_daemon(desk: Desk, usage: x509.ObjectIdentifier) -> None:
    told = refusals(desk.issue(usages=[usage]).leaf, authority().anchors_pem(), Learnt(), now())
    assert [(use.value != usage, reason.name) for use, reason in told.items()] == [(True, "wrong_usage")]


def test_a_stranger_to_the_anchors_is_foreign(desk: Desk) -> None:
    stranger = Authority.create().issue(REQUEST, key=key(1))
    assert "[VGM-104]" in said(desk, stranger)
