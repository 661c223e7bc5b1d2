"""Ways to write to a host of the lab: as another operator with any certificate, and as a person with a mailbox."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.pki.authority import Issued
from vaguemestre.verify.correspondent import Smtp

LETTER = "From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: essai\r\nMessage-ID: <{mark}@essai.test>\r\n\r\nBonjour\r\n"


@dataclass(frozen=True)
class Peer:
    """Another operator's mail server, as far as a host can tell: a certificate, or none."""

    certificate: Path | None = None

    def session(self, ip: str, name: str) -> Smtp:
        """An SMTP session on port 25 after STARTTLS.

        Raises:
            OSError, smtplib.SMTPException: refused already there.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(self.certificate)
        session = Smtp(ip, name, 25)
        session.ehlo("peer.essai.test")
        session.starttls(context=context)
        return session


Edge = Callable[[Peer, str, str], tuple[int, str]]
"""Asks port 25 of one host as this peer, from this sender, to this recipient; what RCPT is answered."""


def kept(folder: Path, issued: Issued) -> Path:
    """Key and chain of a certificate in one file, for `Peer`."""
    pem = folder / "certificate.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(issued.key_pem() + issued.chain_pem())
    return pem


def answer(session: smtplib.SMTP, sender: str, recipient: str) -> tuple[int, str]:
    """What the server says to RCPT, or to what came before when that ended it; 421 when it hung up."""
    try:
        session.ehlo_or_helo_if_needed()
        code, text = session.docmd("MAIL", f"FROM:<{sender}>")
        if code == 250:
            code, text = session.docmd("RCPT", f"TO:<{recipient}>")
    except (smtplib.SMTPException, ssl.SSLError, ConnectionError) as ended:
        return 421, str(ended)
    return code, text.decode(errors="replace")


def edge_answer(peer: Peer, ip: str, name: str, sender: str, recipient: str) -> tuple[int, str]:
    """What port 25 says to a peer who wants to write."""
    try:
        session = peer.session(ip, name)
    except (smtplib.SMTPException, ssl.SSLError, ConnectionError) as ended:
        return 421, str(ended)
    with session:
        return answer(session, sender, recipient)


def shown_certificate(ip: str, port: int) -> bytes:
    """The certificate (DER) that a host shows on a port, after STARTTLS where the port begins in clear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((ip, port), timeout=20) as plain:
        stream = plain.makefile("rb", buffering=0)
        for begins, command in _STARTTLS.get(port, ()):
            while not stream.readline().startswith(begins):
                pass
            plain.sendall(command)
        if port in _STARTTLS:
            stream.readline()
        with context.wrap_socket(plain) as tls:
            return tls.getpeercert(binary_form=True) or b""


_SMTP = ((b"220 ", b"EHLO essai.test\r\n"), (b"250 ", b"STARTTLS\r\n"))
_STARTTLS = {
    25: _SMTP,
    587: _SMTP,
    143: ((b"* OK", b"a STARTTLS\r\n"),),
    4190: ((b"OK", b"STARTTLS\r\n"),),
}
