"""A person with a mailbox and an ordinary mail client, who sends by submission, reads by IMAP, believes the anchors."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from email.utils import localtime, make_msgid
from pathlib import Path

SECONDS_TO_ARRIVE = 40


def client_context(anchors: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer, the national anchors only, host names checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(anchors)
    return context


class Smtp(smtplib.SMTP):
    """SMTP to `address` that expects the certificate of `name`: hosts are reached without asking the local resolver."""

    def __init__(self, address: str, name: str, port: int, timeout: float = 20) -> None:
        super().__init__(address, port, timeout=timeout)
        self._host = name  # what starttls() checks the certificate against


class Imap(imaplib.IMAP4):
    """IMAP with STARTTLS, to `address` but expecting the certificate of `name`."""

    def __init__(self, address: str, name: str, context: ssl.SSLContext) -> None:
        super().__init__(address, 143, timeout=20)
        self.host = name
        self.starttls(context)


@dataclass(frozen=True)
class Correspondent:
    """A mailbox and where its host is. `address` is the mailbox, `host` and `ip` its server, `anchors` a PEM file."""

    address: str
    password: str = field(repr=False)
    host: str = ""
    ip: str = ""
    anchors: Path = Path()

    @property
    def domain(self) -> str:
        return self.address.partition("@")[2]

    def submission(self, *, login: bool = True) -> Smtp:
        """An open submission session (RFC 6409), after STARTTLS and, unless `login` is false, AUTH."""
        session = Smtp(self.ip, self.host, 587)
        session.starttls(context=client_context(self.anchors))
        session.ehlo()
        if login:
            session.login(self.address, self.password)
        return session

    def send(self, to: str, subject: str, body: str = "Vérification.\n", sender: str = "", **headers: str) -> str:
        """Submit a message; returns its Message-ID.

        Raises:
            smtplib.SMTPException: the server's refusal, with code and text.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.address, to, subject
        message["Date"], message["Message-ID"] = localtime(), make_msgid(domain=self.domain)
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(body)
        with self.submission() as session:
            session.send_message(message, from_addr=sender or self.address)
        return str(message["Message-ID"])

    def imap(self) -> Imap:
        """A logged-in IMAP session on the inbox."""
        session = Imap(self.ip, self.host, client_context(self.anchors))
        session.login(self.address, self.password)
        session.select("INBOX")
        return session

    def wait_for(self, message_id: str, seconds: float = SECONDS_TO_ARRIVE) -> EmailMessage:
        """The message with this Message-ID, read by IMAP, as soon as it is in the inbox.

        Raises:
            AssertionError: it did not arrive in time.
        """
        return self._await("HEADER", "Message-ID", f'"{message_id}"', seconds=seconds)

    def wait_for_report(self, of: str, seconds: float = SECONDS_TO_ARRIVE) -> EmailMessage:
        """The newest unread delivery status notification (RFC 3464) that speaks of the recipient `of`.

        Raises:
            AssertionError: none arrived in time.
        """
        return self._await("UNSEEN", "HEADER", "Content-Type", "report", "BODY", f'"{of}"', seconds=seconds)

    def wait_for_subject(self, subject: str, seconds: float = SECONDS_TO_ARRIVE) -> EmailMessage:
        """The newest message with these words in its subject.

        Raises:
            AssertionError: none arrived in time.
        """
        return self._await("SUBJECT", f'"{subject}"', seconds=seconds)

    def _await(self, *criteria: str, seconds: float) -> EmailMessage:
        end = time.monotonic() + seconds
        with self.imap() as session:
            while time.monotonic() < end:
                session.noop()
                _, (found, *_) = session.search(None, *criteria)
                if found:
                    return _fetch(session, found.split()[-1].decode())
                time.sleep(0.25)
        raise AssertionError(f"nothing like {' '.join(criteria)} reached {self.address} within {seconds:.0f} s")


def _fetch(session: Imap, number: str) -> EmailMessage:
    _, data = session.fetch(number, "(RFC822)")
    content = next(part[1] for part in data if isinstance(part, tuple))
    return BytesParser(policy=default).parsebytes(content)
