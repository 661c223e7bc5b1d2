"""Mail in numbers: many SMTP sessions at once between two operators, and how many messages a second go through."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SESSIONS = 8
"""Open at the same time: as many as two cores keep busy."""

_TEXT = (
    "From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: Lettre de sortie\r\nDate: Mon, 23 Nov 2026 06:00:00 +0000\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + ("Le patient va bien. " * 3 + "\r\n") * 60
)


@dataclass(frozen=True)
class Sender:
    """An operator that writes: its certificate and key (PEM files), and an address of a domain listed for them."""

    chain: Path
    key: Path
    address: str

    def context(self) -> ssl.SSLContext:
        """Our certificate is shown; theirs is not what is measured."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(self.chain, self.key)
        return context


def rate(sender: Sender, server: tuple[str, int], recipient: str, messages: int, per_session: int) -> float:
    """Messages a second, from the first connection to the last 250 after DATA; every refusal is an error.

    `per_session` messages go through each connection; each connection is a full TLS handshake.
    """
    context, text = sender.context(), _TEXT.format(sender=sender.address, recipient=recipient).encode()
    sessions = -(-messages // per_session)

    def session(_: int) -> None:
        _session(context, server, per_session, lambda smtp: smtp.sendmail(sender.address, [recipient], text))

    with ThreadPoolExecutor(SESSIONS) as pool:
        begun = time.monotonic()
        list(pool.map(session, range(sessions)))
    return sessions * per_session / (time.monotonic() - begun)


def _session(
    context: ssl.SSLContext, server: tuple[str, int], times: int, send: Callable[[smtplib.SMTP], object]
) -> None:
    with smtplib.SMTP(*server, local_hostname="bench.test", timeout=60) as smtp:
        smtp.starttls(context=context)
        for _ in range(times):
            send(smtp)
