"""The writer ``fhir``: mailboxes changed at the nation's by PATCH (facts of the draft: `patch`).

One call for the operations of one holder. A call that was sent and not answered leaves its outcome unknown; the next
attempt is then made so that it ends well in either case. The key goes into a header and nowhere else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import groupby
from typing import Any

from vaguemestre.host.annuaire.publication import patch
from vaguemestre.host.annuaire.publication.layout import Fhir
from vaguemestre.host.annuaire.publication.operation import Batch, Operation, Outcome, Result
from vaguemestre.host.trust.fetch import FetchError, Request, exchange

SECONDS = 35.0  # for one call; the nation ends one after 30
LARGEST = 4 << 20  # bytes of an answer
TOGETHER = 20  # operations of one holder in one call

# What one operation of a call may be the reason of.
_OF_ONE = frozenset(("refused", "not_there", "duplicate"))
# Before a call leaves: nothing can have been done.
_BEFORE = frozenset(("dns", "refused", "tls", "proxy", "bad_url", "anchors"))
_SHORT = 300  # characters of the nation's words that are kept


@dataclass(frozen=True)
class Reply:
    """What the nation said to one call: `issue` is the first code of its OperationOutcome, `words` its text."""

    status: int
    resource: dict[str, Any] | None
    issue: str = ""
    words: str = ""
    retry_after: float = 0.0


Ask = Callable[[str, bytes], Reply]
"""One PATCH of a path below the base with a body; raises FetchError."""


class FhirWriter:
    """`ask` is what talks to the nation; `rest` and `clock` make the pace."""

    certain = False

    def __init__(
        self,
        settings: Fhir,
        ask: Ask,
        *,
        rest: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._ask = ask
        self._rest = rest
        self._clock = clock
        self._next = 0.0

    def recover(self, handed: frozenset[str]) -> None:
        """Nothing is left behind by a call."""

    def release(self, batch: Batch) -> None:
        """Nothing is kept of a call."""

    def batches(self, operations: Sequence[Operation]) -> Iterator[Batch]:
        """By holder, the urgent before the others."""
        order = {one.listing.holder: place for place, one in reversed([*enumerate(operations)])}

        def place(one: Operation) -> tuple[bool, int]:
            return not one.urgent, order[one.listing.holder]

        for _, several in groupby(sorted(operations, key=place), key=place):
            group = tuple(several)
            yield from (Batch(group[at : at + TOGETHER]) for at in range(0, len(group), TOGETHER))

    def send(self, batch: Batch) -> Iterator[Outcome]:
        """One call; when the nation refuses it, one for each of its operations, so that only what is wrong waits."""
        several = batch.operations
        if not several[0].listing.holder[1]:
            words = "it names no person and no structure that the nation could keep it with"
            yield from (Outcome(one, Result.REJECTED, "no_holder", words) for one in several)
            return
        told = self._called(several)
        if len(several) == 1:
            yield self._mended(told)
        elif told.result is Result.REJECTED and told.slug in _OF_ONE:
            yield from (self._mended(self._called((one,))) for one in several)
        else:
            yield from (replace(told, operation=one) for one in several)

    def _mended(self, told: Outcome) -> Outcome:
        """Where the nation holds something else than we thought, take that for granted and say it once more."""
        operation = told.operation
        if told.slug == "not_there":
            if operation.after is None:
                return Outcome(operation, Result.CONFIRMED, "gone", "the nation had it no more")
            anew = replace(operation, kind="insert", sure=True)
        elif told.slug == "duplicate":
            anew = replace(operation, kind="replace", sure=True)
        else:
            return told
        return replace(self._called((anew,)), operation=operation)

    def _called(self, batch: tuple[Operation, ...]) -> Outcome:
        """The outcome of one call, told of its first operation."""
        first = batch[0]
        path = patch.target(first.listing, self._settings.identifiers)
        content = json.dumps(patch.body(batch, paperless=self._settings.paperless), ensure_ascii=False).encode()
        self._paced()
        try:
            reply = self._ask(path, content)
        except FetchError as error:
            before = error.slug in _BEFORE
            told = str(error).replace(f"{self._settings.url}/{path}", self._settings.url)[
                :_SHORT
            ]  # no number of anybody
            done = Result.DEFERRED if before else Result.UNKNOWN
            return Outcome(first, done, error.slug, told, halt=before, loggable=told)
        outcome = _judged(reply, batch)
        return replace(outcome, loggable=outcome.loggable or _phrase(reply.status))

    def _paced(self) -> None:
        """Not more calls a second than the settings allow."""
        now = self._clock()
        if now < self._next:
            self._rest(self._next - now)
        self._next = max(now, self._next) + 1 / self._settings.calls_per_second


def _judged(reply: Reply, batch: tuple[Operation, ...]) -> Outcome:
    """What a reply means. What is no answer of a FHIR server (a firewall's page) was not said by the nation."""
    first, words = batch[0], reply.words[:_SHORT]
    status = reply.status
    if status in (429, 503):
        slug = "throttled" if status == 429 else "http_503"
        wait = max(1.0, reply.retry_after)
        done = Result.DEFERRED if status == 429 else Result.UNKNOWN
        return Outcome(first, done, slug, words or _phrase(status), wait, halt=True)
    if status in (401, 403):
        told = f"the nation refuses the key ({_phrase(status)})"
        return Outcome(first, Result.DEFERRED, "key", f"{told}: {words}", halt=True, loggable=told)
    if reply.resource is None:
        done = Result.DEFERRED if 300 <= status < 500 else Result.UNKNOWN
        told = f"HTTP {status} and no FHIR resource: something on the way answered, not the nation"
        return Outcome(first, done, "no_fhir", told, halt=True, loggable=told)
    if status == 200:
        return _confirmed(reply.resource, batch)
    if status == 404 and reply.issue != "not-supported":
        return _without_holder(batch, words)
    if status == 412:
        return Outcome(first, Result.REJECTED, "several_holders", f"several holders have this number: {words}")
    if status in (400, 409, 422):
        slug = {"not-found": "not_there", "duplicate": "duplicate"}.get(reply.issue, "refused")
        return Outcome(first, Result.REJECTED, slug, words or _phrase(status))
    done = Result.UNKNOWN if status >= 500 else Result.DEFERRED
    return Outcome(first, done, f"http_{status}", words or _phrase(status))


def _without_holder(batch: tuple[Operation, ...], words: str) -> Outcome:
    if all(one.after is None for one in batch):
        return Outcome(batch[0], Result.CONFIRMED, "gone", "the nation does not know the holder any more")
    told = f"the nation does not know this person or structure: {words}"
    return Outcome(batch[0], Result.REJECTED, "unknown_holder", told)


def _confirmed(resource: dict[str, Any], batch: tuple[Operation, ...]) -> Outcome:
    """200 carries the holder as it is now: what was to go must not stand there, and what was to come must."""
    first = batch[0]
    if resource.get("resourceType") != patch.carrier(first.listing):
        told = f"HTTP 200 with a {str(resource.get('resourceType'))[:40]}, not the holder as it is now"
        return Outcome(first, Result.UNKNOWN, "no_fhir", told)
    points = resource.get("telecom")
    if points is None and any(one.after for one in batch):
        return Outcome(first, Result.CONFIRMED)  # an answer cut down to what may be shown
    listed = [str(one.get("value", "")).lower() for one in points or () if isinstance(one, dict)]
    for one in batch:
        if one.after is None and one.address in listed:
            return Outcome(first, Result.UNKNOWN, "still_there", f"the nation said 200 and still lists {one.address}")
        if one.after is not None and not one.after.redlist and listed.count(one.address) != 1:
            told = f"the nation said 200 and lists {one.address} {listed.count(one.address)} times"
            return Outcome(first, Result.UNKNOWN, "not_listed", told)
    return Outcome(first, Result.CONFIRMED)


def asking(settings: Fhir, key: str) -> Ask:
    """What talks to the nation with this key."""

    def ask(path: str, content: bytes) -> Reply:
        request = Request(f"{settings.url}/{path}", LARGEST, settings.anchors, settings.proxy)
        headers = {
            "ESANTE-API-KEY": key,
            "Content-Type": "application/fhir+json",
            "Accept": "application/fhir+json",
            "Prefer": "return=representation",
        }
        with exchange(request, time.monotonic() + SECONDS, "PATCH", headers, content) as response:
            octets = response.read(LARGEST + 1)
            return _reply(response.status, octets, response.headers.get("Retry-After"))

    return ask


def _reply(status: int, octets: bytes, retry_after: str | None) -> Reply:
    wait = _seconds(retry_after)
    try:
        told = json.loads(octets)
    except ValueError:
        return Reply(status, None, retry_after=wait)
    if not isinstance(told, dict) or not isinstance(told.get("resourceType"), str):
        return Reply(status, None, retry_after=wait)
    issues = told.get("issue") if told["resourceType"] == "OperationOutcome" else None
    first = issues[0] if isinstance(issues, list) and issues and isinstance(issues[0], dict) else {}
    words = first.get("diagnostics") or (first.get("details") or {}).get("text") or ""
    return Reply(status, told, str(first.get("code", "")), " ".join(str(words).split()), wait)


def _seconds(retry_after: str | None) -> float:
    """Retry-After (RFC 9110 section 10.2.3), at most an hour of it."""
    if not retry_after:
        return 0.0
    try:
        found = float(retry_after)
    except ValueError:
        try:
            found = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(found, 0.0), 3600.0)


def _phrase(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
