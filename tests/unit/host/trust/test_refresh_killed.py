"""A run that is killed at any moment: what is held is one whole list or the other, and the next run finishes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from trust_nation import CRL, HOUR, LIST, NATION, Host, host, lines
from trust_source import Page, serving

from vaguemestre.host.trust import database, durable
from vaguemestre.host.trust.layout import settings
from vaguemestre.host.trust.refresh import refresh
from vaguemestre.host.trust.values import Standing

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOOK_EVERY", 0.0)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that dies, without a word, when it brings something to the disk for the nth time."""
    child = os.fork()
    if child == 0:
        left, real = [step], os.fsync

        def fsync(handle: int) -> None:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            real(handle)

        os.fsync = fsync
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def serial_5(one: Host) -> Standing:
    (known,) = one.revocations.known()
    return one.revocations.standing(known.issuer, 5, one.now)


def next_day(one: Host) -> None:
    """There is a new list, in which etab-0 was followed by etab-100, and a new revocation."""
    one.now += HOUR
    one.publish(lines(100, start=1))
    one.revoke(5)


def test_a_run_that_is_killed_leaves_one_whole_list_and_the_next_run_finishes(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = host(tmp_path / "whole")
    whole.run()
    next_day(whole)
    step, deaths = 0, 0
    while True:
        step += 1
        one = whole.copied(tmp_path / str(step))
        died = killed_at(step, one.run)
        old, new = one.listing.listed("etab-0.mssante.test"), one.listing.listed("etab-100.mssante.test")
        assert old != new, f"killed at step {step}: half a list"
        assert one.listing.listed("etab-50.mssante.test")
        assert serial_5(one) in (Standing.GOOD, Standing.REVOKED)
        one.run()
        assert one.listing.listed("etab-100.mssante.test")
        assert not one.listing.listed("etab-0.mssante.test")
        assert one.listing.fresh(one.now)
        assert serial_5(one) is Standing.REVOKED
        assert durable.sha256(one.places.held) == one.source()["digest"]
        assert not list(one.places.root.rglob(".new-*"))
        if not died:
            break
        deaths += 1
    assert deaths > 10, "nothing was killed: this test shows nothing"


def test_an_approval_that_is_killed_is_done_or_still_to_be_done(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = host(tmp_path / "whole")
    whole.run()
    whole.now += HOUR
    whole.publish(lines(60))
    whole.run()
    step, died = 0, True
    while died:
        step += 1
        one = whole.copied(tmp_path / str(step))
        died = killed_at(step, lambda one=one: one.trust("approve"))  # type: ignore[misc]
        one.run()
        if one.listing.listed("etab-99.mssante.test"):
            one.trust("approve")
        assert not one.listing.listed("etab-99.mssante.test")
        assert one.trust("diff")[1]["result"] == "nothing"
    assert step > 10


def test_a_whole_run_over_the_wire(tmp_path: Path) -> None:
    """The real fetcher, a real server with the nation's certificate, and then a firewall in front of it."""
    one = host(tmp_path)
    with serving(NATION.authority, tmp_path) as site, serving() as crls:
        text = (tmp_path / "trust.json").read_text()
        (tmp_path / "trust.json").write_text(text.replace(LIST, site.url("/list")).replace(CRL, crls.url("/crl")))
        site.pages["/list"] = Page(one.world.pages[LIST], etag='"1"')
        crls.pages["/crl"] = Page(one.world.pages[CRL], etag='"1"')
        known = settings(tmp_path / "trust.json")
        report = refresh(known, one.places, one.now)
        assert report.alarms == ()
        assert one.listing.listed("etab-1.mssante.test")
        assert serial_5(one) is Standing.GOOD
        one.now += HOUR
        refresh(known, one.places, one.now)
        assert site.asked[1][1]["If-None-Match"] == '"1"'
        assert one.listing.confirmed == one.now
        site.pages["/list"] = crls.pages["/crl"] = Page(b"<!DOCTYPE html><title>Acces refuse</title>", etag='"2"')
        one.now += HOUR
        refresh(known, one.places, one.now)
        assert one.source(site.url("/list"))["failure"] == "web_page"
        assert "Acces refuse" in one.source(crls.url("/crl"))["message"]
        assert one.listing.listed("etab-1.mssante.test")
        assert serial_5(one) is Standing.GOOD
