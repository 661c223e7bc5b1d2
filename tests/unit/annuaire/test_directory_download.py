"""An extraction comes over the wire: asked for first, fetched once, gone on with where it was cut, never half."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from extraction_server import Published, publishing

from vaguemestre.host.annuaire.download import Offer, ThrottledError, fetched, offered
from vaguemestre.host.trust.fetch import FetchError, Request
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.profiles import OTHER

NAME = "Extraction_Correspondance_MSSante_202610090513.zip"
BODY = os.urandom(200_000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Published]:
    with publishing(tmp_path) as one:
        one.body, one.name, one.etag = BODY, NAME, '"one"'
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "begun"
    made.mkdir()
    return made


def ask(site: Published, **changes: object) -> Request:
    known = {"url": site.url, "max_bytes": 1 << 20, "seconds": 10.0}
    return Request(**{**known, **changes})  # type: ignore[arg-type]


def fetch(site: Published, folder: Path, **changes: object) -> bytes:
    wanted = ask(site, **changes)
    return fetched(wanted, offered(wanted), folder)[0].read_bytes()


def slug(site: Published, folder: Path, **changes: object) -> str:
    with pytest.raises(FetchError) as failed:
        fetch(site, folder, **changes)
    assert site.url in str(failed.value)
    return failed.value.slug


def test_its_date_and_size_are_known_before_anything_is_fetched(site: Published) -> None:
    offer = offered(ask(site))
    assert (offer.name, offer.size, offer.etag) == (NAME, len(BODY), '"one"')
    assert offer.made == datetime(2026, 10, 9, 3, 13, tzinfo=UTC)
    assert site.methods() == ["HEAD"]


def test_a_mirror_without_a_dated_name_dates_it_by_its_last_change(site: Published) -> None:
    site.name = ""
    site.headers = {"Last-Modified": "Fri, 09 Oct 2026 03:15:30 GMT"}
    assert offered(ask(site)).made == datetime(2026, 10, 9, 3, 15, 30, tzinfo=UTC)


def test_a_server_that_knows_no_head_is_asked_for_the_file(site: Published, folder: Path) -> None:
    site.head = False
    path, offer = fetched(ask(site), offered(ask(site)), folder)
    assert (path.read_bytes(), offer.name) == (BODY, NAME)


def test_the_file_comes_whole_and_nobody_else_may_read_it(site: Published, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    path, _ = fetched(ask(site), offered(ask(site)), folder, lambda done, size: seen.append((done, size)))
    assert path.read_bytes() == BODY
    assert path.stat().st_mode & 0o777 == 0o600
    assert seen[-1] == (len(BODY), len(BODY))


def test_what_was_cut_goes_on_where_it_ended(site: Published, folder: Path) -> None:
    site.cut = 120_000
    assert slug(site, folder) == "truncated"
    site.cut = None
    assert fetch(site, folder) == BODY
    assert site.asked[-1] == ("GET", "bytes=120000-")


def test_a_part_of_another_file_is_not_gone_on_with(site: Published, folder: Path) -> None:
    site.cut = 120_000
    assert slug(site, folder) == "truncated"
    site.cut, site.body, site.etag = None, os.urandom(190_000), '"two"'
    assert fetch(site, folder) == site.body
    assert site.asked[-1] == ("GET", "")


def test_a_server_that_sends_the_whole_instead_of_the_rest_is_understood(site: Published, folder: Path) -> None:
    site.cut = 120_000
    assert slug(site, folder) == "truncated"
    site.cut, site.ranges = None, False
    assert fetch(site, folder) == BODY


def test_a_file_that_nothing_identifies_is_begun_anew(site: Published, folder: Path) -> None:
    site.etag, site.cut = "", 120_000
    assert slug(site, folder) == "truncated"
    site.cut = None
    assert fetch(site, folder) == BODY
    assert site.asked[-1] == ("GET", "")


def test_a_part_that_is_not_the_one_asked_for_is_no_part(site: Published, folder: Path) -> None:
    site.cut = 120_000
    assert slug(site, folder) == "truncated"
    site.cut, site.headers = None, {"Content-Range": "bytes 5-9/10"}
    assert slug(site, folder) == "protocol"
    site.headers = {}
    assert fetch(site, folder) == BODY


@pytest.mark.slow
def test_a_source_that_drips_is_left_when_time_is_up_and_gone_on_with_later(site: Published, folder: Path) -> None:
    site.pause = 0.1
    assert slug(site, folder, seconds=0.5) == "timeout"
    site.pause = 0.0
    assert fetch(site, folder) == BODY
    assert site.asked[-1][1].startswith("bytes=")


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>Proxy</title>", b"<html><body>please log in</body></html>"])
def test_a_firewalls_page_is_no_extraction(site: Published, folder: Path, page: bytes) -> None:
    site.body = page
    assert slug(site, folder) == "web_page"


def test_a_page_that_says_so_is_not_even_fetched(site: Published, folder: Path) -> None:
    site.headers = {"Content-Type": "text/html; charset=utf-8"}
    assert slug(site, folder) == "web_page"
    assert site.methods() == ["HEAD"]


def test_too_large_a_file_is_not_begun(site: Published, folder: Path) -> None:
    assert slug(site, folder, max_bytes=199_999) == "too_large"
    assert site.methods() == ["HEAD"]


def test_a_file_that_grows_beyond_the_limit_is_left(site: Published, folder: Path) -> None:
    site.head = False
    assert slug(site, folder, max_bytes=199_999) == "too_large"


@pytest.mark.parametrize(("status", "named"), [(404, "http_404"), (500, "http_500"), (429, "http_429")])
def test_an_error_keeps_its_number(site: Published, folder: Path, status: int, named: str) -> None:
    site.status = status
    assert slug(site, folder) == named


@pytest.mark.parametrize(("told", "wait"), [("120", timedelta(minutes=2)), ("86400", timedelta(hours=6))])
def test_who_asks_too_often_learns_how_long_to_wait(site: Published, told: str, wait: timedelta) -> None:
    site.status, site.headers = 429, {"Retry-After": told}
    with pytest.raises(ThrottledError) as failed:
        offered(ask(site))
    assert failed.value.wait == wait


def test_an_empty_file_is_no_file(site: Published, folder: Path) -> None:
    site.body = b""
    assert slug(site, folder) == "empty"


def test_a_compressed_answer_is_not_unpacked(site: Published, folder: Path) -> None:
    site.headers = {"Content-Encoding": "gzip"}
    assert slug(site, folder) == "encoded"


def test_a_redirect_elsewhere_is_not_followed(site: Published, folder: Path) -> None:
    site.status, site.headers = 302, {"Location": "https://elsewhere.test/file"}
    assert slug(site, folder) == "redirect"


def test_a_disk_without_room_is_the_disks_trouble_and_not_the_sources(
    site: Published, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.statvfs(folder)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*here[:4], 1, *here[5:])))
    with pytest.raises(OSError, match="MiB are free"):
        fetch(site, folder)


def test_a_name_that_is_a_path_is_no_name(site: Published) -> None:
    site.name = '"../../etc/passwd"'
    offer = offered(ask(site))
    assert "/" not in offer.name


def test_a_weak_tag_proves_no_part() -> None:
    assert Offer("https://a.test/", etag='W/"1"', modified="Fri, 09 Oct 2026 03:15:30 GMT").validator.startswith("Fri")
    assert replace(Offer("https://a.test/"), etag='"1"').validator == '"1"'


@pytest.mark.slow
def test_only_a_server_of_the_given_authorities_is_believed(tmp_path: Path, folder: Path) -> None:
    believed, other = Authority.create(), Authority.create(OTHER)
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(believed.anchors_pem())
    for authority, comes in ((believed, True), (other, False)):
        with publishing(tmp_path, authority) as site:
            site.body, site.name = BODY, NAME
            if comes:
                assert fetch(site, folder, anchors=anchors) == BODY
            else:
                assert slug(site, folder, anchors=anchors) == "tls"
