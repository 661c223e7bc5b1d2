"""The archive that the running activator came in, to be kept on the host: see `vaguemestre.host.activator.resident`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.store import STATE

DIGITS = 16


@dataclass(frozen=True)
class Program:
    """An archive of the activator. `digest` is that of the archive as it came, and names the compiled one kept here:
    one that runs is never replaced under its feet.
    """

    digest: str
    archive: bytes

    @property
    def path(self) -> str:
        return f"{STATE}/activator-{self.digest}.pyz"


def program() -> Program:
    """The one that this very code was loaded from.

    Raises:
        ActivationError: it runs from loose files, which cannot be kept.
    """
    path: str | None = getattr(__spec__.loader, "archive", None) if __spec__ else None
    if path is None:
        raise ActivationError("prepare", "the activator must run from its archive, see vaguemestre.engines.wire")
    archive = Path(path).read_bytes()
    if path.startswith(f"{STATE}/activator-"):
        return Program(path.removeprefix(f"{STATE}/activator-").removesuffix(".pyz"), archive)
    return Program(hashlib.sha256(archive).hexdigest()[:DIGITS], archive)
