"""All that is asked of a host's health, part by part, each for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vaguemestre.host.activator.disk import Disk
from vaguemestre.host.health import knowledge
from vaguemestre.host.health.queue import SPOOL, queue
from vaguemestre.host.health.system import disks, system
from vaguemestre.host.health.validity import ends
from vaguemestre.release import Release

SCHEMA = 1

_KNOWS = {"trust": ("/etc/vaguemestre/trust.json", knowledge.trust),
          "directory": ("/etc/vaguemestre/directory.json", knowledge.annuaire)}  # fmt: skip
"""What is asked only of a host whose live release has this file."""

RUNTIME = "/usr/lib/vaguemestre/host.pyz"
"""The kit on the host; `vaguemestre.runtime` puts it there."""

_MARK = b"-----BEGIN CERTIFICATE-----"
_NAMED = (".pem", ".crt")  # programs may hold the mark too
_LARGEST = 1 << 20  # bytes of a file with certificates


def gather(disk: Disk, live: Release | None, failed: Sequence[str] = ()) -> dict[str, Any]:
    """How the host is; a part that cannot be known is ``{"error": text}``. `failed` are its units that have."""
    paths = {one.path for one in live.files} if live else set()
    asked: dict[str, Callable[[Path], Any]] = {
        "system": system,
        "disks": disks,
        "failed": lambda _: list(failed),
        "queue": lambda root: queue(root / SPOOL[1:]),
        **{name: work for name, (path, work) in _KNOWS.items() if path in paths},
    }
    found = {name: _part(lambda: work(disk.root)) for name, work in asked.items()}  # noqa: B023 - called at once
    return {"schema": SCHEMA, "kit": kit(live), **found, "certificates": _part(lambda: certificates(disk, live))}


def kit(live: Release | None) -> str:
    """SHA-256 of the kit's programs in the live release; "" when there are none."""
    return next((one.digest for one in live.files if one.path == RUNTIME), "") if live else ""


def certificates(disk: Disk, live: Release | None) -> list[dict[str, Any]]:
    """The files of the live release that hold certificates: `own` is a secret's (the host's chain, with its key), the
    others are of those whom it believes; `until` is the first end in the file (Unix time), None when it is damaged.
    """
    if live is None:
        return []
    secrets = {(one.secret, one.version): one.path for one in reversed(live.credentials)}  # each once, wherever it lies
    believed = [(one.path, False) for one in live.files if one.path.endswith(_NAMED) and _MARK in one.content]
    return [
        {"path": path, "own": own, "until": until}
        for path, own in (*((path, True) for path in sorted(secrets.values())), *believed)
        if (until := _until(disk, path)) != 0
    ]


def _until(disk: Disk, path: str) -> float | None:
    """0: there is no certificate in it."""
    look = disk.look(path)
    if look is None or look.kind != "file" or look.size > _LARGEST:
        return 0
    content = disk.read(path)
    if _MARK not in content:
        return 0
    try:
        return min(one.timestamp() for one in ends(content))
    except ValueError:
        return None


def _part(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:  # one part's surprise must not hide the others
        return {"error": f"{type(error).__name__}: {error}"[:200]}
