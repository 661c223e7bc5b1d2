"""What comes over the wire, from a real server: taken when good, named when not, and never waited for long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trust_source import Page, Source, serving

from vaguemestre.host.trust.fetch import FetchError, Request, get, web_page
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.profiles import OTHER

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def source() -> Iterator[Source]:
    with serving() as one:
        yield one


def ask(source: Source, **changes: object) -> Request:
    return Request(**{"url": source.url(), "max_bytes": 10_000, "seconds": 5.0, **changes})  # type: ignore[arg-type]


def slug(request: Request) -> str:
    with pytest.raises(FetchError) as failed:
        get(request)
    assert request.url in str(failed.value)
    return failed.value.slug


def test_a_file_comes_with_what_makes_the_next_question_cheap(source: Source) -> None:
    source.pages["/file"] = Page(b"<list/>", etag='"1"', headers={"Last-Modified": "Mon, 23 Nov 2026 06:00:00 GMT"})
    answer = get(ask(source))
    assert (answer.body, answer.etag, answer.modified) == (b"<list/>", '"1"', "Mon, 23 Nov 2026 06:00:00 GMT")
    assert answer.date
    assert abs(answer.date - datetime.now(UTC)) < timedelta(seconds=5)


def test_what_has_not_changed_is_not_sent_again(source: Source) -> None:
    source.pages["/file"] = Page(b"<list/>", etag='"1"')
    answer = get(ask(source, etag='"1"', modified="Mon, 23 Nov 2026 06:00:00 GMT"))
    assert answer.body is None
    assert source.asked[0][1]["If-None-Match"] == '"1"'
    assert source.asked[0][1]["If-Modified-Since"] == "Mon, 23 Nov 2026 06:00:00 GMT"


@pytest.mark.parametrize("odd", [b'"a"\r\n b', b"\xff\xfe", b"x" * 5000, b""])
def test_an_odd_tag_is_not_sent_back(source: Source, odd: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: " + odd + b"\r\nLast-Modified: " + odd + b"\r\n\r\nabc"
    source.pages["/file"] = Page(raw=lambda connection: connection.sendall(answer))
    got = get(ask(source))
    assert (got.body, got.etag, got.modified) == (b"abc", "", "")


def test_not_modified_is_no_answer_to_who_has_nothing(source: Source) -> None:
    source.pages["/file"] = Page(status=304)
    assert slug(ask(source)) == "http_304"


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_an_error_of_the_source_keeps_its_number(source: Source, status: int) -> None:
    source.pages["/file"] = Page(b"<html><title>Request rejected</title></html>", status)
    assert slug(ask(source)) == f"http_{status}"


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html>\n<html><head><title>Request\n Rejected</title>",
        b"  \r\n<HTML lang='fr'><body>Votre demande a ete rejetee</body></HTML>",
        b"\xef\xbb\xbf<!-- waf --><html><script>challenge()</script></html>",
    ],
)
def test_a_firewalls_page_is_known_for_what_it_is(source: Source, page: bytes) -> None:
    source.pages["/file"] = Page(page, headers={"Content-Type": "application/pkix-crl"})
    assert slug(ask(source)) == "web_page"


@pytest.mark.parametrize("content", [b"<?xml version='1.0'?><ListeBlancheMSSante/>", b"0\x82\x01\x00", b"<htmlike/>"])
def test_what_was_asked_for_is_no_web_page(content: bytes) -> None:
    assert web_page(content) is None


def test_an_empty_file_is_no_file(source: Source) -> None:
    source.pages["/file"] = Page(b"")
    assert slug(ask(source)) == "empty"


def test_a_file_that_is_announced_too_large_is_not_even_begun(source: Source) -> None:
    source.pages["/file"] = Page(headers={"Content-Length": str(10**12)})
    began = time.monotonic()
    assert slug(ask(source)) == "too_large"
    assert time.monotonic() - began < 2


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1000\r\n" + bytes(0x1000) + b"\r\n")


def test_a_file_without_end_is_left_at_the_limit(source: Source) -> None:
    source.pages["/file"] = Page(raw=endless)
    assert slug(ask(source)) == "too_large"


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<list>",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<list>\r\n",
    ],
)
def test_a_file_that_ends_in_the_middle_is_no_file(source: Source, begun: bytes) -> None:
    source.pages["/file"] = Page(raw=lambda connection: connection.sendall(begun))
    assert slug(ask(source)) == "truncated"


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_10.0\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, b"\x00" * 70_000]
)
def test_what_is_no_http_is_named_so(source: Source, answer: bytes) -> None:
    source.pages["/file"] = Page(raw=lambda connection: connection.sendall(answer))
    assert slug(ask(source)) in ("protocol", "unreachable")


ANSWERS = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "a"\r\nDate: Mon, 23 Nov 2026 06:00:00 GMT\r\n\r\nhello',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\nffffffffffffffffff\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nDate: Mon, 01 Jan 0001 00:00:00 +2359\r\nLocation: http://localhost:99/\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 0001 00:00:00 +2359\r\n\r\nabc",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: -5\r\n\r\nabc",
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ANSWERS), st.integers(0, 120), st.binary(max_size=8), st.integers(0, 4))
def test_whatever_is_answered_is_a_file_or_a_named_failure(
    source: Source, answer: bytes, at: int, put: bytes, drop: int
) -> None:
    spoilt = answer[:at] + put + answer[at + drop :]
    source.pages["/file"] = Page(raw=lambda connection: connection.sendall(spoilt))
    with suppress(FetchError):
        assert get(ask(source, seconds=2.0)).body


def test_a_compressed_answer_is_not_unpacked(source: Source) -> None:
    source.pages["/file"] = Page(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert slug(ask(source)) == "encoded"


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the asking side hangs up


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def dripping_to_the_end(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def dripping_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("slow", [silent, dripping, dripping_to_the_end, dripping_headers])
def test_a_source_that_takes_its_time_gets_no_more_than_was_allowed(source: Source, slow: object) -> None:
    source.pages["/file"] = Page(raw=slow)  # type: ignore[arg-type]
    began = time.monotonic()
    assert slug(ask(source, seconds=0.4)) == "timeout"
    assert time.monotonic() - began < 1.5


def test_nobody_there_is_a_refused_connection(source: Source) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert slug(ask(source, url=f"http://127.0.0.1:{free.getsockname()[1]}/file")) == "refused"


@pytest.mark.parametrize(
    "url", ["ftp://a.test/x", "http:///x", "http://a:b@c.test/", "file:///etc/passwd", "http://a:99999/"]
)
def test_an_address_that_is_none_is_not_asked(source: Source, url: str) -> None:
    assert slug(ask(source, url=url)) == "bad_url"


def test_a_redirect_on_the_host_is_followed(source: Source) -> None:
    source.pages["/file"] = Page(status=302, headers={"Location": "/moved"})
    source.pages["/moved"] = Page(b"<list/>")
    assert get(ask(source)).body == b"<list/>"


@pytest.mark.parametrize(
    "location", ["http://elsewhere.test/file", "//elsewhere.test/", "/file", "ftp://localhost/x", "http://[::1", ""]
)
def test_a_redirect_elsewhere_or_in_circles_is_not(source: Source, location: str) -> None:
    source.pages["/file"] = Page(status=301, headers={"Location": location})
    assert slug(ask(source)) == "redirect"


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> Iterator[Source]:
    with serving(authority, tmp_path) as one:
        one.pages["/file"] = Page(b"<list/>")
        yield one


def anchors(authority: Authority, tmp_path: Path) -> Path:
    path = tmp_path / "anchors.pem"
    path.write_bytes(authority.anchors_pem())
    return path


def test_a_server_of_the_given_authority_is_believed(secure: Source, authority: Authority, tmp_path: Path) -> None:
    assert get(ask(secure, anchors=anchors(authority, tmp_path))).body == b"<list/>"


def test_a_server_of_another_authority_is_not(secure: Source, tmp_path: Path) -> None:
    assert slug(ask(secure, anchors=anchors(Authority.create(OTHER), tmp_path))) == "tls"


def test_without_authorities_nobody_is_believed(secure: Source, tmp_path: Path) -> None:
    assert slug(ask(secure)) == "anchors"
    assert slug(ask(secure, anchors=tmp_path / "missing.pem")) == "anchors"


def test_a_certificate_for_another_name_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    with serving(authority, tmp_path, host="elsewhere.test") as source:
        assert slug(ask(source, anchors=anchors(authority, tmp_path))) == "tls"


def test_tls_is_not_left_by_a_redirect(secure: Source, authority: Authority, tmp_path: Path) -> None:
    secure.pages["/file"] = Page(status=302, headers={"Location": f"http://localhost:{secure.port}/file"})
    assert slug(ask(secure, anchors=anchors(authority, tmp_path))) == "redirect"


def test_a_silent_handshake_is_bounded_too(authority: Authority, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/file"
        began = time.monotonic()
        assert slug(Request(url, 1000, anchors(authority, tmp_path), seconds=0.4)) == "timeout"
    assert time.monotonic() - began < 1.5


def test_a_proxy_is_asked_for_the_whole_address(source: Source) -> None:
    source.pages["http://list.test/file"] = Page(b"<list/>")
    assert get(ask(source, url="http://list.test/file", proxy=source.url(""))).body == b"<list/>"
    assert source.asked[0][1]["Host"] == "list.test"


@pytest.fixture
def tunnel(secure: Source) -> Iterator[str]:
    """A proxy that opens one tunnel, as HTTP CONNECT asks for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_tunnel, args=(listener, secure.port), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread.join(5)


def _tunnel(listener: socket.socket, port: int) -> None:
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        assert client.recv(4096).startswith(b"CONNECT localhost:")
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_through_a_proxy_tls_still_ends_at_the_source(
    secure: Source, tunnel: str, authority: Authority, tmp_path: Path
) -> None:
    assert get(ask(secure, proxy=tunnel, anchors=anchors(authority, tmp_path))).body == b"<list/>"


def test_a_proxy_that_refuses_is_named(source: Source, authority: Authority, tmp_path: Path) -> None:
    request = ask(source, url="https://list.test/file", proxy=source.url(""), anchors=anchors(authority, tmp_path))
    with pytest.raises(FetchError) as failed:
        get(request)
    assert failed.value.slug == "proxy"
