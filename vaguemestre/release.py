"""A release: everything the kit answers for on one host, as one value.

Roles yield items; `Release.of` puts them in order, refuses what contradicts itself and gives the whole an id, the
SHA-256 of its canonical JSON. The same JSON is what travels to the host and what the activator reads, so equal ids
mean equal hosts. Secrets are not in it: a `Credential` names a secret and the version wanted; the bytes travel apart.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

from vaguemestre.errors import ReleaseError

FORMAT = 1  # raised when an older activator could misread the document


@dataclass(frozen=True)
class Package:
    """A Debian package to be installed; `debconf` holds (question, type, value) answers given before it is."""

    name: str
    debconf: tuple[tuple[str, str, str], ...] = ()

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True)
class Account:
    """A system account with a group of the same name; `groups` are joined in addition."""

    name: str
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    groups: tuple[str, ...] = ()
    uid: int | None = None

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True)
class Directory:
    """A directory that must exist; it is removed with the release that named it only if it is empty then."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755

    @property
    def key(self) -> str:
        return self.path


@dataclass(frozen=True)
class File:
    """A whole file with owner and mode. `role` is its author, for messages; it is not part of the state."""

    path: str
    content: bytes
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644

    @property
    def key(self) -> str:
        return self.path

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, 64 hex digits."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Credential:
    """A secret file: which secret, which version of it (hex digest), and where it lands. The bytes travel apart."""

    path: str
    secret: str
    version: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o600

    @property
    def key(self) -> str:
        return self.path


@dataclass(frozen=True)
class Probe:
    """Proof that a unit serves: a TCP port that answers (and greets with `expect`), or a command that exits 0.

    `command` is an argv; `seconds` is how long the probe may take to succeed, retried until then.
    """

    port: int | None = None
    address: str = "127.0.0.1"
    expect: str = ""
    command: tuple[str, ...] = ()
    seconds: int = 20


@dataclass(frozen=True)
class Unit:
    """A systemd unit kept enabled and running with what is on disk.

    `inputs` are the paths (files, credentials) it reads: when their digest differs from the one recorded when the
    unit last settled, the unit is stale and `on_change` is done; a change of one of `restart_on` always restarts.
    `judges` are commands (argv) that must exit 0 on the staged files before anything live changes.
    `masked` keeps a unit of Debian's from ever starting; such a unit has no inputs.
    """

    name: str
    inputs: tuple[str, ...] = ()
    restart_on: tuple[str, ...] = ()
    on_change: Literal["reload", "restart"] = "restart"
    judges: tuple[tuple[str, ...], ...] = ()
    probes: tuple[Probe, ...] = ()
    masked: bool = False

    @property
    def key(self) -> str:
        return self.name


Item = Package | Account | Directory | File | Credential | Unit

_KINDS: dict[str, type[Item]] = {
    "packages": Package,
    "accounts": Account,
    "directories": Directory,
    "files": File,
    "credentials": Credential,
    "units": Unit,
}


