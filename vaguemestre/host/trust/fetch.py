"""One bounded conditional GET, over HTTP or HTTPS, with the standard library alone; `exchange` is for other questions.

Bounded: a total deadline, a limit on the size while it streams, no redirect to another host or out of TLS, no
compression. TLS knows the given authorities only, never the system's. What goes wrong has a slug that is kept in the
state of the source and told to people.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import SplitResult, urljoin, urlsplit

REDIRECTS = 3
_CHUNK = 1 << 16
MOVED = (301, 302, 303, 307, 308)
_CONNECT_SECONDS = 15.0
_WEB_PAGE = re.compile(rb"\A(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script)\b", re.I | re.S)
_PLAIN = re.compile(r"[\x20-\x7e]{1,256}\Z")
_TITLE = re.compile(rb"<title[^>]*>(.{0,200}?)</title>", re.I | re.S)


class FetchError(Exception):
    """Nothing usable came; `slug` names the kind of failure, `str()` says it to a person.

    Slugs: dns, refused, unreachable, tls, timeout, proxy, redirect, http_NNN, too_large, truncated, empty, web_page,
    encoded, protocol, bad_url, anchors.
    """

    def __init__(self, slug: str, message: str, date: datetime | None = None) -> None:
        super().__init__(message)
        self.slug = slug
        self.date = date


@dataclass(frozen=True)
class Request:
    """What to ask for; `seconds` bound the whole of it. `etag` and `modified` are what an earlier answer said."""

    url: str
    max_bytes: int
    anchors: Path | None = None  # PEM; https needs it
    proxy: str | None = None
    etag: str = ""
    modified: str = ""
    seconds: float = 60.0


@dataclass(frozen=True)
class Answer:
    """`body` is None when the source says that nothing has changed (304); `date` is its own clock."""

    body: bytes | None
    etag: str = ""
    modified: str = ""
    date: datetime | None = None


def get(request: Request) -> Answer:
    """Ask, once; the only redirects followed stay on the host.

    Raises:
        FetchError: whatever went wrong.
    """
    deadline = time.monotonic() + request.seconds
    for _ in range(REDIRECTS + 1):
        with exchange(request, deadline) as response:
            if response.status not in MOVED:
                return _answer(response, request)
            location = response.headers.get("Location", "")
        request = replace(request, url=followed(request.url, location))
    raise FetchError("redirect", f"{request.url}: more than {REDIRECTS} redirects")


@contextlib.contextmanager
def exchange(
    request: Request,
    deadline: float,
    method: str = "GET",
    headers: Mapping[str, str] = MappingProxyType({}),
    content: bytes | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """One question and what is answered, as long as the block lasts; `deadline` is on `time.monotonic`'s clock.

    What fails within the block by the server or the way to it has a name afterwards. Redirects are the block's business
    (`MOVED`, `followed`).

    Raises:
        FetchError: whatever went wrong.
    """
    with _named_failures(request.url):
        parts = _parts(request.url)
        connection = _connection(parts, request, deadline)
        with _watched(connection, deadline) as watch:
            told = {**_headers(parts, request), **headers}
            connection.request(method, _target(parts, request), content, told)
            watch(connection.sock)
            yield connection.getresponse()


def web_page(body: bytes) -> str | None:
    """The title of the web page that `body` is, empty when it has none; None when it is no web page."""
    if not _WEB_PAGE.match(body[:4096]):
        return None
    title = _TITLE.search(body[:_CHUNK])
    return " ".join(title[1].decode("utf-8", "replace").split()) if title else ""


def _answer(response: http.client.HTTPResponse, request: Request) -> Answer:
    headers = response.headers
    date = _date(headers.get("Date"))
    if response.status == 304 and (request.etag or request.modified):
        return Answer(None, request.etag, request.modified, date)
    if response.status != 200:
        raise FetchError(f"http_{response.status}", f"{request.url}: HTTP {response.status}", date)
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("encoded", f"{request.url}: compressed though that was not asked for", date)
    body = _body(response, request)
    if not body:
        raise FetchError("empty", f"{request.url}: an empty file", date)
    if (title := web_page(body)) is not None:
        named = f" ({title!r})" if title else ""
        raise FetchError(
            "web_page", f"{request.url}: a web page{named} came instead of the file; some firewall answers for it", date
        )
    return Answer(body, _sent_back(headers.get("ETag")), _sent_back(headers.get("Last-Modified")), date)


def _body(response: http.client.HTTPResponse, request: Request) -> bytes:
    announced = response.length or 0
    body = bytearray()
    while announced <= request.max_bytes and (chunk := response.read(_CHUNK)):
        body += chunk
        if len(body) > request.max_bytes:
            break
    if max(announced, len(body)) > request.max_bytes:
        raise FetchError("too_large", f"{request.url}: larger than the {request.max_bytes} bytes that are allowed")
    if response.length:  # what is still to come, and will not
        raise FetchError("truncated", f"{request.url}: ends after {len(body)} of {announced} bytes")
    return bytes(body)


def _connection(parts: SplitResult, request: Request, deadline: float) -> http.client.HTTPConnection:
    seconds = max(0.1, min(_CONNECT_SECONDS, deadline - time.monotonic()))
    secure = parts.scheme == "https"
    via = _parts(request.proxy) if request.proxy else parts
    host, port = via.hostname or "", via.port or (443 if via.scheme == "https" else 80)
    if not secure:
        return http.client.HTTPConnection(host, port, timeout=seconds)
    connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=_context(request))
    if request.proxy:
        connection.set_tunnel(parts.hostname or "", parts.port or 443)
    return connection


def _context(request: Request) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the name and the chain
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=request.anchors)
    except (OSError, TypeError) as error:
        raise FetchError(
            "anchors", f"{request.url}: no authorities to check it with: {request.anchors}: {error}"
        ) from error
    return context


@contextlib.contextmanager
def _watched(connection: http.client.HTTPConnection, deadline: float) -> Iterator[Callable[[socket.socket], None]]:
    """Shut the connection when time is up, however slowly bytes drip: socket timeouts begin anew with each byte.

    The block hands in the socket when it has one: of an answer that says ``Connection: close`` the connection itself
    lets go (`http.client`), and the body comes all the same.
    """
    late = threading.Event()
    kept: list[socket.socket] = []

    def shut() -> None:
        late.set()
        for one in (*kept, connection.sock):
            with contextlib.suppress(OSError, AttributeError):
                one.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), shut)
    timer.daemon = True
    timer.start()
    try:
        yield kept.append
        if late.is_set():
            raise TimeoutError("took too long")
    except (OSError, http.client.HTTPException, FetchError) as error:
        if late.is_set():
            raise TimeoutError("took too long") from error
        raise
    finally:
        timer.cancel()
        connection.close()


@contextlib.contextmanager
def _named_failures(url: str) -> Iterator[None]:
    try:
        yield
    except FetchError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise FetchError("tls", f"{url}: the server's certificate is not believed: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise FetchError("tls", f"{url}: TLS failed: {error.reason or error}") from error
    except TimeoutError as error:
        raise FetchError("timeout", f"{url}: no whole answer in time") from error
    except socket.gaierror as error:
        raise FetchError("dns", f"{url}: the name has no address: {error.strerror}") from error
    except ConnectionRefusedError as error:
        raise FetchError("refused", f"{url}: the connection is refused") from error
    except http.client.IncompleteRead as error:
        raise FetchError("truncated", f"{url}: the answer ends in the middle") from error
    except (http.client.HTTPException, ValueError, OverflowError) as error:
        raise FetchError("protocol", f"{url}: no HTTP answer: {error!r}") from error
    except OSError as error:
        slug = "proxy" if "unnel" in str(error) else "unreachable"
        raise FetchError(slug, f"{url}: {error}") from error


def followed(url: str, location: str) -> str:
    """Where a redirect leads, when it may be followed: the same host, and never out of TLS."""
    with contextlib.suppress(ValueError):  # brackets that hold no IPv6 address, a port that is none
        old, new = _parts(url), urlsplit(urljoin(url, location))
        if new.hostname == old.hostname and new.scheme in ("https", old.scheme):
            return new.geturl()
    raise FetchError("redirect", f"{url}: leads to {location[:100]!r}, which is not followed")


def _parts(url: str) -> SplitResult:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc:
            return parts
    raise FetchError("bad_url", f"{url!r} is no address of the web that can be asked")


def _target(parts: SplitResult, request: Request) -> str:
    """What stands in the request line (RFC 9112 section 3.2): the whole address for a proxy without tunnel."""
    if request.proxy and parts.scheme == "http":
        return parts._replace(fragment="").geturl()
    return parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl()


def _headers(parts: SplitResult, request: Request) -> dict[str, str]:
    conditions = {"If-None-Match": request.etag, "If-Modified-Since": request.modified}
    return {
        "Host": parts.netloc,
        "User-Agent": "vaguemestre",
        "Accept": "*/*",
        "Connection": "close",
        **{name: value for name, value in conditions.items() if value},
    }


def _sent_back(value: str | None) -> str:
    """What may stand in the next question's headers; anything odd is as if it had not been said."""
    return value if value and _PLAIN.match(value) else ""


def _date(header: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(header or "")
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
