"""Everything that decides what an audit expects of a fleet, as one digest: equal digests, equal expectations.

The contents of files count, not their dates: the inventory, what it names (trust anchors, secrets), the lab that is
laid over it, the kit's own code, templates and data; then Python, the libraries, and the environment that is looked at.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaguemestre.establishment import Fleet

_KIT = Path(__file__).parents[2]
_PARTS = ("vaguemestre", "roles", "templates")
_ENVIRONMENT = ("HOME", "VAGUEMESTRE_LAB", "VAGUEMESTRE_STATE", "VAGUEMESTRE_CACHE")
_WRITTEN_BY_PYTHON = "__pycache__"


def files_of(fleet: Fleet) -> tuple[str, ...]:
    """The files and folders that decide, beside the kit; they need not exist. A lab's `fleet` is laid over it: a lab
    that is made anew has other secrets.
    """
    found = {str(fleet.root)}
    for settings in (fleet.settings, *(one.settings for one in fleet.establishments)):
        anchors = (settings.trust.anchors, settings.trust.white_list.anchors, settings.directory.anchors)
        found |= {str(fleet.root / one) for one in (settings.secrets, *anchors) if one}
    return tuple(sorted(found | set(_lab(fleet))))


def _lab(fleet: Fleet) -> Iterator[str]:
    if fleet.settings.lab is not None:
        from vaguemestre.lab import Lab
        from vaguemestre.overlay import lab_name

        yield str(Lab.open(lab_name()).home / "state.json")


def digest(root: Path, files: tuple[str, ...]) -> str:
    """Of the inventory in `root` and of `files`, as they are now, 64 hex digits.

    Raises:
        OSError: one of them cannot be read.
    """
    total = hashlib.sha256(repr([root, files, sys.version, *map(os.environ.get, _ENVIRONMENT)]).encode())
    for line in (*_libraries(), *_kit(), *(line for path in files for line in _lines(Path(path), path == str(root)))):
        total.update(line.encode(errors="surrogateescape") + b"\n")
    return total.hexdigest()


def _libraries() -> Iterator[str]:
    """Which are installed, in which version: the names of their folders say both."""
    for place in sys.path:
        if place.endswith("-packages") and Path(place).is_dir():
            yield from sorted(name for name in os.listdir(place) if name.endswith("-info"))  # noqa: PTH208


def _kit() -> Iterator[str]:
    for part in _PARTS:
        yield from _lines(_KIT / part, False)


def _lines(path: Path, own: bool) -> Iterator[str]:
    """A line for each file: its path, its mode, its content's digest. Of the inventory's `own` folder only its files
    count: what lies deeper counts where it is named.
    """
    try:
        found = path.stat()
    except OSError:
        yield f"{path} is not there"
        return
    if not stat.S_ISDIR(found.st_mode):
        yield f"{path} {found.st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        return
    with os.scandir(path) as entries:
        names = sorted((entry.name, entry.is_dir()) for entry in entries)
    for name, folder in names:
        if name != _WRITTEN_BY_PYTHON and not (folder and own):
            yield from _lines(path / name, False)
