"""nginx's ``auth_http`` (ngx_mail_auth_http_module), and the page that Prometheus reads.

nginx asks once a session, at the first recipient, and says all in request headers; it reads no more than 1,024 bytes
of answer. After a refusal it hangs up on the peer, unless told to wait (Auth-Wait): then the peer may go on, and each
recipient of a message gets its refusal in one session, not one in each of as many attempts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import unquote_to_bytes

import h11

from vaguemestre.host.trust.conversation import Conversation, Host, MalformedError, Reply
from vaguemestre.host.trust.desk import Desk, Opening
from vaguemestre.host.trust.values import Decision, Identity

_LARGEST = 96 * 1024  # bytes of request: a certificate is 3,000, escaped; MAIL FROM 2,000

_PATIENCE = 10  # refusals in one session; nginx frees what a question takes only at the session's end

Headers = list[tuple[bytes, bytes]]


class HttpFace(Conversation):
    """One GET without a body, one answer, and the connection ends."""

    longest = _LARGEST
    idle = 30.0
    once = True

    def take(self, buffer: bytearray) -> Reply:
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        request = parsed(bytes(buffer[: end + 4]))
        buffer.clear()
        if request.method != b"GET":
            return response(405, [])
        return self.answer(request)

    def answer(self, request: h11.Request) -> Reply:
        raise NotImplementedError


class AuthFace(HttpFace):
    face = "auth_http"

    def __init__(self, host: Host, desk: Desk, relay: tuple[str, int]) -> None:
        super().__init__(host)
        self._desk = desk
        self._relay = relay

    def answer(self, request: h11.Request) -> Reply:
        answer, patient = self._desk.session(opening(request)), attempt(request) < _PATIENCE
        if isinstance(answer, Decision):
            return told(answer, self._relay, patient=patient)
        return self._told_later(answer, patient)

    async def _told_later(self, answer: Awaitable[Decision], patient: bool) -> bytes:
        return told(await answer, self._relay, patient=patient)


class MetricsFace(HttpFace):
    face = "metrics"

    def __init__(self, host: Host, page: Callable[[], str]) -> None:
        super().__init__(host)
        self._page = page

    def answer(self, request: h11.Request) -> Reply:
        if request.target.partition(b"?")[0] != b"/metrics":
            return response(404, [])
        return response(200, [(b"Content-Type", b"text/plain; version=0.0.4; charset=utf-8")], self._page().encode())


def parsed(head: bytes) -> h11.Request:
    """The request that `head` spells. Raises MalformedError.

    h11 reads bare line ends and folded lines too (RFC 9112 sections 2.2 and 5.2). nginx writes none, so whoever does
    has smuggled them in.
    """
    between = head.replace(b"\r\n", b"")
    if b"\n" in between or b"\r" in between or b"\r\n " in head or b"\r\n\t" in head:
        raise MalformedError("line ends that nginx does not write")
    talk = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST)
    try:
        talk.receive_data(head)
        event = talk.next_event()
    except h11.ProtocolError as error:
        raise MalformedError("not HTTP") from error
    if not isinstance(event, h11.Request):
        raise MalformedError("not a request")
    return event


def opening(request: h11.Request) -> Opening:
    """What nginx says of the session. Raises MalformedError when something is missing or said twice."""
    found: dict[bytes, bytes] = {}
    for name, value in request.headers:
        if name in found:
            raise MalformedError("a header is said twice")
        found[name] = value
    sender, recipient = found.get(b"auth-smtp-from", b""), found.get(b"auth-smtp-to", b"")
    if not sender or not recipient or found.get(b"auth-protocol") != b"smtp":
        raise MalformedError("not a question about an SMTP transaction")
    return Opening(
        tls=found.get(b"auth-ssl") == b"on",
        certificate=unquote_to_bytes(found.get(b"auth-ssl-cert", b"")),
        sender=sender.decode(errors="replace"),
        recipient=recipient.decode(errors="replace"),
        client=found.get(b"client-ip", b"").decode(errors="replace"),
    )


def attempt(request: h11.Request) -> int:
    """How often nginx has asked in this session; what it does not say counts as too often."""
    said = dict(request.headers).get(b"auth-login-attempt", b"")
    return int(said) if said.isdigit() and len(said) < 9 else _PATIENCE


def told(decision: Decision, relay: tuple[str, int], *, patient: bool) -> bytes:
    """The answer as nginx reads it: where to go on and in whose name, or why not, and whether the peer may go on."""
    reason = decision.reason
    if not reason.accepts:
        refusal = [_header("Auth-Status", reason.text), _header("Auth-Error-Code", str(reason.smtp))]
        return response(200, [*refusal, *([_header("Auth-Wait", "1")] if patient else [])])
    host, port = relay
    user = _header("Auth-User", decision.identity.token) if isinstance(decision.identity, Identity) else None
    if user is None:
        raise ValueError("accepted without an identity")
    fields = [_header("Auth-Status", "OK"), _header("Auth-Server", host), _header("Auth-Port", str(port)), user]
    return response(200, fields)


def response(status: int, headers: Headers, body: bytes = b"") -> bytes:
    """Written by hand: h11 takes a quarter of a session's time to check fields that are all our own."""
    fields = [*headers, (b"Connection", b"close"), (b"Content-Length", b"%d" % len(body))]
    return b"HTTP/1.1 %d -\r\n%b\r\n%b" % (status, b"".join(b"%b: %b\r\n" % one for one in fields), body)


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    """Raises ValueError for what would end the line."""
    if not value.isprintable():
        raise ValueError(f"{name} cannot be said in one line")
    return name.encode(), value.encode("ascii")
