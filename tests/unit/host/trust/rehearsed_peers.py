"""Mail servers and a DNS server on this machine's loopback, well or badly behaved as a test wants them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

if TYPE_CHECKING:
    from vaguemestre.pki.authority import Issued

Records = dict[tuple[str, str], list[str]]
"""(name without final dot, type) -> values as in a zone file."""


@dataclass
class Server:
    """A mail server. `manner`: good, silent, no_tls, refuses, no_smtp, hangs_up, tls_fails, ehlo_fails."""

    issued: Issued | None = None
    manner: str = "good"
    anchors: bytes = b""  # PEM; with them it asks for certificates
    seen: int = 0  # connections
    mails: list[bytes] = field(default_factory=list)
    clients: list[bytes] = field(default_factory=list)  # certificates that came, DER

    async def met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen += 1
        try:
            await self._talk(reader, writer)
        except (OSError, ssl.SSLError, EOFError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.manner == "silent":
            await reader.read()
            return
        if self.manner == "hangs_up":
            return
        greeting = {"refuses": b"554 no\r\n", "no_smtp": b"SSH-2.0-x\r\n"}.get(self.manner, b"220 mx ESMTP\r\n")
        writer.write(greeting)
        content = False
        while line := await reader.readline():
            word = line.strip().upper()
            if content:
                self.mails[-1] += line
                if line == b".\r\n":
                    content = False
                    writer.write(b"250 2.0.0 taken\r\n")
            elif word.startswith(b"EHLO"):
                writer.write(self._offers(tls=writer.get_extra_info("ssl_object") is not None))
            elif word == b"STARTTLS":
                writer.write(b"220 go\r\n")
                await writer.drain()
                if self.manner == "tls_fails":
                    writer.write(b"this is no handshake\r\n" * 10)
                    return
                await writer.start_tls(self._context())
                shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                self.clients.extend([shown] if shown else [])
            elif word == b"DATA":
                content = True
                self.mails.append(b"")
                writer.write(b"354 go\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 2.0.0 ok\r\n")

    def _offers(self, *, tls: bool) -> bytes:
        if self.manner == "ehlo_fails":
            return b"421 4.7.0 later\r\n"
        if self.manner == "no_tls" or tls:
            return b"250-mx\r\n250 8BITMIME\r\n"
        return b"250-mx\r\n250-8BITMIME\r\n250 STARTTLS\r\n"

    def _context(self) -> ssl.SSLContext:
        import tempfile

        assert self.issued is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            Path(file.name).write_bytes(self.issued.key_pem() + self.issued.chain_pem())
            context.load_cert_chain(file.name)
        if self.anchors:
            context.load_verify_locations(cadata=self.anchors.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@asynccontextmanager
async def serving(server: Server, address: str, port: int) -> AsyncIterator[Server]:
    listening = await asyncio.start_server(server.met, address, port)
    try:
        yield server
    finally:
        listening.close()


class Names(asyncio.DatagramProtocol):
    """DNS over UDP, from `records`; with `dumb` it answers nothing at all."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.dumb = False
        self._send: Callable[[bytes, tuple[str, int]], None] = lambda *_: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._send = cast(asyncio.DatagramTransport, transport).sendto

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.dumb:
            return
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        asked = query.question[0]
        name, kind = str(asked.name).rstrip(".").lower(), dns.rdatatype.to_text(asked.rdtype)
        values = self.records.get((name, kind))
        if values:
            reply.answer.append(dns.rrset.from_text_list(asked.name, 60, "IN", kind, values))
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self._send(reply.to_wire(), addr)


@asynccontextmanager
async def names(records: Records, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[tuple[Names, int]]:
    """A DNS server and its port."""
    loop = asyncio.get_running_loop()
    transport, served = await loop.create_datagram_endpoint(lambda: Names(records), local_addr=(address, port))
    try:
        yield served, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
