"""The audit's peers as receivers: each on its own address, as its case asks; all that happens is written down.

One JSON object a line, each with time, session (a number), host (the peer's name) and client (who connected):
connection; tls with the client's certificate, verified against the national root; handshake-failed; command with
whether it came in clear; message. Runs on the world host, with Python alone.
Usage: peers.py PLAY RECORD
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import ssl
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

PLAY, RECORD = Path(sys.argv[1]), Path(sys.argv[2])
PATIENCE = 60  # seconds
MEMORY = 240  # seconds after which a client is a new one
LAST_SEEN: dict[tuple[str, str], float] = {}
NUMBERS = itertools.count(time.time_ns())  # no two sessions have the same, over a restart either
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1 is meant


def listeners() -> dict[str, dict[str, Any]]:
    """Every peer by its address, as the play has it now."""
    return {host["address"]: host for host in json.loads(PLAY.read_text())["hosts"]}


def shown(host: dict[str, Any], client: str) -> str:
    """The file of the certificate that this client is shown: a renewed one after the one before."""
    if host["manner"] != "renewed":
        return str(host["pem"])
    last = LAST_SEEN.get((host["name"], client), -MEMORY)
    LAST_SEEN[host["name"], client] = time.monotonic()
    return str(host["pem"]) if time.monotonic() - last < MEMORY else host["pem"].replace(".pem", ".before.pem")


def context(host: dict[str, Any], client: str) -> ssl.SSLContext:
    """Shows the peer's certificate, asks for the client's.

    Only the root is an anchor: with the issuing authority in the store, OpenSSL would complete short chains by itself.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(PLAY.parent / shown(host, client))
    made.load_verify_locations(PLAY.parent / "root.pem")
    made.verify_mode = ssl.CERT_OPTIONAL
    if host["manner"] == "old-tls":
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version, made.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return made


class Session:
    """One SMTP session (RFC 5321), as a server that takes everything."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.host = listeners()[writer.get_extra_info("sockname")[0]]
        self.client = writer.get_extra_info("peername")[0]
        self.number = next(NUMBERS)
        self.tls = False
        self.sender, self.recipients = "", list[str]()

    def note(self, event: str, **what: Any) -> None:
        """Write one event down, at once."""
        who = {"session": self.number, "host": self.host["name"], "client": self.client}
        with RECORD.open("a") as record:
            record.write(json.dumps({"time": round(time.time(), 3), **who, "event": event, **what}) + "\n")

    async def serve(self) -> None:
        """Until the client leaves or is silent too long."""
        self.note("connection")
        if self.host["manner"] == "silent":
            await asyncio.sleep(PATIENCE)
            return
        await self.say(f"220 {self.host['name']} ESMTP")
        while line := await asyncio.wait_for(self.reader.readline(), PATIENCE):
            verb, _, rest = line.decode(errors="replace").strip().partition(" ")
            self.note("command", verb=verb.upper(), tls=self.tls)
            if not await self.obey(verb.upper(), rest):
                return

    async def obey(self, verb: str, rest: str) -> bool:
        """Answer one command; False ends the session."""
        if verb == "STARTTLS" and self.offers_tls:
            return await self.start_tls()
        if verb == "DATA":
            await self.take()
        elif verb == "EHLO":
            await self.say(*self.greeting())
        else:
            if verb == "MAIL":
                self.sender, self.recipients = rest, []
            elif verb == "RCPT":
                self.recipients.append(rest)
            known = verb in ("HELO", "MAIL", "RCPT", "RSET", "NOOP", "QUIT")
            await self.say("221 2.0.0 bye" if verb == "QUIT" else "250 2.0.0 ok" if known else "502 5.5.1 what?")
        return verb != "QUIT"

    @property
    def offers_tls(self) -> bool:
        return self.host["manner"] != "clear" and not self.tls

    def greeting(self) -> list[str]:
        """The answer to EHLO."""
        return [f"250-{self.host['name']}", *(["250-STARTTLS"] if self.offers_tls else []), "250 8BITMIME"]

    async def start_tls(self) -> bool:
        """Go over to TLS and note whom the client proved to be; False when there is no session afterwards."""
        await self.say("220 2.0.0 go")
        try:
            await self.writer.start_tls(context(self.host, self.client), ssl_handshake_timeout=20)
        except (OSError, ssl.SSLError) as error:
            self.note("handshake-failed", error=str(error))
            return False
        self.tls = True
        session: ssl.SSLObject = self.writer.get_extra_info("ssl_object")
        proof, facts = session.getpeercert(True), session.getpeercert() or {}
        subject: Any = facts.get("subject", ())
        self.note(
            "tls",
            version=session.version(),
            cipher=(session.cipher() or ("",))[0],
            name=dict(part[0] for part in subject).get("commonName", ""),
            certificate=hashlib.sha256(proof).hexdigest() if proof else "",
        )
        return True

    async def take(self) -> None:
        """Read a message and keep it whole."""
        await self.say("354 go on")
        lines = []
        while (line := await asyncio.wait_for(self.reader.readline(), PATIENCE)) not in (b".\r\n", b""):
            lines.append(line)
        message = b"".join(lines).decode(errors="replace")
        self.note("message", sender=self.sender, recipients=self.recipients, tls=self.tls, message=message)
        await self.say("250 2.0.0 kept by the audit")

    async def say(self, *lines: str) -> None:
        """Send reply lines."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()


async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client."""
    with suppress(OSError, ssl.SSLError, TimeoutError, ValueError):
        await Session(reader, writer).serve()
    with suppress(OSError, ssl.SSLError):
        writer.close()


async def main() -> None:
    """Listen for every peer that listens at all, until killed."""
    RECORD.touch()
    for address, host in listeners().items():
        if host["manner"] != "closed":
            await asyncio.start_server(attend, address, 25)
    await asyncio.Event().wait()


asyncio.run(main())
