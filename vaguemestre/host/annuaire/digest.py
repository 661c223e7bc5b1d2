"""What is remembered of an extraction: every address with its mailbox's fingerprint, sorted, in one file.

The first line is JSON of a fixed width: when the extraction was made, how many mailboxes, the SHA-256 of what follows.
Then a line each: address, tab, fingerprint. It is read from beginning to end in constant memory, and two are compared
by walking through both. A file that was cut or altered is found out at its end at the latest, so nothing may be done
before an iteration has ended well.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = "vaguemestre annuaire 1"

_WIDTH = 256
_BLOCK = 5_000  # records
_LINE = "{0[0]}\t{0[1]}\n".format


class DigestError(Exception):
    """A file that is no digest, or is not whole."""


class Record(NamedTuple):
    """An address and its mailbox's fingerprint (`mailbox.fingerprint`)."""

    address: str
    fingerprint: str


@dataclass(frozen=True)
class Facts:
    """A digest in short: the extraction's date (UTC) if it has one, its mailboxes, and the SHA-256 of the records."""

    generated: datetime | None
    mailboxes: int
    sha256: str


def write(path: Path, records: Iterable[Record], generated: datetime | None) -> Facts:
    """Make a digest at `path` of records sorted by address.

    The first line is written last: a file whose writer was killed is no digest.

    Raises:
        OSError: the disk.
    """
    digest, number = hashlib.sha256(), 0
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)  # addresses of people
        file.write(b" " * (_WIDTH - 1) + b"\n")
        lines = map(_LINE, records)
        while block := list(islice(lines, _BLOCK)):
            octets = "".join(block).encode()
            number += len(block)
            digest.update(octets)
            file.write(octets)
        facts = Facts(generated, number, digest.hexdigest())
        file.seek(0)
        file.write(_head(facts))
        file.flush()
        os.fsync(file.fileno())
    return facts


def facts(path: Path) -> Facts:
    """What the first line says.

    Raises:
        OSError: it cannot be read.
        DigestError: it is no digest.
    """
    with path.open("rb") as file:
        return _facts(file.read(_WIDTH))


def records(path: Path) -> Iterator[Record]:
    """Its records, sorted by address.

    Raises:
        OSError, DigestError: it cannot be read, is no digest, or was cut or altered; that comes last.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        known = _facts(file.read(_WIDTH))
        while lines := file.readlines(1 << 18):
            digest.update(block := b"".join(lines))
            for line in block.decode("utf-8", "replace").splitlines():
                address, _, fingerprint = line.partition("\t")
                yield Record(address, fingerprint)
    if digest.hexdigest() != known.sha256:
        raise DigestError("it was cut or altered: its content is not what its first line says")


def is_digest(path: Path) -> bool:
    """Whether a file begins as a digest does; raises OSError."""
    with path.open("rb") as file:
        return FORMAT.encode() in file.read(_WIDTH)


def _head(known: Facts) -> bytes:
    told: dict[str, Any] = {"format": FORMAT, **asdict(known)}
    return json.dumps(told, default=str).encode().ljust(_WIDTH - 1) + b"\n"


def _facts(head: bytes) -> Facts:
    try:
        told = json.loads(head)
        if told["format"] != FORMAT:
            raise DigestError("it is a digest of another format")
        at = told["generated"]
        return Facts(datetime.fromisoformat(at) if at else None, int(told["mailboxes"]), str(told["sha256"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DigestError("it is no digest, or its writer did not come to an end") from error