@dataclass(frozen=True)
class Release:
    """What one host must be. Build it with `of`; compare it by `id`; write it with `document`."""

    host: str
    debian: str
    packages: tuple[Package, ...] = ()
    accounts: tuple[Account, ...] = ()
    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    credentials: tuple[Credential, ...] = ()
    units: tuple[Unit, ...] = ()
    authors: dict[str, str] = field(default_factory=dict, compare=False, hash=False)

    @classmethod
    def of(cls, host: str, debian: str, authored: Iterable[tuple[str, Item]]) -> Release:
        """Order the (role, item) pairs into a release.

        Raises:
            ReleaseError: listing every path with two authors, every unit input that nobody writes, every file in a
                place that the activator does not manage.
        """
        items = list(authored)
        problems = [*_two_authors(items), *_orphan_inputs(items), *_bad_paths(items)]
        if problems:
            raise ReleaseError(f"{host}: the release contradicts itself:\n  " + "\n  ".join(problems))
        kinds = {
            name: tuple(sorted({item for _, item in items if isinstance(item, kind)}, key=lambda item: item.key))
            for name, kind in _KINDS.items()
        }
        # Units keep the order of the roles: a daemon settles after those it depends on.
        kinds["units"] = tuple(dict.fromkeys(item for _, item in items if isinstance(item, Unit)))
        authors = {item.key: role for role, item in items if isinstance(item, (File, Credential))}
        return cls(host=host, debian=debian, authors=authors, **kinds)  # type: ignore[arg-type]

    @property
    def id(self) -> str:
        """SHA-256 of the canonical document, 64 hex digits."""
        total = hashlib.sha256()
        for piece in self._pieces():
            total.update(piece)
        return total.hexdigest()

    def document(self) -> bytes:
        """The canonical JSON: sorted keys, no spaces, file contents as text or, when not UTF-8, as base64."""
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        """The document in pieces: a fleet's hosts have most items in common, the largest among them, and each of these
        is written once.
        """
        heads = {"format": FORMAT, "host": self.host, "debian": self.debian}
        for number, name in enumerate(sorted((*heads, *_KINDS))):
            yield b"%b%b:" % (b"," if number else b"{", _written(name))
            if name in heads:
                yield _written(heads[name])
                continue
            items = getattr(self, name)
            for place, item in enumerate(items):
                yield b"," if place else b"["
                yield _item_written(item)
            yield b"]" if items else b"[]"
        yield b"}"


def _written(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@lru_cache(maxsize=512)
def _item_written(item: Item) -> bytes:
    return _written(_plain(item))


def _plain(item: Item) -> dict[str, Any]:
    plain = asdict(item)
    if isinstance(item, File):
        del plain["content"]
        try:
            plain["text"] = item.content.decode()
        except UnicodeDecodeError:
            plain["base64"] = base64.b64encode(item.content).decode()
    return plain


def parse(document: bytes) -> Release:
    """The release written by `document`; the inverse, `parse(r.document()).id == r.id`.

    Raises:
        ReleaseError: the document is of another format.
    """
    body = json.loads(document)
    if body.get("format") != FORMAT:
        raise ReleaseError(f"this release has format {body.get('format')}, this kit reads {FORMAT}: upgrade the kit")
    kinds = {name: tuple(_item(kind, plain) for plain in body[name]) for name, kind in _KINDS.items()}
    return Release(host=body["host"], debian=body["debian"], **kinds)  # type: ignore[arg-type]


def _item(kind: type[Item], plain: dict[str, Any]) -> Item:
    if kind is File:
        content = base64.b64decode(plain.pop("base64")) if "base64" in plain else plain.pop("text").encode()
        return File(content=content, **plain)
    if kind is Unit:
        plain["probes"] = tuple(Probe(**_tuples(probe)) for probe in plain["probes"])
    return kind(**_tuples(plain))


def _tuples(plain: dict[str, Any]) -> dict[str, Any]:
    def deep(value: Any) -> Any:
        return tuple(map(deep, value)) if isinstance(value, list) else value

    return {name: deep(value) for name, value in plain.items()}


def _two_authors(items: list[tuple[str, Item]]) -> list[str]:
    """Two roles may ask for one package; a path, an account or a unit has one author, or two that say the same."""
    first: dict[tuple[str, str], tuple[str, Item]] = {}
    problems = []
    for role, item in items:
        space = "path" if isinstance(item, (File, Credential, Directory)) else type(item).__name__
        before = first.setdefault((space, item.key), (role, item))
        same = before[1] == item and isinstance(item, (Package, Account, Directory))
        if before != (role, item) and not same:
            problems.append(f"{item.key} has two authors: {before[0]} and {role}")
    return problems


def _orphan_inputs(items: list[tuple[str, Item]]) -> list[str]:
    written = {item.key for _, item in items if isinstance(item, (File, Credential))}
    return [
        f"{item.name} ({role}) reads {path}, which no role writes"
        for role, item in items
        if isinstance(item, Unit)
        for path in (*item.inputs, *item.restart_on)
        if path not in written
    ]


def _bad_paths(items: list[tuple[str, Item]]) -> list[str]:
    return [
        f"{item.key} ({role}) is not a clean absolute path"
        for role, item in items
        if isinstance(item, (File, Credential, Directory))
        and (not item.path.startswith("/") or ".." in item.path.split("/") or item.path.endswith("/"))
    ]
