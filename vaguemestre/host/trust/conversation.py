"""What the faces have in common: a connection that asks and is answered, in order, within limits.

Input that breaks the protocol or a limit closes this connection and nothing else; Postfix and nginx then answer 4xx
by themselves and try again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import ClassVar, Protocol, cast

Reply = bytes | Awaitable[bytes] | None
"""An answer, one that takes time, or None while the question is not complete."""


# All connections read into the same octets: they are copied before anybody else reads. A buffer for each read, as
# asyncio makes them otherwise, is a quarter of a megabyte.
_INPUT = memoryview(bytearray(64 * 1024))


class MalformedError(Exception):
    """What came in is not the protocol, or beyond its limits; `str()` is for the log and quotes no input."""


class Host(Protocol):
    """Who takes connections in and is told of what went wrong."""

    def admit(self, conversation: Conversation) -> bool: ...

    def left(self, conversation: Conversation) -> None: ...

    def malformed(self, face: str, why: str) -> None: ...

    def failed(self, face: str, error: BaseException) -> None: ...


class Conversation(asyncio.BufferedProtocol):
    """One connection. Subclasses say in `take` how one question is read off the buffer and answered."""

    face: ClassVar[str] = "?"
    longest: ClassVar[int] = 64 * 1024  # bytes of a question
    idle: ClassVar[float] = 600.0  # seconds without a question
    once: ClassVar[bool] = False  # whether the connection ends with the first answer

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self.heard = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._task is not None

    def take(self, buffer: bytearray) -> Reply:
        """Remove one question from the front of `buffer` and answer it; raises MalformedError."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._host.admit(self):
            self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._host.left(self)

    def get_buffer(self, _: int) -> memoryview:
        return _INPUT

    def buffer_updated(self, nbytes: int) -> None:
        self.heard = time.monotonic()
        self._buffer += _INPUT[:nbytes]
        if self._task is None:
            self._proceed()
        elif len(self._buffer) > self.longest and self._transport is not None:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """A peer that asks and does not read its answers waits until it does."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def end(self) -> None:
        """Nothing more is taken; the connection ends when what was answered is written."""
        self._ended = True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _proceed(self) -> None:
        """Answer all that is complete."""
        out: list[bytes] = []
        try:
            while self._buffer and not self._ended:
                reply = self.take(self._buffer)
                if reply is None:
                    break
                if not isinstance(reply, bytes):
                    self._task = self._loop.create_task(self._later(reply))
                    break
                out.append(reply)
            if self._task is None and len(self._buffer) > self.longest:
                raise MalformedError("too long")
        except MalformedError as error:
            self._send(out)
            self._host.malformed(self.face, str(error))
            return self.close()
        except Exception as error:
            self._host.failed(self.face, error)
            return self.abort()
        self._send(out)
        return None

    async def _later(self, answer: Awaitable[bytes]) -> None:
        try:
            reply = await answer
        except Exception as error:
            self._host.failed(self.face, error)
            return self.abort()
        finally:
            self._task = None
        self._send([reply])
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self.heard = time.monotonic()
            self._proceed()
        return None

    def _send(self, out: list[bytes]) -> None:
        if self._transport is None:
            return
        if said := out[0] if len(out) == 1 else b"".join(out):
            self._transport.write(said)
        if self._ended or (self.once and out):
            self._transport.close()
