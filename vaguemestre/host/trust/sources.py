"""What each source last answered, and what is remembered between two runs: sources.json. Pure but for reading it.

A source is the list's URL or that of a revocation list. Times are UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from vaguemestre.host.trust import durable

T = TypeVar("T")

SKEW = timedelta(minutes=5)
_LONGEST = 500  # characters of a message, which may quote a stranger
_PROMPT = timedelta(seconds=90)  # a timer wakes a little early or late; what is due by then is due now


@dataclass(frozen=True)
class Source:
    """One source. `digest` is the SHA-256 of what it last sent whole; `failure` is a slug, empty when all is well."""

    asked: datetime | None = None
    succeeded: datetime | None = None
    failure: str = ""
    message: str = ""
    since: datetime | None = None  # the first failure in a row
    failures: int = 0
    etag: str = ""
    modified: str = ""
    digest: str = ""
    issuer: str = ""  # hexadecimal, of a revocation list's authority

    def answered(self, now: datetime, **learnt: str) -> Source:
        """It gave what may be used, or said that nothing had changed."""
        fine = replace(self, asked=now, succeeded=now, failure="", message="", since=None, failures=0)
        return replace(fine, **learnt)  # type: ignore[arg-type]

    def failed(self, now: datetime, slug: str, message: str) -> Source:
        """It gave nothing usable; the next question brings the whole file again."""
        message = "".join(one if one.isprintable() else "?" for one in message)[:_LONGEST]
        since = self.since if self.failures and self.since else now
        failed = replace(self, asked=now, failure=slug, message=message, since=since, failures=self.failures + 1)
        return replace(failed, etag="", modified="")


@dataclass(frozen=True)
class OwnDomain:
    """Under which DNs one of our domains is listed; `before` and `since` are of the last change that was seen."""

    listed: tuple[str, ...]
    before: tuple[str, ...] | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Memory:
    """All that is remembered. `accepted`: when the held list was taken; `clock`: what is wrong with the host's."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    own: Mapping[str, OwnDomain] = field(default_factory=dict)
    accepted: datetime | None = None
    clock: str = ""
    trouble: str = ""  # of the disk or of the stores; empty when all is well

    def source(self, url: str) -> Source:
        return self.sources.get(url, Source())

    def with_source(self, url: str, source: Source) -> Memory:
        return replace(self, sources={**self.sources, url: source})


def due(source: Source, every: timedelta, wait: timedelta, now: datetime) -> bool:
    """Whether the list is to be asked for: `every` after an answer, `wait` after a failure.

    A question of the future was asked by a wrong clock, and counts as none.
    """
    if source.asked is None or source.asked > now + SKEW:
        return True
    return now + _PROMPT >= source.asked + (min(wait, every) if source.failures else every)


def watched(own: Mapping[str, OwnDomain], listed: Mapping[str, tuple[str, ...]], now: datetime) -> dict[str, OwnDomain]:
    """Our domains as they are listed now, with what they were before the last change."""
    return {domain: _watched(own.get(domain), names, now) for domain, names in listed.items()}


def _watched(known: OwnDomain | None, names: tuple[str, ...], now: datetime) -> OwnDomain:
    if known is None:
        return OwnDomain(names)
    return known if known.listed == names else OwnDomain(names, known.listed, now)


def load(path: Path, urls: Iterable[str]) -> Memory:
    """What is remembered of these sources; what cannot be read is forgotten, at the price of one question to each."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Memory(
            sources={url: _made(Source, one) for url, one in plain["sources"].items() if url in {*urls}},
            own={domain: _made(OwnDomain, one) for domain, one in plain["own"].items()},
            accepted=_time(plain["accepted"]),
            clock=str(plain["clock"]),
            trouble=str(plain["trouble"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Memory()


def save(path: Path, memory: Memory) -> None:
    """Remember; raises OSError."""
    durable.write(path, (json.dumps(asdict(memory), default=_plain, indent=1, ensure_ascii=False) + "\n").encode())


_TIMES = ("asked", "succeeded", "since")
_NAMES = ("listed", "before")


def _made(kind: type[T], plain: dict[str, Any]) -> T:
    times = {name: _time(plain[name]) for name in _TIMES if name in plain}
    names = {name: plain[name] and tuple(plain[name]) for name in _NAMES if name in plain}
    if "listed" in names:
        names["listed"] = tuple(plain["listed"])
    return kind(**{**plain, **times, **names})


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is not remembered")
