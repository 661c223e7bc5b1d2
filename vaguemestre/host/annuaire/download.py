"""Fetching an extraction: first asked for its date and size alone (HEAD), then brought into a private file.

A download that was cut goes on where it ended when the server still has the very same file and gives parts of it
(RFC 9110 section 14); else it begins anew. Bounded as everything that is fetched (`trust.fetch`): the size, the time,
TLS to the given authorities only, no web page.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

from vaguemestre.host.annuaire.columns import date_of
from vaguemestre.host.trust import durable
from vaguemestre.host.trust.fetch import MOVED, REDIRECTS, FetchError, Request, exchange, followed, web_page

SECONDS = 1800.0
"""For one whole download. At 100 kbit/s the published 20 MB take about as long; what is left comes at the next run."""

_HEAD_SECONDS = 30.0
_CHUNK = 1 << 16
_NO_HEAD = (400, 403, 405, 501)  # of servers and proxies that know GET alone
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)\Z")
_NAME = re.compile(r"[\w.-]{1,200}\Z", re.ASCII)
_FILE, _FACTS = "download", "download.json"
_LONGEST_WAIT = timedelta(hours=6)

OnBytes = Callable[[int, int], None]
"""Told of octets that are here, and of all, 0 when that is not known."""


class DiskError(Exception):
    """This host's disk, not the source; holds the OSError."""


class ThrottledError(FetchError):
    """Asked too often; `wait` is how long the server wants to be left alone."""

    def __init__(self, message: str, wait: timedelta, slug: str = "http_429") -> None:
        super().__init__(slug, message)
        self.wait = min(wait, _LONGEST_WAIT)


