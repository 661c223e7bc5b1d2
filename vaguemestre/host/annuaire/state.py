"""What is remembered between two runs: state.json, and the folders of the extractions that it names.

A taken extraction is a folder named after its digest's SHA-256: the file as it came, its digest, its facts. state.json
says which one the directory holds, which one is being brought into it, and which one waits for a person; it is replaced
whole, so each step from one to the next has happened or has not. Folders that it does not name are rubbish.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from vaguemestre.host.annuaire import digest
from vaguemestre.host.annuaire.layout import Places
from vaguemestre.host.trust import durable
from vaguemestre.host.trust.sources import Source

_NAMED = re.compile(r"[0-9a-f]{64}\Z")
_FILE, _DIGEST, _FACTS = "extraction", "digest", "facts.json"


@dataclass(frozen=True)
class Kept:
    """A taken extraction. `name` is its digest's SHA-256, `url` where it is from, `taken` when (UTC).

    `reader` says how its file is read: extraction or fhir. `summary` says what it changed in what was held before.
    """

    name: str
    generated: datetime | None
    mailboxes: int
    taken: datetime
    url: str = ""
    reader: str = "extraction"
    summary: str = ""
    approved_by: str = ""


@dataclass(frozen=True)
class Waiting:
    """One that is held back: since when, and why; `summary` in one line."""

    kept: Kept
    since: datetime
    why: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class State:
    """`load` is whether what is coming is to be brought in by slapadd. `passed` are files looked at and not taken.

    `passed` maps an address to the name and date of the file that is there and need not be fetched again. `looked` is
    when every entry of the directory was last compared, `refused` counts those that slapd would not have. `trouble` is
    of this host's disk or slapd, empty when all is well.
    """

    held: Kept | None = None
    coming: Kept | None = None
    load: bool = False
    waiting: Waiting | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    passed: Mapping[str, str] = field(default_factory=dict)
    not_before: Mapping[str, datetime] = field(default_factory=dict)
    applied: datetime | None = None
    looked: datetime | None = None
    refused: int = 0
    trouble: str = ""

    def source(self, url: str) -> Source:
        return self.sources.get(url, Source())


@dataclass(frozen=True)
class Folder:
    """Where a taken extraction is, and its parts."""

    path: Path

    @property
    def file(self) -> Path:
        return self.path / _FILE

    @property
    def digest(self) -> Path:
        return self.path / _DIGEST

    def merged(self) -> frozenset[str]:
        """The addresses that stand on several of its lines; raises OSError, ValueError."""
        return frozenset(json.loads((self.path / _FACTS).read_text(encoding="utf-8"))["merged"])


def folder(places: Places, kept: Kept) -> Folder:
    return Folder(places.kept / kept.name)


def keep(places: Places, kept: Kept, file: Path, new: Path, merged: frozenset[str]) -> None:
    """Bring a file and its digest into their folder; state.json is still to name it.

    Raises:
        OSError: the disk.
    """
    place, begun = places.kept / kept.name, places.begun / "kept"
    if not place.exists():
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir(mode=0o700, parents=True)
        durable.write(begun / _FACTS, json.dumps({"merged": sorted(merged)}).encode())
        file.rename(begun / _FILE)
        new.rename(begun / _DIGEST)
        durable.sync(begun)
        places.kept.mkdir(mode=0o700, exist_ok=True)
        begun.rename(place)
        durable.sync(places.kept)


def whole(places: Places, kept: Kept) -> bool:
    """Whether all of it is still there; a digest that was cut or altered is not."""
    there = folder(places, kept)
    try:
        there.merged()
        return there.file.is_file() and digest.facts(there.digest).sha256 == kept.name
    except (OSError, ValueError, KeyError, digest.DigestError):
        return False


def load(places: Places) -> State:
    """What is remembered; what cannot be read is forgotten, at the price of one download and one comparison."""
    try:
        return _state(json.loads(places.state.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return State()


def save(places: Places, state: State) -> None:
    """Remember, then let go of what is no longer named; raises OSError."""
    durable.write(places.state, (json.dumps(asdict(state), default=_plain, indent=1) + "\n").encode())
    _prune(places, set(_names(state)))


def _names(state: State) -> Iterator[str]:
    for kept in (state.held, state.coming, state.waiting.kept if state.waiting else None):
        if kept:
            yield kept.name


def _prune(places: Places, named: set[str]) -> None:
    with suppress(OSError):
        for one in os.scandir(places.kept):
            if _NAMED.match(one.name) and one.name not in named:
                shutil.rmtree(one.path, ignore_errors=True)


def _state(plain: dict[str, Any]) -> State:
    waiting = plain["waiting"]
    return State(
        held=_kept(plain["held"]),
        coming=_kept(plain["coming"]),
        load=bool(plain["load"]),
        waiting=waiting and _waiting(waiting),
        sources={url: _source(one) for url, one in plain["sources"].items()},
        passed={str(url): str(one) for url, one in plain["passed"].items()},
        not_before={url: _sure(one) for url, one in plain["not_before"].items()},
        applied=_time(plain["applied"]),
        looked=_time(plain["looked"]),
        refused=int(plain["refused"]),
        trouble=str(plain["trouble"]),
    )


def _kept(plain: dict[str, Any] | None) -> Kept | None:
    if plain is None:
        return None
    if not _NAMED.match(plain["name"]):
        raise ValueError("no name of a folder of ours")
    return Kept(**{**plain, "generated": _time(plain["generated"]), "taken": _sure(plain["taken"])})


def _waiting(plain: dict[str, Any]) -> Waiting:
    kept = _kept(plain["kept"])
    if kept is None:
        raise ValueError("nothing waits")
    return Waiting(kept, _sure(plain["since"]), tuple(map(str, plain["why"])), str(plain["summary"]))


def _source(plain: dict[str, Any]) -> Source:
    times = {name: _time(plain[name]) for name in ("asked", "succeeded", "since")}
    return Source(**{one.name: plain[one.name] for one in fields(Source)} | times)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _sure(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is not remembered")
