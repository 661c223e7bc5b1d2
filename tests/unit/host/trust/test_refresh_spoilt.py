"""Files that were spoilt are made anew, from what is held or from the source."""

from __future__ import annotations

from datetime import timedelta

import pytest
from refreshed import ISSUING, asked, events, standing
from trust_nation import LIST, Host

from vaguemestre.host.trust.values import Standing

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("attentive")]


@pytest.mark.parametrize("name", ["listing", "revocation"])
@pytest.mark.parametrize("content", [None, b"", b"SQLite format 3\x00garbage"])
def test_a_spoilt_database_is_made_anew_without_asking_anybody(one: Host, name: str, content: bytes | None) -> None:
    path = (one.places.root / name / "current").resolve()
    path.write_bytes(content) if content is not None else path.unlink()
    assert not (one.listing.available and one.revocations.known())
    one.world.down = "timeout"
    one.now += timedelta(minutes=5)
    one.run()
    assert one.listing.listed(ISSUING)
    assert one.listing.fresh(one.now)
    assert standing(one, 5) is Standing.GOOD
    assert events(one)[-1] == "rebuilt"


def test_when_the_published_file_is_spoilt_too_a_whole_new_one_is_asked_for_at_once(one: Host) -> None:
    (one.places.listing / "current").resolve().write_bytes(b"")
    one.places.held.write_bytes(one.places.held.read_bytes()[:-100])
    one.now += timedelta(minutes=5)
    one.run()
    assert one.listing.listed(ISSUING)
    assert one.world.asked[0].etag == ""


def test_a_spoilt_published_file_beside_a_good_database_is_put_back(one: Host) -> None:
    published = one.places.held.read_bytes()
    one.places.held.write_bytes(b"<html>")
    one.now += timedelta(minutes=5)
    one.run()
    assert one.places.held.read_bytes() == published
    assert one.listing.listed(ISSUING)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sources": {"x": 1}}', b"\xff"])
def test_what_was_remembered_may_be_lost_at_the_price_of_one_question(one: Host, content: bytes) -> None:
    one.places.sources.write_bytes(content)
    one.now += timedelta(minutes=5)
    one.run()
    assert asked(one, LIST) == 1
    assert one.listing.fresh(one.now)
    assert one.standing() == set()
