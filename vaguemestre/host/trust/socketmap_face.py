"""Two maps for Postfix over socketmap (socketmap_table(5)): netstrings, ``name key`` in, ``STATUS text`` out.

``transport`` says whether mail may go to a domain at all and never waits. ``tls`` is smtp_tls_policy_maps: the
fingerprints of the certificates that were proven, for Postfix to hold its own session against; it may take seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable

from vaguemestre.host.trust import reasons
from vaguemestre.host.trust.conversation import Conversation, Host, MalformedError, Reply
from vaguemestre.host.trust.domains import DomainError, domain
from vaguemestre.host.trust.finding import Pins
from vaguemestre.host.trust.peers import Peers
from vaguemestre.host.trust.reasons import Reason

_LONGEST = 4096
_DIGITS = 4

NOT_FOUND = b"NOTFOUND "


class SocketmapFace(Conversation):
    face = "socketmap"
    longest = _LONGEST + _DIGITS + 2

    def __init__(self, host: Host, peers: Peers) -> None:
        super().__init__(host)
        self._peers = peers

    def take(self, buffer: bytearray) -> Reply:
        request = netstring(buffer)
        if request is None:
            return None
        name, blank, key = request.decode(errors="replace").partition(" ")
        if name == "transport" and blank:
            return framed(self._way(key))
        if name == "tls" and blank:
            return self._tls(key)
        raise MalformedError("there is no such map")

    def _way(self, key: str) -> bytes:
        """`key` is a domain, an address, or one of the patterns of transport(5), which nothing here answers to."""
        if key == "*" or key.startswith("."):
            return NOT_FOUND
        try:
            name = domain(key.rpartition("@")[2])
        except DomainError:
            return _error(reasons.UNUSABLE_RECIPIENT)
        if self._peers.ours(name):
            return NOT_FOUND
        return way(self._peers.route(name).reason)

    def _tls(self, key: str) -> Reply:
        answer = self._peers.pins(key)
        return framed(policy(answer)) if isinstance(answer, Pins) else self._tls_later(answer)

    async def _tls_later(self, answer: Awaitable[Pins]) -> bytes:
        return framed(policy(await answer))


def netstring(buffer: bytearray) -> bytes | None:
    """The first netstring, taken off the buffer; None while it is not complete. Raises MalformedError."""
    colon = buffer.find(b":", 0, _DIGITS + 1)
    digits = bytes(buffer[: colon if colon >= 0 else _DIGITS + 1])
    if not digits.isdigit() or (colon < 0 and len(digits) > _DIGITS):
        raise MalformedError("not a netstring")
    if colon < 0:
        return None
    end = colon + 1 + int(digits)
    if len(buffer) <= end:
        return None
    if buffer[end] != 0x2C or int(digits) > _LONGEST:
        raise MalformedError("a netstring that does not end, or too long")
    text = bytes(buffer[colon + 1 : end])
    del buffer[: end + 1]
    return text


def framed(text: bytes) -> bytes:
    return b"%d:%s," % (len(text), text)


def way(reason: Reason) -> bytes:
    """The transport for a domain: out, back to its writer, or not now.

    A peer whose certificate has expired is deferred when it writes to us, for that mends with time; mail to it comes
    back now, for its writer should know.
    """
    if reason.accepts:
        return b"OK smtp:"
    return _error(reason) if reason.final or not reason.temporary else _temporary(reason)


def policy(pins: Pins) -> bytes:
    """The policy for one delivery (smtp_tls_policy_maps). Never NOTFOUND: Postfix would go on to parent domains.

    Fingerprints hold colons, so at this level ``|`` stands between several (smtp_tls_policy.c).
    """
    if not pins.decision.accepts:
        return _temporary(pins.decision.reason)
    return f"OK fingerprint match={'|'.join(pins.fingerprints)} protocols=>=TLSv1.2 ciphers=high".encode()


def _error(reason: Reason) -> bytes:
    """Postfix's error(8) wants an enhanced code that says permanent, and then returns the message at once."""
    status = reason.status if reason.status.startswith("5") else "5.7.1"
    return f"OK error:{status} {reason.text.partition(' ')[2]}".encode()


def _temporary(reason: Reason) -> bytes:
    return f"TEMP {reason.text}".encode()
