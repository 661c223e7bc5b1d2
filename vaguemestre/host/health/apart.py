"""Reading what other accounts of the host have written, as those accounts: root never parses a file of theirs."""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Callable
from typing import Any

_PATIENCE = 5.0  # seconds
_MOST = 1 << 20  # bytes of an answer


class ApartError(Exception):
    """Nothing came of it; the message says what was wrong, and quotes nothing."""


def apart(owner: tuple[int, int], work: Callable[[], Any]) -> Any:
    """What `work` gives (as JSON carries it), done in another process as `owner` (uid, gid), and only for a while.

    Raises:
        ApartError: it failed, or took too long.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _work(reading, writing, owner, work)
    os.close(writing)
    try:
        answer = _answer(reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return _given(answer)


def _work(reading: int, writing: int, owner: tuple[int, int], work: Callable[[], Any]) -> None:
    """The other process; it never returns."""
    try:
        os.close(reading)
        _become(owner)
        answer = {"given": work()}
    except BaseException as error:
        answer = {"failed": type(error).__name__}
    try:
        view = memoryview(json.dumps(answer).encode())
        while view:
            view = view[os.write(writing, view) :]
    finally:
        os._exit(0)


def _become(owner: tuple[int, int]) -> None:
    uid, gid = owner
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _answer(reading: int) -> bytes:
    answer = b""
    while len(answer) <= _MOST:
        if not select.select([reading], [], [], _PATIENCE)[0]:
            raise ApartError("took too long")
        if not (chunk := os.read(reading, 65536)):
            return answer
        answer += chunk
    raise ApartError("said too much")


def _given(answer: bytes) -> Any:
    try:
        told = json.loads(answer)
    except ValueError:
        raise ApartError("ended without an answer") from None
    if "given" not in told:
        raise ApartError(str(told.get("failed", "")))
    return told["given"]
