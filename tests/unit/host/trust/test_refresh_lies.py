"""Sources that lie: what cannot be believed changes nothing, and is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from refreshed import DAY, HALF, ISSUING, events
from trust_nation import CRL, HOUR, LIST, NATION, START, Host, dn, host, lines

from vaguemestre.lab.listing import Line, compose, sign
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.profiles import OTHER

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("attentive")]


def tampered(one: Host) -> bytes:
    return one.publish(lines(100)).replace(b"etab-5.mssante", b"etab-6.mssante", 1)


def resigned(one: Host) -> bytes:
    stranger = Authority.create(OTHER).issue_signer("alb.mssante.test")
    return sign(compose(lines(100), one.now), stranger)


def by_another(one: Host) -> bytes:
    return sign(compose(lines(100), one.now), NATION.authority.issue_signer("autre.mssante.test"))


LIES: dict[str, Callable[[Host], bytes]] = {
    "older": lambda one: NATION.white_list(lines(100), START - 2 * HOUR),
    "future": lambda one: NATION.white_list(lines(100), one.now + 12 * HOUR),
    "unsigned": lambda one: compose(lines(100), one.now),
    "not_xml": lambda one: one.publish(lines(100))[:-2000],
    "bad_signature": tampered,
    "foreign_signer": resigned,
    "wrong_signer": by_another,
    "empty": lambda one: NATION.white_list([], one.now),
    "too_large": lambda one: one.publish(lines(100)) + b" " * (1 << 22),
}


@pytest.mark.parametrize("slug", LIES)
def test_a_list_that_is_not_what_it_should_be_changes_nothing_and_is_named(one: Host, slug: str) -> None:
    one.now += HOUR
    before = one.listing.facts()
    one.world.pages[LIST] = LIES[slug](one)
    one.run()
    assert one.listing.facts() == before
    assert one.source()["failure"] == slug
    assert one.source()["message"]
    assert one.listing.confirmed == START
    one.wait(3 * HOUR, HOUR)
    assert events(one) == ["accepted", "failing"], "told once, however often it is served"
    one.publish([*lines(100), Line("ensuite.mssante.test", dn(4))])
    one.wait(HOUR)
    assert one.listing.listed("ensuite.mssante.test")


def test_a_list_signed_by_a_revoked_certificate_is_refused_and_the_held_one_stays(one: Host) -> None:
    one.now += HOUR
    one.revoke(NATION.signer.leaf.serial_number)
    one.run()
    one.now += HOUR
    one.publish([*lines(100), Line("ensuite.mssante.test", dn(4))])
    one.run()
    assert one.source()["failure"] == "signer_revoked"
    assert not one.listing.listed("ensuite.mssante.test")
    assert one.listing.listed(ISSUING)


def test_the_first_list_ever_is_checked_as_well(tmp_path: Path) -> None:
    new = host(tmp_path)
    new.world.pages[LIST] = resigned(new)
    new.run()
    assert not new.listing.available
    assert ("list", "missing") in new.standing()


def test_nothing_has_changed_is_no_answer_about_a_file_that_was_refused(one: Host) -> None:
    one.now += HOUR
    one.world.pages[LIST] = resigned(one)
    one.wait(25 * HOUR, HOUR)
    etags = [request.etag for request in one.world.asked if request.url == LIST]
    assert etags[0]
    assert not any(etags[1:])
    assert not one.listing.fresh(one.now)


CRL_LIES: dict[str, Callable[[Host], bytes]] = {
    "not_a_crl": lambda one: b"0\x82\x02\x00garbage",
    "wrong_issuer": lambda one: Authority.create(OTHER).crl([5], published=one.now - HOUR, until=one.now + DAY),
    "older": lambda one: NATION.authority.crl([5], published=START - 3 * HOUR, until=one.now + DAY),
    "outdated": lambda one: NATION.authority.crl([5], published=one.now - HOUR, until=one.now - HALF),
    "not_yet": lambda one: NATION.authority.crl([5], published=one.now + HOUR, until=one.now + DAY),
}


@pytest.mark.parametrize("slug", CRL_LIES)
def test_a_revocation_list_that_cannot_be_believed_changes_nothing(one: Host, slug: str) -> None:
    one.now += HOUR
    before = one.revocations.known()
    one.world.pages[CRL] = CRL_LIES[slug](one)
    one.run()
    assert one.revocations.known() == before
    assert one.source(CRL)["failure"] == slug
