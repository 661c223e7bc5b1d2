"""Another operator that writes all the time, one numbered message after another, as a mail server does: what is told to
come again comes again, to whichever server of the domain takes it, and each number is accepted once at most."""

from __future__ import annotations

import smtplib
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from letters import LETTER, Peer

MARK = "flux-{number}"
_PAUSE = 0.4  # seconds between two messages
_AGAIN = 1.0


@dataclass
class Stream:
    """`servers` are (address, name), best first. `accepted` are numbers that some server has taken; `uncertain` those
    whose acceptance was cut off: they may arrive twice."""

    peer: Peer
    sender: str
    recipient: str
    servers: Sequence[tuple[str, str]]
    accepted: list[int] = field(default_factory=list)
    uncertain: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    deferred: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """After the message under way."""
        self._ended.set()
        if self._thread:
            self._thread.join(120)
            assert not self._thread.is_alive(), "the last message is still on its way"

    def _run(self) -> None:
        number = 0
        while not self._ended.is_set():
            self._deliver(number)
            number += 1
            time.sleep(_PAUSE)

    def _deliver(self, number: int) -> None:
        while not any(self._taken(number, *server) for server in self.servers):
            self.deferred += 1
            time.sleep(_AGAIN)

    def _taken(self, number: int, ip: str, name: str) -> bool:
        """Whether this server took it, or refused it for good."""
        letter = LETTER.format(sender=self.sender, recipient=self.recipient, mark=MARK.format(number=number))
        sent = False
        try:
            with self.peer.session(ip, name) as session:
                session.ehlo("peer.essai.test")
                self._must(session.docmd("MAIL", f"FROM:<{self.sender}>"))
                self._must(session.docmd("RCPT", f"TO:<{self.recipient}>"))
                self._must(session.docmd("DATA"))
                sent = True
                code, _ = self._data(session, letter)
                sent = False
        except (smtplib.SMTPException, ssl.SSLError, OSError):
            if sent:
                self.uncertain.add(number)
            return False
        if code // 100 == 2:
            self.accepted.append(number)
        return code // 100 == 2

    @staticmethod
    def _data(session: smtplib.SMTP, letter: str) -> tuple[int, bytes]:
        session.send(letter.encode() + b".\r\n")
        return session.getreply()

    def _must(self, answer: tuple[int, bytes]) -> None:
        code, text = answer
        if code // 100 == 5:
            self.refused.append(f"{code} {text.decode(errors='replace')}")
        if code // 100 not in (2, 3):
            raise smtplib.SMTPResponseException(code, text)
