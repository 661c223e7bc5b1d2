"""Looks a mail server's certificate up: DNS, the SMTP dialogue until STARTTLS, the handshake, and goodbye.

Nothing is believed here. OpenSSL's own verification is off, so that the certificate can be judged in full and the
reason named (`certificate.prove`); Postfix then pins its session to exactly the certificate that passed. No SNI is sent
since Postfix sends none at this level: what it would be shown is what counts.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vaguemestre.host.trust import reasons
from vaguemestre.host.trust.reasons import Reason

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

_EXCHANGERS = 10  # MX hosts looked at
_ADDRESSES = 8  # addresses asked in all; Postfix tries five (smtp_mx_address_limit)
_DNS_SECONDS = 3.0
_CONNECT_SECONDS = 4.0
_DIALOGUE_SECONDS = 8.5  # a server may keep strangers waiting six (postscreen_greet_wait)
SHARED_FOR = 10.0  # seconds that what an address showed serves all its domains
_LOOKS = 2000  # addresses remembered before old ones go
_LINES = 100  # of one reply
_LINE = 2048  # octets
_REPLY = re.compile(rb"([2-5][0-9][0-9])([ -]|$)(.*)", re.DOTALL)


class ProbeError(Exception):
    """No certificate was seen, for `reason`; `str()` is for the log."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Target:
    """One address to ask; `name` is the host's, for the log."""

    name: str
    address: str
    port: int = 25

    def __str__(self) -> str:
        return f"{self.name}[{self.address}]:{self.port}"


@dataclass(frozen=True)
class Showing:
    """What one address showed: a leaf certificate, DER, or why none."""

    target: Target
    certificate: bytes | None
    reason: Reason = reasons.ACCEPTED
    detail: str = ""


