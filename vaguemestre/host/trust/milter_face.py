"""The milter that compares a message's From header with its envelope, and leads what is for a person on the red list
to the secretariat (smtpd_milters; MILTER_README).

The protocol has no specification but Sendmail's libmilter (mfdef.h): packets of a length in four octets, a command,
and data. Of a message this asks for the sender, the recipients where there is a red list, the header and its end; never
for a line of the body. Nothing is answered before the end of the header, and nearly always nothing is left to do then:
only where a recipient is to be replaced the end of the message is waited for, the one place where that may be said.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Sequence

from vaguemestre.host.redlist.decide import Door
from vaguemestre.host.trust.conversation import Conversation, Host, MalformedError, Reply
from vaguemestre.host.trust.decide import ACCEPT
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.layout import INSIDE
from vaguemestre.host.trust.reasons import MAILBOX_UNAVAILABLE
from vaguemestre.host.trust.redlist_desk import Handed, RedListDesk
from vaguemestre.host.trust.values import Decision, Identity

# Steps that the server need not tell of, and answers that it need not wait for (SMFIP_*, protocol 6).
_NO_CONNECT, _NO_HELO, _NO_RCPT, _NO_BODY = 0x01, 0x02, 0x08, 0x10
_NO_REPLY_HEADER, _NO_UNKNOWN, _NO_DATA = 0x80, 0x100, 0x200
_NO_REPLY_MAIL, _NO_REPLY_RCPT = 0x4000, 0x8000
_UNWANTED = _NO_CONNECT | _NO_HELO | _NO_BODY | _NO_UNKNOWN | _NO_DATA
_UNANSWERED = _NO_REPLY_HEADER | _NO_REPLY_MAIL | _NO_REPLY_RCPT
_ADD_RECIPIENT, _DELETE_RECIPIENT = 0x80, 0x08  # what may be changed (SMFIF_*); with ESMTP parameters
_REPLACE = _ADD_RECIPIENT | _DELETE_RECIPIENT
_VERSIONS = (2, 6)  # what libmilter still takes, and the newest

_CONTINUE, _ACCEPT = b"\x00\x00\x00\x01c", b"\x00\x00\x00\x01a"
_LARGEST = 1024 * 1024  # octets of a packet: header_size_limit of Postfix is a tenth of it
_FROM_HEADERS = 8  # that are kept; two are already one too many
_MOST_MACROS = 200
_MOST_RECIPIENTS = 10_000  # ten times what Postfix takes (smtpd_recipient_limit)


class MilterFace(Conversation):
    """One SMTP session, with as many messages as it has."""

    face = "milter"
    longest = _LARGEST + 5
    idle = 3600.0  # an SMTP session with large messages and a slow peer

    def __init__(self, host: Host, desk: Desk, redlist: RedListDesk | None = None) -> None:
        super().__init__(host)
        self._desk = desk
        self._redlist = redlist
        self._steps: int | None = None
        self._may_replace = False
        self._macros: dict[str, dict[str, str]] = {}
        self._sender: str | None = None
        self._recipients: list[list[str]] = []
        self._from: list[str] = []
        self._handed: Sequence[Handed] = ()
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
        if command == "R":
            return self._recipient(data)
        if command == "N":
            return self._end_of_header()
        if command == "E":
            return self._end()
        if command in "AK":
            self._forget(command)
            return b""
        if command == "Q":
            self.end()
            return b""
        if command in "CHTBU":
            return _CONTINUE
        raise MalformedError("an unknown command")

    def _negotiate(self, data: bytes) -> bytes:
        if len(data) < 12:
            raise MalformedError("the offer is too short")
        version, actions, offered = struct.unpack(">III", data[:12])
        if version < _VERSIONS[0]:
            raise MalformedError("a version of the protocol before 2")
        unwanted = _UNWANTED | (_NO_RCPT if self._redlist is None else 0)
        self._steps = offered & (unwanted | _UNANSWERED)
        actions &= 0 if self._redlist is None else _REPLACE
        self._may_replace = actions == _REPLACE
        return packet("O", struct.pack(">III", min(version, _VERSIONS[1]), actions, self._steps))

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
        self._begin_anew(words[0])
        return self._unless(_NO_REPLY_MAIL)

    def _recipient(self, data: bytes) -> bytes:
        words = strings(data)
        if not words:
            raise MalformedError("a recipient without an address")
        if len(self._recipients) >= _MOST_RECIPIENTS:
            raise MalformedError("more recipients than anybody takes")
        self._recipients.append(words)
        return self._unless(_NO_REPLY_RCPT)

    def _header(self, data: bytes) -> bytes:
        words = strings(data)
        if len(words) != 2:
            raise MalformedError("a header that is no pair")
        if words[0].strip().lower() == "from" and len(self._from) < _FROM_HEADERS:
            self._from.append(words[1])
        return self._unless(_NO_REPLY_HEADER)

    def _end_of_header(self) -> Reply:
        """The one place where anything is decided, unless the end of the message is told first.

        Accepting spares the rest of this message; Postfix then tells of its end by an abort.
        """
        if self._decided:
            return _CONTINUE if self._handed else _ACCEPT
        if self._sender is None:
            raise MalformedError("a message without a sender")
        self._decided = True
        answer = self._author(self._sender)
        return self._go_on(answer) if isinstance(answer, Decision) else self._go_on_later(answer)

    def _end(self) -> Reply:
        """The end of the message: what was decided of its recipients is said now."""
        if self._decided:
            return self._replaced()
        answer = self._end_of_header()
        if isinstance(answer, bytes):
            return self._replaced() if answer == _CONTINUE else answer
        return answer if answer is None else self._end_later(answer)

    async def _end_later(self, answer: Awaitable[bytes]) -> bytes:
        said = await answer
        return self._replaced() if said == _CONTINUE else said

    def _author(self, sender: str) -> Decision | Awaitable[Decision]:
        """Whether the From header may stand; a filter passes on what others wrote, and was let in by itself."""
        if self._inside:
            return ACCEPT
        return self._desk.header_from(self._login, sender, tuple(self._from), self._client)

    async def _go_on_later(self, answer: Awaitable[Decision]) -> bytes:
        return self._go_on(await answer)

    def _go_on(self, author: Decision) -> bytes:
        """After the From header, the red list: mostly there is nothing to replace, and no more to hear."""
        if self._redlist is None or not author.accepts or self._sender is None:
            return reply(author)
        handed = self._redlist.handed(self._door, self._login, self._sender, self._recipients, self._client)
        if isinstance(handed, Decision):
            return reply(handed)
        if handed and not self._may_replace:
            return reply(Decision(MAILBOX_UNAVAILABLE, "no leave to replace recipients"))
        self._handed = handed
        return _CONTINUE if handed else _ACCEPT

    def _replaced(self) -> bytes:
        """First the new recipients, then without the old ones: cut in between, Postfix takes nothing of it."""
        new = (packet("2", f"{one.onward}\0{one.notify}\0".encode()) for one in self._handed)
        old = (packet("-", f"{one.written}\0".encode()) for one in self._handed)
        return b"".join((*new, *old, _ACCEPT))

    @property
    def _login(self) -> str:
        return self._macros.get("M", {}).get("auth_authen", "")

    @property
    def _client(self) -> str:
        return self._macros.get("C", {}).get("_", "")

    @property
    def _inside(self) -> bool:
        return self._macros.get("C", {}).get("daemon_name") == INSIDE

    @property
    def _door(self) -> Door:
        if self._inside:
            return Door.INSIDE
        return Door.EDGE if Identity.parse(self._login) else Door.SUBMISSION

    def _begin_anew(self, sender: str | None) -> None:
        self._sender, self._recipients, self._from = sender, [], []
        self._handed, self._decided = (), False

    def _forget(self, command: str) -> None:
        """A (abort): this message is over; K: so is the session, another follows on the same connection."""
        self._begin_anew(None)
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
