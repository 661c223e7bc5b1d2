"""The audit's peers as senders: each case in turn speaks to an operator from its own address, with its certificate.

Prints one JSON object for each reply: case, transaction (from 1; 0 before the first), step, code, text. Code 0 is a
session that ended without a reply. Runs on the world host, with Python alone.
Usage: send.py RUN OPERATOR_IP OPERATOR_DOMAIN RECIPIENT [CASE...]
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

PLAY = Path("/srv/peers/play.json")
PATIENCE = 30  # seconds
AT_ONCE = 6  # a dozen sessions at a time from one address each would already be unlike mail

Case = dict[str, Any]


class Over(Exception):  # noqa: N818 - not an error: the server has ended the session
    """No further step is possible."""


class Session:
    """One SMTP session as a client that writes down every reply."""

    def __init__(self, case: Case, operator: str, tell: Callable[..., None]) -> None:
        self.case, self.tell, self.transaction = case, tell, 0
        self.socket = socket.create_connection((operator, 25), timeout=PATIENCE, source_address=(case["address"], 0))
        self.stream = self.socket.makefile("rb")

    def step(self, name: str, line: bytes | None) -> int:
        """Send a line, unless None, and take the reply; its code. Raises Over when there is none, or a 421."""
        try:
            if line is not None:
                self.socket.sendall(line + b"\r\n")
            code, text = self.reply()
        except OSError as error:
            code, text = 0, f"{type(error).__name__}: {error}"
        self.tell(transaction=self.transaction, step=name, code=code, text=text)
        if code in (0, 421):
            raise Over
        return code

    def reply(self) -> tuple[int, str]:
        """One reply (RFC 5321 section 4.2.1)."""
        lines = []
        while line := self.stream.readline():
            lines.append(line.decode(errors="replace").rstrip("\r\n")[4:])
            if line[3:4] != b"-":
                return int(line[:3]), " ".join(lines)
        raise ConnectionError("the server hung up")

    def start_tls(self) -> None:
        """STARTTLS and the handshake, which is a step of its own. Raises Over when there is no TLS session."""
        if self.step("STARTTLS", b"STARTTLS") != 220:
            raise Over
        try:
            self.socket = _context(self.case).wrap_socket(self.socket)
        except (OSError, ssl.SSLError) as error:
            self.tell(transaction=0, step="TLS", code=0, text=str(error))
            raise Over from None
        self.stream = self.socket.makefile("rb")

    def send(self, command: str, sender: str, recipients: list[str], content: bytes) -> None:
        """One transaction, up to the first refusal."""
        self.transaction += 1
        if command:
            self.step("command", command.encode())
        steps = [("MAIL", f"MAIL FROM:<{sender}>"), *(("RCPT", f"RCPT TO:<{one}>") for one in recipients)]
        if all(self.step(name, line.encode()) < 400 for name, line in steps) and self.step("DATA", b"DATA") == 354:
            self.step("message", content + b".")
        else:
            self.step("RSET", b"RSET")


def _context(case: Case) -> ssl.SSLContext:
    """The operator must prove itself to us by the national root; its name is not what it is known by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(PLAY.parent / "root.pem")
    if case["session"] == "certificate":
        context.load_cert_chain(PLAY.parent / case["pem"])
    return context


def play(case: Case, run: str, operator: str, own: str, recipient: str) -> None:
    """The whole session of one case."""

    def tell(**what: Any) -> None:
        sys.stdout.write(json.dumps({"case": case["slug"], **what}) + "\n")  # in one piece: others write too
        sys.stdout.flush()

    def filled(text: str) -> str:
        return text.format(domain=case["domain"], host=case["host"], own=own, recipient=recipient)

    try:
        session = Session(case, operator, tell)
        session.step("greeting", None)
        session.step("EHLO", b"EHLO " + case["host"].encode())
        if case["session"] != "clear":
            session.start_tls()
            session.step("EHLO", b"EHLO " + case["host"].encode())
        for number, one in enumerate(case["transactions"], start=1):
            sender, to = filled(one["sender"]), filled(one["recipient"])
            author = f"<{filled(one['header_from']) or sender}>"
            author = f'"{filled(one["name"])}" {author}' if one["name"] else author
            mark = f"{run}.{case['slug']}.{number}@{case['host']}"
            recipients = [to, filled(one["second"])] if one["second"] else [to]
            session.send(
                filled(one["command"]), sender, recipients, _letter(author, one["authors"], to, case["slug"], mark)
            )
        session.step("QUIT", b"QUIT")
    except Over:
        pass
    except OSError as error:
        tell(transaction=0, step="connect", code=0, text=f"{type(error).__name__}: {error}")


def _letter(author: str, authors: int, to: str, subject: str, mark: str) -> bytes:
    heads = [f"From: {author}"] * authors + [f"To: <{to}>", f"Subject: Audit {subject}", f"Date: {formatdate()}"]
    body = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "", "Message d'audit, sans contenu."]
    return "".join(f"{line}\r\n" for line in [*heads, f"Message-ID: <{mark}>", *body]).encode()


def main(run: str, operator: str, own: str, recipient: str, chosen: Iterable[str]) -> None:
    """Play the cases, a few side by side."""
    wanted = set(chosen)
    cases = [one for one in json.loads(PLAY.read_text())["cases"] if not wanted or one["slug"] in wanted]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda case: play(case, run, operator, own, recipient), cases))


main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
