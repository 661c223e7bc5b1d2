"""What was decided, told: one JSON line each on standard output (the journal), and counters for Prometheus.

A line names domains, an operator's DN, a serial number, the peer's address. Never a local part, a subject, a
Message-ID or anything of a message: who writes to which professional is nobody's business here.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import traceback
from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from vaguemestre.host.trust.turns import Turns
from vaguemestre.host.trust.values import Decision

_MOST = 4 * 1024 * 1024  # bytes that wait for a reader of the journal that has stopped
_AT_ONCE = 64 * 1024  # bytes
_TRY_AGAIN_AFTER = 0.05  # seconds, with a file that took nothing
_LONGEST = 500  # characters of one value
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring  # one value; a whole line by the encoder takes three times as long


class Journal:
    """Lines to a file descriptor, from within an event loop and without ever waiting for the reader.

    All that one turn of the loop has said is one write at its end (with `turns`; else at the beginning of the next):
    what a daemon that is killed leaves untold is this one turn's. What finds no room is counted and told as soon as
    there is room again.
    """

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop, turns: Turns | None = None) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._lines: deque[bytes] = deque()
        self._waiting = 0
        self._soon: asyncio.Handle | None = None
        self._turning = turns is not None
        if turns is not None:
            turns.ending = self._turned
        self._blocked = False
        self._untold = 0
        self.dropped = 0
        os.set_blocking(descriptor, False)

    def write(self, line: bytes) -> None:
        if self._waiting + len(line) > _MOST:
            self.dropped += 1
            self._untold += 1
            return
        self._lines.append(line)
        self._waiting += len(line)
        if self._waiting >= _AT_ONCE and not self._blocked:
            self.flush()
        elif self._soon is None and not self._blocked and not self._turning:
            self._soon = self._loop.call_soon(self.flush)

    def _turned(self) -> None:
        if self._lines and self._soon is None and not self._blocked:
            self.flush()

    def flush(self) -> None:
        """Write what the reader takes now."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        while self._lines:
            batch = self._batch()
            taken = self._put(batch)
            if taken < len(batch):
                self._lines.appendleft(batch[taken:])
                self._waiting += len(batch) - taken
                self._wait()
                return
        if self._untold:
            told, self._untold = self._untold, 0
            self.write(_line({"time": _now(), "event": "log_dropped", "lines": told}))
            self.flush()

    def close(self, seconds: float = 1.0) -> None:
        """The rest, waiting for the reader no longer than `seconds`; then the descriptor blocks again."""
        until = time.monotonic() + seconds
        while self._lines and time.monotonic() < until:
            self.flush()
            if self._lines:
                time.sleep(0.01)
        os.set_blocking(self._descriptor, True)

    def _batch(self) -> bytes:
        batch = []
        size = 0
        while self._lines and size < _AT_ONCE:
            batch.append(self._lines.popleft())
            size += len(batch[-1])
        self._waiting -= size
        return b"".join(batch)

    def _put(self, batch: bytes) -> int:
        """How much of it was taken. A reader that is gone takes all: there is nobody to tell."""
        try:
            return os.write(self._descriptor, batch)
        except BlockingIOError:
            return 0
        except OSError:
            self.dropped += batch.count(b"\n")
            return len(batch)

    def _wait(self) -> None:
        if self._blocked:
            return
        self._blocked = True
        try:
            self._loop.add_writer(self._descriptor, self._again)
        except (OSError, ValueError):  # a file: epoll knows none, and none makes anybody wait
            self._blocked = False
            self._soon = self._soon or self._loop.call_later(_TRY_AGAIN_AFTER, self.flush)

    def _again(self) -> None:
        self._loop.remove_writer(self._descriptor)
        self._blocked = False
        self.flush()


class Said(NamedTuple):
    """A decision as it is told, without its time, and as it is counted: by face and reason."""

    counted: tuple[str, str]
    rest: bytes


class Record:
    """The journal and the counters of one daemon."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.events: Counter[str] = Counter()
        self._moment = self._second = 0
        self._stamp = self._begin = b""

    def decision(self, face: str, decision: Decision, facts: Mapping[str, str | int]) -> None:
        """One decision of a face; `facts` are domains, client, dn. Empty ones are left out."""
        self.say(said(face, decision, facts))

    def say(self, one: Said) -> None:
        """The same, put into words before."""
        self.decisions[one.counted] += 1
        moment = int(time.time() * 1000)
        if moment != self._moment:
            self._begin = self._beginning(moment)
        self.journal.write(self._begin + one.rest)

    def _beginning(self, moment: int) -> bytes:
        """The time to the millisecond, ISO 8601; the part down to the second is made once a second."""
        self._moment = moment
        second, rest = divmod(moment, 1000)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b'{"time":"%b.%03d+00:00",' % (self._stamp, rest)

    def event(self, name: str, **facts: object) -> None:
        """Something that happened to the daemon itself."""
        self.events[name] += 1
        self.journal.write(_line({"time": _now(), "event": name, **facts}))

    def error(self, where: str, error: BaseException) -> None:
        """An error nobody foresaw, with its traceback in one line."""
        told = "".join(traceback.format_exception(error))[-8000:]
        self.event("internal_error", where=where, traceback=told)


def said(face: str, decision: Decision, facts: Mapping[str, str | int]) -> Said:
    """A decision in words, but for the time."""
    reason, identity = decision.reason, decision.identity
    line = f'"face":"{face}","verdict":"{reason.name}","code":"{reason.code}"'
    for name, value in facts.items():
        if value:
            line += f',"{name}":{_quoted(value[:_LONGEST]) if isinstance(value, str) else value}'
    if identity is not None:
        line += f',"serial":"{identity.serial:x}"'
    if decision.detail:
        line += f',"detail":{_quoted(decision.detail[:_LONGEST])}'
    return Said((face, reason.name), line.encode(errors="backslashreplace") + b"}\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _line(plain: dict[str, Any]) -> bytes:
    return _encode(plain).encode(errors="backslashreplace") + b"\n"