@dataclass(frozen=True)
class Offer:
    """What a server says that it has, before it is fetched. `name` is the file's; empty texts and 0 are unknown."""

    url: str
    name: str = ""
    size: int = 0
    etag: str = ""
    modified: str = ""

    @property
    def made(self) -> datetime | None:
        """When the extraction was made (UTC): by its name, else when the server says it was last modified."""
        return date_of(self.name) or _moment(self.modified)

    @property
    def validator(self) -> str:
        """What proves that a part is of the same file (RFC 9110 section 13.1.5): a strong tag, or else its date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


def offered(request: Request) -> Offer:
    """Ask for an extraction's name and size.

    Raises:
        FetchError: the server cannot be asked, or has none.
    """
    deadline = time.monotonic() + min(_HEAD_SECONDS, request.seconds)
    with _asked(request, deadline, "HEAD", {}) as (url, response):
        if response.status in _NO_HEAD:
            return Offer(url)
        _refuse(url, response, (200,))
        if response.headers.get_content_type() == "text/html":
            raise FetchError("web_page", f"{url}: a web page instead of an extraction; some firewall answers for it")
        offer = _offer(url, response)
    if offer.size > request.max_bytes:
        raise FetchError("too_large", f"{url}: {offer.size:,} bytes, {request.max_bytes:,} are allowed")
    return offer


def fetched(request: Request, offer: Offer, folder: Path, on_bytes: OnBytes | None = None) -> tuple[Path, Offer]:
    """Bring the file into `folder`, which is private to downloads; where it is, and what it turned out to be.

    Raises:
        FetchError: it did not come whole; what came is kept for the next time where that can be of use.
        OSError: the disk.
    """
    deadline = time.monotonic() + request.seconds
    part = _Part(folder, offer)
    try:
        with _asked(request, deadline, "GET", part.conditions()) as (url, response):
            offer = part.begin(url, response, request.max_bytes)
            for chunk in _chunks(response):
                part.add(chunk, request.max_bytes)
                if on_bytes:
                    on_bytes(part.here, offer.size)
        return part.finish(), offer
    except DiskError as error:
        raise error.args[0] from None
    finally:
        part.close()


class _Part:
    """The file while it comes: the beginning of it may be there from an earlier time."""

    def __init__(self, folder: Path, offer: Offer) -> None:
        self.here = 0
        self._path, self._facts, self._offer = folder / _FILE, folder / _FACTS, offer
        self._file = _private(self._path)
        if self._known() == offer and offer.validator and offer.size:
            self.here = min(self._path.stat().st_size, offer.size - 1)

    def conditions(self) -> dict[str, str]:
        """The rest only, and only of the same file."""
        return {"Range": f"bytes={self.here}-", "If-Range": self._offer.validator} if self.here else {}

    def begin(self, url: str, response: http.client.HTTPResponse, most: int) -> Offer:
        """The answer's head: does it go on, or is it the whole file? Raises FetchError."""
        if response.status == 416:  # the part at hand is no part of what is there now
            self._forget()
            raise FetchError("truncated", f"{url}: the file became another while it was fetched; begun anew next time")
        _refuse(url, response, (200, 206))
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchError("encoded", f"{url}: compressed though that was not asked for")
        place = _RANGE.match(response.headers.get("Content-Range", "")) if response.status == 206 else None
        if response.status == 206 and (place is None or place.groups() != (str(self.here), str(self._offer.size))):
            self._forget()
            raise FetchError("protocol", f"{url}: another part came than was asked for; begun anew next time")
        if response.status == 200:
            self.here = 0
            told = _offer(url, response)
            self._offer = replace(told, name=told.name or self._offer.name)
        if self._offer.size > most:
            raise FetchError("too_large", f"{url}: {self._offer.size:,} bytes, {most:,} are allowed")
        with _disk():
            self._file.truncate(self.here)
            self._file.seek(self.here)
            self._room()
            durable.write(self._facts, json.dumps(asdict(self._offer)).encode())
        return self._offer

    def add(self, chunk: bytes, most: int) -> None:
        url = self._offer.url
        if not self.here and (title := web_page(chunk)) is not None:
            named = f" ({title!r})" if title else ""
            self._forget()
            raise FetchError("web_page", f"{url}: a web page{named} instead of an extraction; some firewall answers")
        if self.here + len(chunk) > most:
            self._forget()
            raise FetchError("too_large", f"{url}: larger than the {most:,} bytes that are allowed")
        with _disk():
            self._file.write(chunk)
        self.here += len(chunk)

    def finish(self) -> Path:
        """All that was announced is here, and on the disk; raises FetchError."""
        if not self.here:
            raise FetchError("empty", f"{self._offer.url}: an empty file")
        if self._offer.size and self.here != self._offer.size:
            raise FetchError("truncated", f"{self._offer.url}: ends after {self.here:,} of {self._offer.size:,} bytes")
        with _disk():
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._path

    def close(self) -> None:
        with suppress(OSError):  # what was not written is fetched again
            self._file.close()

    def _room(self) -> None:
        """Refuse before the disk is full: others live on it too. The file, its digest and their sorting need room."""
        free, wanted = os.statvfs(self._path.parent), 6 * (self._offer.size - self.here)
        if free.f_bavail * free.f_frsize < wanted:
            raise OSError(28, f"less than {wanted >> 20} MiB are free", str(self._path.parent))

    def _known(self) -> Offer | None:
        try:
            return Offer(**json.loads(self._facts.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _forget(self) -> None:
        with _disk():
            self._facts.unlink(missing_ok=True)


@contextmanager
def _asked(
    request: Request, deadline: float, method: str, headers: dict[str, str]
) -> Iterator[tuple[str, http.client.HTTPResponse]]:
    """The answer at the end of all redirects, and the address it is of."""
    for _ in range(REDIRECTS + 1):
        with exchange(request, deadline, method, headers) as response:
            if response.status not in MOVED:
                yield request.url, response
                return
            location = response.headers.get("Location", "")
        request = replace(request, url=followed(request.url, location))
    raise FetchError("redirect", f"{request.url}: more than {REDIRECTS} redirects")


def _refuse(url: str, response: http.client.HTTPResponse, fine: tuple[int, ...]) -> None:
    if response.status in fine:
        return
    if response.status in (429, 503) and (wait := _wait(response.headers.get("Retry-After", ""))):
        slug = f"http_{response.status}"
        raise ThrottledError(f"{url}: HTTP {response.status}, to be asked again in {wait.seconds} s", wait, slug)
    raise FetchError(f"http_{response.status}", f"{url}: HTTP {response.status}")


def _offer(url: str, response: http.client.HTTPResponse) -> Offer:
    headers = response.headers
    name = headers.get_filename("") or PurePosixPath(urlsplit(url).path).name
    return Offer(
        url=url,
        name=name if _NAME.match(name) else "",
        size=response.length or _number(headers.get("Content-Length", "")),
        etag=_plain(headers.get("ETag", "")),
        modified=_plain(headers.get("Last-Modified", "")),
    )


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while chunk := response.read1(_CHUNK):
        yield chunk


def _private(path: Path) -> BinaryIO:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return os.fdopen(handle, "r+b", buffering=1 << 20)


@contextmanager
def _disk() -> Iterator[None]:
    """Within an exchange any OSError is taken for the network's."""
    try:
        yield
    except OSError as error:
        raise DiskError(error) from error


def _wait(told: str) -> timedelta | None:
    """Retry-After (RFC 9110 section 10.2.3) in seconds; a date is as if it had not been said."""
    return timedelta(seconds=min(int(told), 86_400)) if told.isdecimal() and len(told) < 9 else None


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        return found if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def _plain(text: str) -> str:
    return text if text.isascii() and text.isprintable() and len(text) <= 256 else ""
