"""The activator's own folder, /var/lib/vaguemestre (0700 root): releases, secrets, notes that survive a power cut.

lock             held (flock(2)) by the one activation that may run; says whose it is
releases/ID.json the documents, as they came
credentials/SECRET/VERSION
current.json     id of the live release, of the previous one, since when
settled.json     unit -> digests of the inputs it last settled with
journal.json     an activation that has begun and not ended
claim.json       the rollout that this host is part of, see `vaguemestre.host.activator.claim`
before/STAMP/    what an activation found in the places it wrote to, and its journal when it had ended
log/             what each detached activation said
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from vaguemestre.host.activator.disk import DRAFT, Disk
from vaguemestre.host.activator.failure import ActivationError, BusyError
from vaguemestre.host.activator.observe import Settled
from vaguemestre.release import Release, parse

STATE = "/var/lib/vaguemestre"
JOURNAL = f"{STATE}/journal.json"
_FOLDERS = ("releases", "credentials", "before", "log")
_KEPT = 5  # releases, and activations' before-images


@dataclass(frozen=True)
class Current:
    """The live release; all None on a host that never had one. `since` is ISO 8601, UTC."""

    id: str | None = None
    previous: str | None = None
    since: str | None = None


N = TypeVar("N")


def as_known(kind: type[N], noted: Mapping[str, Any]) -> N:
    """A note as far as this kit knows such: a later one, which was here and was taken back, may have said more."""
    return kind(**{one.name: noted[one.name] for one in fields(kind) if one.name in noted})  # type: ignore[arg-type]


class Store:
    """The folder below one disk's root."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def open(self) -> None:
        """Make the folder if need be, closed to everybody but root."""
        for path in (STATE, *(f"{STATE}/{name}" for name in _FOLDERS)):
            if not self.disk.look(path):
                self.disk.make_folder(path, 0o700)

    def sweep(self) -> None:
        """Remove drafts of our own notes that a power cut left; a secret may be in one."""
        folders = (
            "",
            "/releases",
            "/log",
            *(f"/credentials/{name}" for name in self.disk.names(f"{STATE}/credentials")),
        )
        for folder in folders:
            for name in self.disk.names(f"{STATE}{folder}"):
                if name.endswith(DRAFT):
                    self.disk.remove(f"{STATE}{folder}/{name}")

    @contextmanager
    def lock(self, verb: str) -> Iterator[None]:
        """The right to change this host, for one at a time.

        Raises:
            BusyError: somebody else has it; the message says who, since when.
        """
        with os.fdopen(os.open(self.disk.root / f"{STATE}/lock"[1:], os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BusyError(file.read().strip()) from error
            file.truncate()
            file.write(f"{verb}, process {os.getpid()}, since {now()}\n")
            file.flush()
            yield
            file.truncate(0)

    def holder(self) -> str | None:
        """Who has the lock, without touching it; None when nobody does."""
        try:
            told = self.disk.read(f"{STATE}/lock").decode().strip()
        except FileNotFoundError:
            return None
        process = told.partition("process ")[2].partition(",")[0]
        return told if process and Path("/proc", process).exists() else None

    def keep(self, document: bytes, secrets: Mapping[str, bytes]) -> str:
        """Store a release and the secrets it names; its id.

        Raises:
            ActivationError: the document cannot be read, or a secret is missing or not of the version wanted.
        """
        release = self._parse(document)
        for one in release.credentials:
            self._keep_secret(one.secret, one.version, secrets.get(one.secret))
        id = hashlib.sha256(document).hexdigest()
        path = f"{STATE}/releases/{id}.json"
        self.disk.put(path, document)  # again even if it is there: its date keeps it from being pruned
        return id

    def _keep_secret(self, secret: str, version: str, content: bytes | None) -> None:
        folder = f"{STATE}/credentials/{secret.replace('/', '-')}"
        if self.disk.look(f"{folder}/{version}"):
            return
        if content is None:
            raise ActivationError("document", f"the secret {secret}, version {version}, did not come with the release")
        if not hashlib.sha256(content).hexdigest().startswith(version):
            raise ActivationError("document", f"the secret {secret} is not of the version {version} wanted")
        if not self.disk.look(folder):
            self.disk.make_folder(folder, 0o700)
        self.disk.put(f"{folder}/{version}", content)

    def secret(self, secret: str, version: str) -> bytes:
        return self.disk.read(f"{STATE}/credentials/{secret.replace('/', '-')}/{version}")

    def release(self, id: str) -> Release:
        """A stored release.

        Raises:
            ActivationError: it is not here, or its format is another.
        """
        try:
            return self._parse(self.disk.read(f"{STATE}/releases/{id}.json"))
        except FileNotFoundError as error:
            known = ", ".join(sorted(name[:12] for name in self.disk.names(f"{STATE}/releases"))) or "none"
            raise ActivationError("document", f"release {id} is not on this host; here are: {known}") from error

    def intact(self, id: str) -> bool:
        """Whether a stored release still is what its id says."""
        return hashlib.sha256(self.disk.read(f"{STATE}/releases/{id}.json")).hexdigest() == id

    def find(self, prefix: str) -> str:
        """The whole id of the stored release that begins so.

        Raises:
            ActivationError: none does, or several.
        """
        names = sorted(self.disk.names(f"{STATE}/releases"))
        found = [name.removesuffix(".json") for name in names if name.startswith(prefix) and name.endswith(".json")]
        if len(found) != 1:
            known = ", ".join(name[:12] for name in names if name.endswith(".json")) or "none"
            raise ActivationError(
                "document", f"{len(found)} releases on this host begin with {prefix}; here are: {known}"
            )
        return found[0]

    def live(self) -> Release | None:
        id = self.current().id
        return self.release(id) if id else None

    def current(self) -> Current:
        return as_known(Current, self._note("current.json", {}))

    def set_current(self, current: Current) -> None:
        self._set_note("current.json", vars(current))

    def settled(self) -> Settled:
        noted: Settled = self._note("settled.json", {})
        return noted

    def set_settled(self, settled: Settled) -> None:
        if settled != self.settled():
            self._set_note("settled.json", settled)

    def journal(self) -> dict[str, Any] | None:
        noted: dict[str, Any] | None = self._note("journal.json", None)
        return noted

    def set_journal(self, journal: Mapping[str, Any]) -> None:
        self._set_note("journal.json", journal)

    def close_journal(self, folder: str) -> None:
        """The activation has ended: its journal joins the before-images it speaks of, in one step."""
        self.disk.move(JOURNAL, f"{folder}/journal.json")

    def prune(self) -> None:
        """Forget releases, secrets and before-images that are not among the last few."""
        current = self.current()
        releases = self._newest("releases")[:_KEPT]
        kept = {f"{id}.json" for id in (current.id, current.previous) if id} | set(releases)
        for name in self.disk.names(f"{STATE}/releases") - kept:
            self.disk.remove(f"{STATE}/releases/{name}")
        self._prune_secrets({name.removesuffix(".json") for name in kept})
        for stamp in sorted(self.disk.names(f"{STATE}/before"))[:-_KEPT]:
            self._remove_tree(f"{STATE}/before/{stamp}")
        for name in sorted(self.disk.names(f"{STATE}/log"))[:-_KEPT]:
            self.disk.remove(f"{STATE}/log/{name}")

    def _prune_secrets(self, ids: set[str]) -> None:
        named = {(one.secret.replace("/", "-"), one.version) for id in ids for one in self.release(id).credentials}
        for secret in self.disk.names(f"{STATE}/credentials"):
            for version in self.disk.names(f"{STATE}/credentials/{secret}"):
                if (secret, version) not in named:
                    self.disk.remove(f"{STATE}/credentials/{secret}/{version}")

    def _remove_tree(self, folder: str) -> None:
        for name in self.disk.names(folder):
            self.disk.remove(f"{folder}/{name}")
        self.disk.remove_folder(folder)

    def _newest(self, folder: str) -> list[str]:
        path = self.disk.root / f"{STATE}/{folder}"[1:]
        return sorted(self.disk.names(f"{STATE}/{folder}"), key=lambda name: -(path / name).stat().st_mtime_ns)

    def _parse(self, document: bytes) -> Release:
        try:
            return parse(document)
        except (ValueError, KeyError, TypeError) as error:
            raise ActivationError("document", f"the release cannot be read: {type(error).__name__}: {error}") from error

    def note(self, name: str) -> dict[str, Any] | None:
        """A note of somebody else's in this folder; None when there is none."""
        noted: dict[str, Any] | None = self._note(name, None)
        return noted

    def set_note(self, name: str, note: Mapping[str, Any]) -> None:
        self._set_note(name, note)

    def _note(self, name: str, otherwise: Any) -> Any:
        try:
            return json.loads(self.disk.read(f"{STATE}/{name}"))
        except (FileNotFoundError, NotADirectoryError):
            return otherwise

    def _set_note(self, name: str, note: Mapping[str, Any]) -> None:
        self.disk.put(f"{STATE}/{name}", json.dumps(note, sort_keys=True).encode())


def now() -> str:
    """This moment, ISO 8601, UTC, to the second."""
    return at(time.time())


def at(moment: float) -> str:
    """A Unix time, ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
