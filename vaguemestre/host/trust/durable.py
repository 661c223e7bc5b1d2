"""Files that are either the old ones or the new ones, whatever happens in between: power, kill, a full disk.

A file is written beside its place, brought to the disk, and renamed; then its folder is brought to the disk, since a
rename lives there (rename(2), fsync(2)). Databases bear the SHA-256 of their content as name and `current` says which
one is in force.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

from vaguemestre.host.trust.layout import CURRENT

KEPT = 2  # databases: the one in force and the one before
MODE = 0o640

_BEGUN = ".new-"  # what a killed writer leaves behind begins so
_CONTENT_NAMED = re.compile(r"[0-9a-f]{64}\.db\Z")
_CHUNK = 1 << 20


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all; nothing is written when it is there already.

    Raises:
        OSError: it could not be written; what was there is still there.
    """
    with suppress(OSError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    begun = beside(path)
    with begun.open("wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), MODE)
        os.fsync(file.fileno())
    begun.replace(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good; it need not be there."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def put_in_force(begun: Path) -> Path:
    """Name a finished database by its content, let `current` name it, and drop older ones; the path it has now."""
    folder = begun.parent
    with begun.open("rb+") as file:
        os.fchmod(file.fileno(), MODE)
        os.fsync(file.fileno())
    previous = in_force(folder)
    path = folder / f"{sha256(begun)}.db"
    begun.replace(path)
    sync(folder)
    _point(folder, path.name)
    _prune(folder, {path.name, previous or path.name})
    return path


def in_force(folder: Path) -> str | None:
    """The file name that `current` gives, or None when it gives none that could be a database's."""
    try:
        name = os.readlink(folder / CURRENT)  # noqa: PTH115 - five times a second, for the daemon
    except OSError:
        return None
    return name if _CONTENT_NAMED.match(name) else None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; it is read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def beside(path: Path) -> Path:
    """Where to begin what shall end at `path`; what an earlier writer began and left there is removed."""
    begun = path.with_name(f"{_BEGUN}{path.name}")
    begun.unlink(missing_ok=True)
    return begun


def sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _point(folder: Path, name: str) -> None:
    begun = beside(folder / CURRENT)
    begun.symlink_to(name)
    begun.replace(folder / CURRENT)
    sync(folder)


def _prune(folder: Path, kept: set[str]) -> None:
    """Keep the two that count; a database that cannot be removed is tried again at the next change."""
    for one in folder.iterdir():
        if _CONTENT_NAMED.match(one.name) and one.name not in kept:
            with suppress(OSError):
                one.unlink()
