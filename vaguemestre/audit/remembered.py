"""What was worked out for an inventory, kept until anything that decides it changes: it takes seconds, this does not.

One file an inventory in the user's cache folder, readable by nobody else. It holds no secret. It is believed only when
the digest of all its inputs is what it was; see `vaguemestre.audit.inputs`.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from vaguemestre.audit import inputs
from vaguemestre.audit.expected import Expectation, OnHost, expectation, parsed
from vaguemestre.whereabouts import whereabouts

_SCHEMA = 1


def expected(inventory: Path | None, on_host: OnHost) -> Expectation:
    """What is expected of the inventory's fleet; `on_host` is told of each host that has to be worked out.

    Raises:
        InventoryError: the inventory is wrong.
    """
    root = whereabouts(inventory).resolve()
    return _kept(root) or _worked_out(root, on_host)


def _kept(root: Path) -> Expectation | None:
    """None when there is none, or when anything has changed since."""
    try:
        path = _file(root)
        found = path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return None
        plain: dict[str, Any] = json.loads(path.read_bytes())
        files = tuple(plain["files"])
        if plain["schema"] != _SCHEMA or plain["digest"] != inputs.digest(root, files):
            return None
        return parsed(plain["expectation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _worked_out(root: Path, on_host: OnHost) -> Expectation:
    """Kept only when nothing changed between the first file read and the last."""
    from vaguemestre.inventory import read
    from vaguemestre.overlay import overlaid

    own = _digest(root, (str(root),))
    fleet = read(root)
    files = inputs.files_of(overlaid(fleet))
    before = _digest(root, files)
    found = expectation(overlaid(fleet), on_host)
    unchanged = before and before == _digest(root, files) and own == _digest(root, (str(root),))
    if unchanged and found.lasting:
        _keep(root, {"schema": _SCHEMA, "files": files, "digest": before, "expectation": found.plain()})
    return found


def _digest(root: Path, files: tuple[str, ...]) -> str | None:
    try:
        return inputs.digest(root, files)
    except OSError:
        return None


def _keep(root: Path, plain: dict[str, Any]) -> None:
    """Where there is no room for it, everything is worked out each time."""
    path = _file(root)
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as draft:
            json.dump(plain, draft)
        Path(draft.name).replace(path)


def _file(root: Path) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    named = hashlib.sha256(f"{root}\0{os.environ.get('VAGUEMESTRE_LAB', '')}".encode()).hexdigest()[:16]
    return Path(base) / "vaguemestre" / f"audit-{named}.json"