class Prober:
    """The network's side of a probe, with our own name and certificate (`chain`, `key`; None presents none).

    `resolver` is the DNS server to ask, ``address:port``; None: those of the host.
    """

    def __init__(self, name: str, chain: Path | None, key: Path | None, resolver: str | None = None) -> None:
        self.name = name
        self._chain = chain
        self._key = key
        self._server = resolver
        self._resolver: Resolver | None = None
        self._looks: dict[tuple[str, int], tuple[asyncio.Task[Showing], float]] = {}

    async def targets(self, domain: str, port: int, *, exchangers: bool) -> tuple[Target, ...]:
        """Whom Postfix would deliver to, in its order: MX (RFC 5321 section 5.1), or the host itself.

        Raises ProbeError: DNS does not answer, no address, or the domain takes no mail (RFC 7505).
        """
        hosts = await self._exchangers(domain) if exchangers else (domain,)
        found = await asyncio.gather(*(self._addresses(host) for host in hosts), return_exceptions=True)
        addresses = [
            Target(host, address, port)
            for host, some in zip(hosts, found, strict=True)
            if not isinstance(some, BaseException)
            for address in some
        ]
        if not addresses:
            raise ProbeError(reasons.DNS_FAILED, f"no address for {', '.join(hosts)}")
        return tuple(addresses[:_ADDRESSES])

    async def show(self, target: Target) -> Showing:
        """What the server at this address shows; never raises but for cancellation.

        One look at an address serves all who ask within ten seconds: one operator of the space has 2,700 domains.
        """
        now, place = time.monotonic(), (target.address, target.port)
        look, began = self._looks.get(place, (None, 0.0))
        if look is None or (look.done() and now - began > SHARED_FOR):
            self._forget(now)
            look = asyncio.get_running_loop().create_task(self._look(target))
            self._looks[place] = look, now
        return replace(await asyncio.shield(look), target=target)

    def _forget(self, now: float) -> None:
        if len(self._looks) >= _LOOKS:
            old = [place for place, (look, began) in self._looks.items() if look.done() and now - began > SHARED_FOR]
            for place in old:
                del self._looks[place]

    async def _look(self, target: Target) -> Showing:
        try:
            return Showing(target, await self._certificate(target))
        except ProbeError as error:
            return Showing(target, None, error.reason, str(error))
        except Exception as error:
            return Showing(target, None, reasons.PEER_UNREACHABLE, f"{type(error).__name__}: {error}")

    async def _exchangers(self, domain: str) -> tuple[str, ...]:
        import dns.exception
        import dns.resolver

        try:
            answer = await self._dns().resolve(f"{domain}.", "MX", lifetime=_DNS_SECONDS)
        except dns.resolver.NoAnswer:
            return (domain,)
        except dns.exception.DNSException as error:
            raise ProbeError(reasons.DNS_FAILED, f"MX of {domain}: {type(error).__name__}") from error
        ordered = sorted((record.preference, str(record.exchange).rstrip(".").lower()) for record in answer)
        if [host for _, host in ordered] == [""]:
            raise ProbeError(reasons.PEER_NULL_MX, "MX 0 .")
        return tuple(host for _, host in ordered if host)[:_EXCHANGERS]

    async def _addresses(self, host: str) -> list[str]:
        """IPv4 first, as hosts here have it; an address family without an answer is no failure."""
        import dns.exception

        async def of(kind: str) -> list[str]:
            try:
                answer = await self._dns().resolve(f"{host}.", kind, lifetime=_DNS_SECONDS)
            except dns.exception.DNSException:
                return []
            return [str(record.address) for record in answer]

        four, six = await asyncio.gather(of("A"), of("AAAA"))
        return four + six

    def _dns(self) -> Resolver:
        """Made when first needed: dnspython is large."""
        if self._resolver is None:
            from dns.asyncresolver import Resolver

            self._resolver = Resolver(configure=self._server is None)
            if self._server is not None:
                address, _, port = self._server.rpartition(":")
                self._resolver.nameservers, self._resolver.port = [address], int(port)
        return self._resolver

    async def _certificate(self, target: Target) -> bytes:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(target.address, target.port, limit=_LINE)
        except (OSError, TimeoutError) as error:
            raise ProbeError(reasons.PEER_UNREACHABLE, _told(error)) from error
        try:
            async with asyncio.timeout(_DIALOGUE_SECONDS):
                return await self._dialogue(reader, writer)
        except TimeoutError as error:
            raise ProbeError(reasons.PEER_SILENT, "no answer in time") from error
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise ProbeError(reasons.PEER_SILENT, _told(error)) from error
        finally:
            writer.transport.abort()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        await _expect(reader, b"220", reasons.PEER_UNREACHABLE, "greeting")
        writer.write(f"EHLO {self.name}\r\n".encode("ascii"))
        offers = await _expect(reader, b"250", reasons.PEER_HANDSHAKE, "EHLO")
        if not any(offer.strip().upper() == b"STARTTLS" for offer in offers[1:]):
            raise ProbeError(reasons.PEER_NO_TLS, "STARTTLS is not offered")
        writer.write(b"STARTTLS\r\n")
        await _expect(reader, b"220", reasons.PEER_HANDSHAKE, "STARTTLS")
        await self._handshake(writer)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if not shown:
            raise ProbeError(reasons.PEER_HANDSHAKE, "the server showed no certificate")
        writer.write(b"QUIT\r\n")
        return bytes(shown)

    async def _handshake(self, writer: asyncio.StreamWriter) -> None:
        try:
            await writer.start_tls(self.context())
        except (ssl.SSLError, ConnectionError) as error:
            raise ProbeError(reasons.PEER_HANDSHAKE, _told(error)) from error

    def context(self) -> ssl.SSLContext:
        """Made anew for each session, so that a renewed certificate of ours is presented at once."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the module's docstring says who verifies
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._chain is not None and self._key is not None:
            context.load_cert_chain(self._chain, self._key)
        return context


async def _expect(reader: asyncio.StreamReader, code: bytes, otherwise: Reason, when: str) -> list[bytes]:
    """The texts of one reply (RFC 5321 section 4.2.1). Raises ProbeError with `otherwise` for another code."""
    texts: list[bytes] = []
    for _ in range(_LINES):
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise ProbeError(reasons.PEER_SILENT, f"{when}: the connection ended")
        found = _REPLY.match(line.rstrip(b"\r\n"))
        if found is None:
            raise ProbeError(reasons.PEER_UNREACHABLE, f"{when}: what answers does not speak SMTP")
        if found[1] != code:
            raise ProbeError(otherwise, f"{when}: answered {found[1].decode()}")
        texts.append(found[3])
        if found[2] != b"-":
            return texts
    raise ProbeError(reasons.PEER_UNREACHABLE, f"{when}: a reply without end")


def _told(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text[:200]
