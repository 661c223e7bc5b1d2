"""The milter that compares a message's From header with its envelope (smtpd_milters; MILTER_README).

The protocol has no specification but Sendmail's libmilter (mfdef.h): packets of a length in four octets, a command,
and data. Of a message this asks for the sender, the header and its end; never for recipients or a line of the body.
Nothing is answered before the end of the header.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable

from vaguemestre.host.trust.conversation import Conversation, Host, MalformedError, Reply
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.values import Decision

# Steps that the server need not tell of, and answers that it need not wait for (SMFIP_*, protocol 6).
_NO_CONNECT, _NO_HELO, _NO_RCPT, _NO_BODY = 0x01, 0x02, 0x08, 0x10
_NO_REPLY_HEADER, _NO_UNKNOWN, _NO_DATA = 0x80, 0x100, 0x200
_NO_REPLY_MAIL = 0x4000
_UNWANTED = _NO_CONNECT | _NO_HELO | _NO_RCPT | _NO_BODY | _NO_UNKNOWN | _NO_DATA
_UNANSWERED = _NO_REPLY_HEADER | _NO_REPLY_MAIL
_VERSIONS = (2, 6)  # what libmilter still takes, and the newest

_CONTINUE, _ACCEPT = b"\x00\x00\x00\x01c", b"\x00\x00\x00\x01a"
_LARGEST = 1024 * 1024  # octets of a packet: header_size_limit of Postfix is a tenth of it
_FROM_HEADERS = 8  # that are kept; two are already one too many
_MOST_MACROS = 200


class MilterFace(Conversation):
    """One SMTP session, with as many messages as it has."""

    face = "milter"
    longest = _LARGEST + 5
    idle = 3600.0  # an SMTP session with large messages and a slow peer

    def __init__(self, host: Host, desk: Desk) -> None:
        super().__init__(host)
        self._desk = desk
        self._steps: int | None = None
        self._macros: dict[str, dict[str, str]] = {}
        self._sender: str | None = None
        self._from: list[str] = []
        self._decided = False

    def take(self, buffer: bytearray) -> Reply:
        if len(buffer) < 4:
            return None
        length = int.from_bytes(buffer[:4], "big")
        if not 1 <= length <= _LARGEST:
            raise MalformedError("a packet of this length is none of the protocol")
        if len(buffer) < 4 + length:
            return None
        command, data = chr(buffer[4]), bytes(buffer[5 : 4 + length])
        del buffer[: 4 + length]
        if self._steps is None and command not in "OQ":
            raise MalformedError("nothing was negotiated")
        return self._command(command, data)

    def _command(self, command: str, data: bytes) -> Reply:
        if command == "O":
            return self._negotiate(data)
        if command == "D":
            return self._define(data)
        if command == "M":
            return self._begin(data)
        if command == "L":
            return self._header(data)
        if command in "NE":
            return self._end()
        if command in "AK":
            self._forget(command)
            return b""
        if command == "Q":
            self.end()
            return b""
        if command in "CHRTBU":
            return _CONTINUE
        raise MalformedError("an unknown command")

    def _negotiate(self, data: bytes) -> bytes:
        if len(data) < 12:
            raise MalformedError("the offer is too short")
        version, _, offered = struct.unpack(">III", data[:12])
        if version < _VERSIONS[0]:
            raise MalformedError("a version of the protocol before 2")
        self._steps = offered & (_UNWANTED | _UNANSWERED)
        return packet("O", struct.pack(">III", min(version, _VERSIONS[1]), 0, self._steps))

    def _define(self, data: bytes) -> bytes:
        """Macros come before the command they belong to and hold until it comes again (milter-protocol)."""
        words = strings(data[1:])
        if not data or len(words) % 2 or len(words) > 2 * _MOST_MACROS:
            raise MalformedError("macros that do not come in pairs")
        names = (name.strip("{}") for name in words[::2])
        self._macros[chr(data[0])] = dict(zip(names, words[1::2], strict=True))
        return b""

    def _begin(self, data: bytes) -> bytes:
        words = strings(data)
        if not words:
            raise MalformedError("a sender without an address")
        self._sender, self._from, self._decided = words[0], [], False
        return self._unless(_NO_REPLY_MAIL)

    def _header(self, data: bytes) -> bytes:
        words = strings(data)
        if len(words) != 2:
            raise MalformedError("a header that is no pair")
        if words[0].strip().lower() == "from" and len(self._from) < _FROM_HEADERS:
            self._from.append(words[1])
        return self._unless(_NO_REPLY_HEADER)

    def _end(self) -> Reply:
        """The end of the header, or of the message if it was told first: the one place where anything is decided.

        Accepting spares the rest of this message; Postfix then tells of its end by an abort.
        """
        if self._decided:
            return _ACCEPT
        if self._sender is None:
            raise MalformedError("a message without a sender")
        self._decided = True
        mail = self._macros.get("M", {})
        client = self._macros.get("C", {}).get("_", "")
        answer = self._desk.header_from(mail.get("auth_authen", ""), self._sender, tuple(self._from), client)
        return reply(answer) if isinstance(answer, Decision) else self._reply_later(answer)

    async def _reply_later(self, answer: Awaitable[Decision]) -> bytes:
        return reply(await answer)

    def _forget(self, command: str) -> None:
        """A (abort): this message is over; K: so is the session, another follows on the same connection."""
        self._sender, self._from, self._decided = None, [], False
        self._macros.pop("M", None)
        if command == "K":
            self._macros.clear()

    def _unless(self, step: int) -> bytes:
        return b"" if self._steps is not None and self._steps & step else _CONTINUE


def reply(decision: Decision) -> bytes:
    """Go on, or the reply to give; libmilter takes it for a format, so ``%`` is doubled."""
    reason = decision.reason
    if reason.accepts:
        return _ACCEPT
    return packet("y", f"{reason.smtp} {reason.text}".replace("%", "%%").encode("ascii") + b"\0")


def packet(command: str, data: bytes) -> bytes:
    return (1 + len(data)).to_bytes(4, "big") + command.encode() + data


def strings(data: bytes) -> list[str]:
    """Strings that each end in a NUL. Raises MalformedError when the last one does not."""
    if not data:
        return []
    if not data.endswith(b"\0"):
        raise MalformedError("a string that does not end")
    return data[:-1].decode(errors="replace").split("\0")
