"""The frame of a verb that works on a state of its own: its commands, its account, its answer, its turn.

Such a verb runs as the owner of the folder of state, whoever calls it: root drops to that account before anything is
read from outside. With --json it answers with one object on stdout: ``{"result": ..., ...}``, on a refusal
``{"result": "refused", "message": ...}``. Exit codes: 0 done, 1 failed, 2 refused and nothing changed; a verb may give
3 a meaning of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from vaguemestre.host.written import LayoutError

OK, FAILED, REFUSED = 0, 1, 2

Said = tuple[int, dict[str, Any]]
"""An exit code, and the answer."""

_SHORTEST = 8  # characters of a digest that may stand for the whole
_LARGEST = 256 << 20  # bytes read of a file brought by hand, before its own limit is looked at
_AGAIN = 0.5  # seconds between two tries to get a turn

Held = TypeVar("Held")


def commands(
    name: str, description: str, settings: Path, state: Path
) -> tuple[argparse.ArgumentParser, Callable[[str, str], argparse.ArgumentParser]]:
    """The parser of a verb, and what adds a command to it: ``verb(name, help)``, with --json."""
    root = argparse.ArgumentParser(name, description=description)
    root.add_argument("--settings", type=Path, default=settings, help=argparse.SUPPRESS)
    root.add_argument("--state", type=Path, default=state, help=argparse.SUPPRESS)
    verbs = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def verb(name: str, help_: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=help_, description=help_)
        one.add_argument("--json", action="store_true", help="one JSON object on stdout")
        return one

    return root, verb


def answer(
    work: Callable[[], Said],
    refused: tuple[type[Exception], ...],
    failed: tuple[type[Exception], ...],
) -> Said:
    """What `work` says, or the refusal or failure that it raised."""
    try:
        return work()
    except refused as error:
        return REFUSED, {"result": "refused", "message": str(error)}
    except failed as error:
        return FAILED, {"result": "failed", "message": str(error)}


def say(said: dict[str, Any], text: Callable[[dict[str, Any]], str], *, as_json: bool) -> None:
    """To programs on stdout; to people in words, and what went wrong on stderr."""
    if as_json:
        print(json.dumps(said, ensure_ascii=False))
    else:
        print(text(said), file=sys.stderr if said["result"] in ("refused", "failed") else sys.stdout)


def become_owner(folder: Path, role: str) -> None:
    """Drop root for the account that owns the folder of state, which `role` makes; others must be that account.

    Raises:
        LayoutError: the folder is not there.
    """
    try:
        owner = folder.stat()
    except OSError as error:
        raise LayoutError(
            f"{folder}: {error.strerror}\n    has this host the role {role}? vaguemestre apply brings it"
        ) from error
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setgroups([])
        os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
        os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)


@contextmanager
def in_turn(enter: Callable[[], AbstractContextManager[Held]], busy: type[Exception], seconds: float) -> Iterator[Held]:
    """Inside what `enter` opens, which raises `busy` while a run is under way; that is waited for, `seconds` at most.

    Raises:
        busy: the run has been under way all the time.
    """
    until = time.monotonic() + seconds
    with ExitStack() as turn:
        while True:
            try:
                held = turn.enter_context(enter())
                break
            except busy:
                if time.monotonic() > until:
                    raise
                time.sleep(_AGAIN)
        yield held


def means(digest: str, whole: str) -> bool:
    """Whether `digest`, typed by a person, is `whole` or enough of its beginning."""
    return len(digest) >= _SHORTEST and whole.startswith(digest.lower())


def brought(name: str, largest: int = _LARGEST) -> bytes:
    """The file that was brought, ``-`` for stdin: a byte more than `largest` when it is too large. Raises OSError."""
    if name == "-":
        return sys.stdin.buffer.read(largest + 1)
    with Path(name).open("rb") as file:
        return file.read(largest + 1)
