"""The outside MTA of the lab: it accepts any mail in plain SMTP and writes down all that happens, one JSON a line.

Nobody of the trust space may ever reach it: an empty record is the proof. Runs on the world host, from Debian's
packages only.
Usage: outside.py ADDRESS RECORD
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session  # type: ignore[import-not-found]  # the world host has it

ADDRESS, RECORD = sys.argv[1], Path(sys.argv[2])


def note(event: str, **what: Any) -> None:
    """Write one event down, at once."""
    with RECORD.open("a") as record:
        record.write(json.dumps({"time": round(time.time(), 3), "event": event, **what}) + "\n")


class Recorder:
    """Accepts every message and keeps it whole."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        """Keep the envelope and the message (aiosmtpd's hook)."""
        message = bytes(envelope.content or b"").decode(errors="replace")
        note("message", peer=session.peer, sender=envelope.mail_from, recipients=envelope.rcpt_tos, message=message)
        return "250 2.0.0 kept by the outside world"


class Door(SMTP):  # type: ignore[misc]
    """An SMTP server that also notes who merely connects."""

    def connection_made(self, transport: Any) -> None:
        """Note the connection, then serve it."""
        note("connection", peer=transport.get_extra_info("peername"))
        super().connection_made(transport)


async def serve() -> None:
    """Serve port 25 until killed."""
    RECORD.touch()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Door(Recorder(), hostname="mx.outside.example", loop=loop), ADDRESS, 25)
    await server.serve_forever()


asyncio.run(serve())
