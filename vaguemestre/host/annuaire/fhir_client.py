"""Asking the FHIR interface for pages: paced, patient with servers that are busy, bounded, never led elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from vaguemestre.host.annuaire.fhir_resources import Carrier, carrier
from vaguemestre.host.trust.fetch import FetchError, Request, exchange, web_page

PAGE_BYTES = 16 << 20
SECONDS = 40.0
"""For one page; the nation's interface gives up after 30."""

_TRIES = 6
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds; each wait is twice the one before
_PASSING = frozenset(("timeout", "refused", "unreachable", "truncated", "dns", "protocol", "empty"))
_BUSY = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Access:
    """Where the interface is, and the key that it knows us by, which goes into a header and nowhere else."""

    url: str
    key: str = field(repr=False)
    anchors: Path | None = None
    proxy: str | None = None
    calls_per_second: int = 15


@dataclass(frozen=True)
class Page:
    """What was found, and what goes with it; `met` counts what was found, understood or not.

    `next` is the link to the next page, `total` how many there are in all, 0 when that is not said; `date` the server's
    clock.
    """

    matches: tuple[Carrier, ...]
    others: tuple[Carrier, ...]
    met: int
    next: str
    total: int
    date: datetime | None


class Client:
    """`rest` and `clock` make the pace."""

    def __init__(
        self,
        access: Access,
        *,
        rest: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._base = access.url.rstrip("/") + "/"
        self._rest = rest
        self._clock = clock
        self._free = clock()  # when the next call may be made

    def url(self, query: str) -> str:
        """The address of a search below the base."""
        return self._base + query

    def page(self, url: str) -> Page:
        """One page of a search; asked for several times when the server is busy or does not answer.

        Raises:
            FetchError: it did not come, or is no page of a FHIR search.
        """
        for waited in _waits():
            self._pace()
            try:
                return self._once(url)
            except FetchError as error:
                if waited is None or not _passes(error):
                    raise
                self._rest(max(waited, getattr(error, "wait", 0.0)))
        raise AssertionError

    def _once(self, url: str) -> Page:
        access = self._access
        request = Request(url, PAGE_BYTES, access.anchors, access.proxy)
        headers = {"ESANTE-API-KEY": access.key, "Accept": "application/fhir+json"}
        with exchange(request, time.monotonic() + SECONDS, "GET", headers) as response:
            status, date = response.status, _date(response.headers.get("Date", ""))
            wait = response.headers.get("Retry-After", "")
            body = response.read(PAGE_BYTES + 1)
            if response.length:
                raise FetchError("truncated", f"{_place(url)}: the page ends too early")
        if status in (401, 403):
            raise FetchError("key", f"{_place(url)}: the key of the interface is refused (HTTP {status})", date)
        if status != 200:
            raise _RefusedError(status, f"{_place(url)}: HTTP {status}{_said(body)}", wait)
        return self._page(url, body, date)

    def _page(self, url: str, body: bytes, date: datetime | None) -> Page:
        if len(body) > PAGE_BYTES:
            raise FetchError("too_large", f"{_place(url)}: a page of more than {PAGE_BYTES} bytes")
        if web_page(body) is not None:
            raise FetchError("web_page", f"{_place(url)}: a web page instead of FHIR; some firewall answers for it")
        try:
            bundle = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise FetchError("no_fhir", f"{_place(url)}: no JSON, or not whole") from error
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise FetchError("no_fhir", f"{_place(url)}: JSON, but no page of a FHIR search")
        met, matches, others = _found(bundle)
        total = bundle.get("total")
        known = total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else 0
        return Page(matches, others, met, self._next(url, bundle), known, date)

    def _next(self, url: str, bundle: dict[str, Any]) -> str:
        """The link to the next page, if it leads to the same interface: others are not given our key."""
        links = bundle.get("link")
        found = links if isinstance(links, list) else []
        named = [one for one in found if isinstance(one, dict) and one.get("relation") == "next"]
        if not named:
            return ""
        try:
            following = urljoin(url, str(named[0].get("url", "")))
            same = urlsplit(following)[:2] == urlsplit(self._base)[:2] and following.startswith(self._base)
        except ValueError:
            same = False
        if not same or following == url:
            raise FetchError(
                "foreign_next", f"{_place(url)}: the link to the next page leads elsewhere, or in a circle"
            )
        return following

    def _pace(self) -> None:
        now = self._clock()
        if now < self._free:
            self._rest(self._free - now)
        self._free = max(now, self._free) + 1 / self._access.calls_per_second


class _RefusedError(FetchError):
    """A status other than 200; `wait` is how many seconds the server asks for."""

    def __init__(self, status: int, message: str, wait: str) -> None:
        super().__init__(f"http_{status}", message)
        self.busy = status in _BUSY
        self.wait = min(float(wait), _LONGEST_WAIT) if wait.isdecimal() and len(wait) < 9 else 0.0


def _waits() -> Iterator[float | None]:
    """Seconds to wait after each try; None: it was the last."""
    for number in range(_TRIES - 1):
        yield min(_FIRST_WAIT * 2**number, _LONGEST_WAIT)
    yield None


def _passes(error: FetchError) -> bool:
    """Whether it may be well in a moment."""
    return error.busy if isinstance(error, _RefusedError) else error.slug in _PASSING


def _found(bundle: dict[str, Any]) -> tuple[int, tuple[Carrier, ...], tuple[Carrier, ...]]:
    """How many were searched for, those of them that are understood, and those that come with them."""
    entries = bundle.get("entry")
    several = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    included = [_mode(one) == "include" for one in several]
    carriers = [carrier(one.get("resource")) for one in several]
    matches = tuple(one for one, beside in zip(carriers, included, strict=True) if one and not beside)
    others = tuple(one for one, beside in zip(carriers, included, strict=True) if one and beside)
    return included.count(False), matches, others


def _mode(entry: dict[str, Any]) -> object:
    search = entry.get("search")
    return search.get("mode") if isinstance(search, dict) else "match"


def _said(body: bytes) -> str:
    """What an OperationOutcome says."""
    try:
        issue = json.loads(body)["issue"][0]
        words = issue.get("diagnostics") or issue["details"]["text"]
        return f": {' '.join(str(words).split())[:200]}"
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return ""


def _place(url: str) -> str:
    """An address without its query, which may name somebody."""
    return url.partition("?")[0]


def _date(told: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(told)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
