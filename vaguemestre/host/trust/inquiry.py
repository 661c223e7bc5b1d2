"""OCSP asked over the network when the revocation lists do not know: once at a time per certificate, and remembered.

A responder that fails is left alone for a while, longer each time; meanwhile what the lists do not know stays unknown,
which defers. Answers are verified by `ocsp.answer` and kept until their nextUpdate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from vaguemestre.host.trust import ocsp
from vaguemestre.host.trust.authorities import Authorities
from vaguemestre.host.trust.record import Record
from vaguemestre.host.trust.values import IssuerKey, Revocations, Standing

Named = tuple[IssuerKey, int]
"""A certificate by its issuer and serial number."""

_SECONDS = 5.0  # for the whole of one question
_MOST = 10_000  # answers kept
_UNKNOWN_FOR = timedelta(seconds=60)  # how long "I do not know" is believed
_NONSENSE = 3  # answers in a row that are none, one certificate each, until that is the responder's fault
_REST = (5.0, 60.0)  # seconds a failing responder is left alone, first and at most


class Inquiry:
    """One responder, and what it has said."""

    def __init__(self, url: str, proxy: str | None, authorities: Authorities, record: Record) -> None:
        self._url = url
        self._proxy = proxy
        self._authorities = authorities
        self._record = record
        self._answers: dict[Named, ocsp.Answer] = {}
        self._flights: dict[Named, asyncio.Task[None]] = {}
        self._failures = 0
        self._not_before = 0.0

    def known(self, certificate: Named, now: datetime) -> Standing:
        """What was answered and still holds."""
        answer = self._answers.get(certificate)
        return answer.standing if answer is not None and now < answer.until else Standing.UNKNOWN

    def may_ask(self, certificates: Iterable[Named]) -> bool:
        """Whether asking now could bring more than is known."""
        loop, now = asyncio.get_running_loop(), datetime.now(UTC)
        return loop.time() >= self._not_before and any(self._open(one, now) for one in certificates)

    async def ask(self, certificates: Iterable[Named]) -> None:
        """Learn what can be learnt of them within five seconds; never raises."""
        now = datetime.now(UTC)
        flights = [self._flight(one) for one in certificates if self._open(one, now)]
        if flights:
            await asyncio.wait(flights, timeout=_SECONDS + 1)

    def _open(self, certificate: Named, now: datetime) -> bool:
        """Whether nothing is known of it that holds, and it has an issuer whom the answer could be verified with."""
        answer = self._answers.get(certificate)
        return (answer is None or now >= answer.until) and self._authorities.find(certificate[0]) is not None

    def _flight(self, certificate: Named) -> asyncio.Task[None]:
        task = self._flights.get(certificate)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._learn(certificate))
            self._flights[certificate] = task
            task.add_done_callback(lambda _: self._flights.pop(certificate, None))
        return task

    async def _learn(self, certificate: Named) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await self._answer(certificate)
        except Exception as error:
            return self._failed(f"{type(error).__name__}: {error}", most=1)
        if answer.why:
            self._failed(answer.why, most=_NONSENSE)
        else:
            self._failures = 0
        if answer.standing is Standing.UNKNOWN:
            answer = ocsp.Answer(Standing.UNKNOWN, datetime.now(UTC) + _UNKNOWN_FOR)
        if len(self._answers) >= _MOST:
            self._answers.clear()
        self._answers[certificate] = answer
        return None

    async def _answer(self, certificate: Named) -> ocsp.Answer:
        issuer, serial = certificate
        authority = self._authorities.find(issuer)
        if authority is None:
            raise ValueError("issued by nobody who is held")
        body = await _post(self._url, self._proxy, ocsp.request(authority, serial))
        return ocsp.answer(body, authority, serial, datetime.now(UTC))

    def _failed(self, why: str, most: int) -> None:
        """Leave the responder alone from the failure of number `most` in a row on."""
        self._failures += 1
        if self._failures >= most:
            first, longest = _REST
            rest = min(longest, first * 2 ** min(self._failures - most, 10))
            self._not_before = asyncio.get_running_loop().time() + rest
        self._record.event("ocsp_failed", why=why[:300], in_a_row=self._failures)


class Asked:
    """Revocation by the lists, then by what OCSP has said; notes in `unknown` what neither knows."""

    def __init__(self, lists: Revocations, inquiry: Inquiry) -> None:
        self._lists = lists
        self._inquiry = inquiry
        self.unknown: set[Named] = set()

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        told = self._lists.standing(issuer, serial, now)
        if told is not Standing.UNKNOWN:
            return told
        told = self._inquiry.known((issuer, serial), now)
        if told is Standing.UNKNOWN:
            self.unknown.add((issuer, serial))
        return told


async def _post(url: str, proxy: str | None, body: bytes) -> bytes:
    """The body of the answer to a POST in clear, as OCSP is asked (RFC 6960 appendix A.1).

    Raises:
        OSError, ValueError, h11.ProtocolError: no answer, or none that can be used.
    """
    import h11

    parts, way = urlsplit(url), urlsplit(proxy or url)
    if parts.scheme != "http" or way.scheme != "http" or not parts.hostname or not way.hostname:
        raise ValueError("OCSP is asked over http://")
    target = url if proxy else (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [("Host", parts.netloc.rpartition("@")[2]), ("Content-Type", ocsp.CONTENT_TYPE), ("Connection", "close")]
    headers.append(("Content-Length", str(len(body))))
    talk = h11.Connection(h11.CLIENT)
    ask = talk.send(h11.Request(method="POST", target=target, headers=headers)) or b""
    reader, writer = await asyncio.open_connection(way.hostname, way.port or 80)
    try:
        writer.write(ask + (talk.send(h11.Data(data=body)) or b"") + (talk.send(h11.EndOfMessage()) or b""))
        return await _body(talk, reader)
    finally:
        writer.close()


async def _body(talk: object, reader: asyncio.StreamReader) -> bytes:
    import h11

    assert isinstance(talk, h11.Connection)  # noqa: S101 - h11 is imported late
    body = bytearray()
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            talk.receive_data(await reader.read(16 * 1024))
        elif isinstance(event, h11.Response) and event.status_code != 200:
            raise ValueError(f"HTTP status {event.status_code}")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > ocsp.LARGEST:
                raise ValueError("the answer is too large")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return bytes(body)
