"""What the host knows of the trust space and of the national directory, and how old that is.

Read from the files that its jobs keep: `vaguemestre.host.trust.layout` and `vaguemestre.host.annuaire.layout` say what
is where. Those modules stay behind: they are of the host's own kit, which may be another than this one.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from vaguemestre.host.health.apart import ApartError, apart

TRUST = "/var/lib/vaguemestre-trust"
ANNUAIRE = "/var/lib/vaguemestre-annuaire"

_NAMED = re.compile(r"[0-9a-f]{64}\.db")
_LARGEST = 16 << 20  # bytes of a file of JSON
_NAMES = ("name", "about", "stage", "priority", "since", "en", "fr")
_BRIEF = ("name", "stage", "priority", "since")
"""Of alarms about people's mailboxes: what they are about stays on the host."""


def trust(root: Path) -> dict[str, Any]:
    """The white list and revocation as they are held, and the alarms that stand. Times are ISO 8601 or Unix time."""
    folder = root / TRUST[1:]
    return _by_owner(
        folder,
        lambda: {
            "list": _listing(folder / "listing"),
            "revocation": _revocation(folder / "revocation"),
            "quarantine": (folder / "listing/quarantine.xml").exists(),
            "alarms": _alarms(folder / "alarms.json", _NAMES),
            "redlist": _alarms(folder / "redlist/alarms.json", _BRIEF),
        },
    )


def annuaire(root: Path) -> dict[str, Any]:
    """The national directory that is held, what waits for approval, and the alarms that stand."""
    folder = root / ANNUAIRE[1:]
    return _by_owner(
        folder,
        lambda: {
            "held": _held(folder / "state.json"),
            "alarms": _alarms(folder / "alarms.json", _NAMES),
            "publication": _alarms(folder / "publication/alarms.json", _BRIEF),
        },
    )


def _by_owner(folder: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        owner = folder.stat()
        given: dict[str, Any] = apart((owner.st_uid, owner.st_gid), work)
    except OSError as error:
        return {"error": f"{folder}: {error.strerror}"}
    except ApartError as error:
        return {"error": f"{folder}: {error}"}
    return given


def _listing(folder: Path) -> dict[str, Any] | None:
    facts = dict(_rows(folder, "SELECT name, value FROM fact"))
    if not facts:
        return None
    confirmed = folder / "confirmed"
    return {
        **{name: facts.get(name) for name in ("generated", "entries", "signer_until")},
        "confirmed": confirmed.read_text().strip() if confirmed.is_file() else None,
    }


def _revocation(folder: Path) -> list[dict[str, Any]]:
    rows = _rows(folder, "SELECT name, this_update, next_update FROM authority ORDER BY name")
    return [dict(zip(("name", "this_update", "next_update"), row, strict=True)) for row in rows]


def _rows(folder: Path, question: str) -> list[tuple[Any, ...]]:
    """Of the database that `current` names; nothing when there is none."""
    try:
        name = (folder / "current").readlink().name
    except OSError:
        return []
    path = folder / name
    if not _NAMED.fullmatch(name) or path.is_symlink() or not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
            return database.execute(question).fetchall()
    except sqlite3.Error:
        return []


def _held(path: Path) -> dict[str, Any] | None:
    told = _json(path)
    if told is None or not (held := told.get("held")):
        return None
    waiting = told.get("waiting") or {}
    return {
        "generated": held.get("generated") or held.get("taken"),
        "mailboxes": held.get("mailboxes"),
        "waiting": waiting.get("since"),
    }


def _alarms(path: Path, names: tuple[str, ...]) -> dict[str, Any] | None:
    """What stood when the job last ran (`at`); None when it never did."""
    told = _json(path)
    if told is None:
        return None
    standing = [{name: one.get(name) for name in names} for one in told.get("alarms", ())]
    return {"at": told.get("at"), "standing": standing[:50]}


def _json(path: Path) -> dict[str, Any] | None:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told
