"""The FHIR interface as the source of a run: its key, and what was read of it as an extraction that can be inspected.

The key is root's. systemd hands it to the job as a credential (systemd.exec(5)); root hands it to the unprivileged run
of an administrator's command on its standard input. It is in no argument, no environment and no log.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from vaguemestre.host.annuaire import fhir
from vaguemestre.host.annuaire.layout import API_KEY
from vaguemestre.host.annuaire.run import Run
from vaguemestre.host.trust.fetch import FetchError

KEY = Path("/etc/vaguemestre/annuaire-api.key")

_MARK = "VAGUEMESTRE_API_KEY"
_ON_STDIN = "stdin"
_LONGEST = 4096  # octets of a key


def taken(run: Run) -> tuple[Path, datetime]:
    """All mailboxes as a file in the extraction's columns, and when they were read (UTC).

    Raises:
        FetchError: the interface gives nothing whole; with the slug `key`, there is no key or it is refused.
        OSError: the disk.
    """
    settings = run.settings
    access = fhir.Access(settings.api.url, key(), settings.anchors, settings.proxy, settings.api.calls_per_second)
    found = fhir.snapshot(
        access, run.places.interface, run.places.begun / "read", now=run.now, progress=run.progress("fetched")
    )
    return found.path, found.made


def key() -> str:
    """The key as it was handed to this process, or root's own file; raises FetchError."""
    try:
        text = _read().decode("ascii").strip()
    except (OSError, ValueError) as error:
        raise _missing(str(error)) from error
    if not text or not text.isprintable() or " " in text:
        raise _missing("this is no key: one word is wanted")
    return text


@contextmanager
def handed_on() -> Iterator[tuple[BinaryIO | None, Mapping[str, str]]]:
    """For root: standard input and environment of the process that is given the key, if there is one."""
    rest = {name: value for name, value in os.environ.items() if name != _MARK}
    if not KEY.exists():
        yield None, rest
        return
    with KEY.open("rb") as file:
        yield file, {**rest, _MARK: _ON_STDIN}


def _read() -> bytes:
    if os.environ.get(_MARK) == _ON_STDIN:
        return sys.stdin.buffer.read(_LONGEST)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    with (Path(folder) / API_KEY if folder else KEY).open("rb") as file:
        return file.read(_LONGEST)


def _missing(why: str) -> FetchError:
    return FetchError(
        "key",
        f"the key of the national interface cannot be used: {why}; put it into the store of secrets as annuaire.key, "
        "then vaguemestre apply",
    )
