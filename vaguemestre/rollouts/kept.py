"""What a rollout keeps of each host from its beginning to its end: the release, and how the host is reached.

Releases are made once. Whoever edits the inventory meanwhile changes the next rollout, not this one. Secrets are not
kept: they are read from their store when a host is sent them, in the very version that the release names.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vaguemestre.engines.targets import Target
from vaguemestre.pacing import Window
from vaguemestre.records import RecordsError, names
from vaguemestre.release import Release, parse
from vaguemestre.rollouts.record import RolloutError, read
from vaguemestre.secrets import Secrets, SecretsError, version

_LAST = 10  # rollouts whose releases are kept; records stay


@dataclass(frozen=True)
class Kept:
    """One host of a rollout. `secrets` is the folder of the store of secrets."""

    target: Target
    windows: tuple[Window, ...]
    secrets: Path
    document: bytes

    @property
    def id(self) -> str:
        """The release's: see `vaguemestre.release`."""
        return hashlib.sha256(self.document).hexdigest()

    @property
    def release(self) -> Release:
        return parse(self.document)

    def contents(self) -> Mapping[str, bytes]:
        """The bytes of the secrets that the release names; keep them out of every log.

        Raises:
            RolloutError: one is gone, or another than when the rollout began.
        """
        store = Secrets(self.secrets)
        return {one.secret: self._content(store, one.secret, one.version) for one in self.release.credentials}

    def _content(self, store: Secrets, name: str, wanted: str) -> bytes:
        try:
            content = store.read(self.target.name, name)
        except SecretsError as error:
            raise RolloutError(str(error)) from error
        if version(content) != wanted:
            raise RolloutError(
                f"{self.target.name}: the secret {name} is another than when this rollout began\n"
                "    begin a new one, it brings the new secret"
            )
        return content


def keep(record: Path, kept: Kept) -> None:
    """Keep this host's part beside the record.

    Raises:
        RecordsError: it cannot be written.
    """
    plain = {
        "target": kept.target.plain(),
        "windows": [one.model_dump() for one in kept.windows],
        "secrets": str(kept.secrets),
        "release": kept.document.decode(),
    }
    path = _path(record, kept.target.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        draft = path.with_suffix(".new")
        draft.write_bytes(gzip.compress(json.dumps(plain, ensure_ascii=False).encode(), 5, mtime=0))
        draft.rename(path)
    except OSError as error:
        raise RecordsError(f"{path}: the release could not be kept: {error.strerror}") from error


def kept(record: Path, host: str) -> Kept:
    """What was kept of this host.

    Raises:
        RolloutError: nothing was, or no more.
    """
    try:
        plain = json.loads(gzip.decompress(_path(record, host).read_bytes()))
    except FileNotFoundError as error:
        raise RolloutError(
            f"{host}: rollout {record.stem} keeps no release of it any more\n    begin a new rollout"
        ) from error
    windows = tuple(Window.model_validate(one) for one in plain["windows"])
    return Kept(Target(**plain["target"]), windows, Path(plain["secrets"]), plain["release"].encode())


def moved(record: Path, now: Kept) -> None:
    """The host is reached, and its secrets are found, as the inventory says now; its release stays."""
    keep(record, replace(now, document=kept(record, now.target.name).document))


def prune(folder: Path) -> None:
    """Forget the releases of all but the last few rollouts that have ended."""
    for record in tuple(names(folder))[:-_LAST]:
        if record.with_suffix("").is_dir() and read(record).ended:
            shutil.rmtree(record.with_suffix(""), ignore_errors=True)


def _path(record: Path, host: str) -> Path:
    return record.with_suffix("") / f"{host}.json.gz"
