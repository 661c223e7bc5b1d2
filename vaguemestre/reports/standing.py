"""How an establishment stands by each requirement: catalogue and records brought together, as values.

Never is anything called proven that was not seen on the establishment itself, in its last whole verification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from vaguemestre.lab.cases import BY_SLUG
from vaguemestre.reports.requirements import ALL_CASES, Chapter, Requirement, Text, french
from vaguemestre.verify.kept import Evidence, Verification

_WAYS = {
    "inbound": Text("un pair écrit", "a peer writes"),
    "outbound": Text("on écrit au pair", "the peer is written to"),
}


class Verdict(StrEnum):
    """Of one requirement at one establishment."""

    PROVEN = "proven"  # all that proves it was tried here and passed
    PARTLY = "partly"  # some of it passed here; the rest was not tried, or nothing proves it yet
    FAILED = "failed"  # something that was tried here failed
    OPEN = "open"  # it can be tried here, and has not been
    KIT = "kit"  # the kit's own tests prove the mechanism; nothing was tried here
    KIT_PARTLY = "kit-partly"  # they prove part of it
    UNCOVERED = "uncovered"  # nothing proves it


@dataclass(frozen=True)
class Item:
    """One thing that proves a requirement, as it was seen: "missing" when it was not tried at all."""

    sentence: Text
    outcome: Literal["passed", "failed", "skipped", "missing"]
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """One requirement with its evidence and verdict."""

    requirement: Requirement
    items: tuple[Item, ...]

    @property
    def at(self) -> datetime | None:
        """When the oldest of what was seen was seen."""
        return min((one.at for one in self.items if one.at), default=None)

    @property
    def verdict(self) -> Verdict:
        outcomes = {one.outcome for one in self.items}
        if "failed" in outcomes:
            return Verdict.FAILED
        if "passed" in outcomes:
            return Verdict.PROVEN if outcomes == {"passed"} and not self.requirement.lacks else Verdict.PARTLY
        return self._unseen()

    def _unseen(self) -> Verdict:
        """Nothing was seen here. Cases of the audit are among the kit's own tests too."""
        one = self.requirement
        if one.behaviours:
            return Verdict.OPEN
        if one.kit or one.cases:
            return Verdict.KIT_PARTLY if one.lacks else Verdict.KIT
        return Verdict.UNCOVERED


@dataclass(frozen=True)
class Seen:
    """The records that a report stands on: the last whole verification and the last whole trust audit, if any."""

    behaviours: Verification | None
    audit: Verification | None

    @property
    def records(self) -> tuple[Verification, ...]:
        return tuple(one for one in (self.behaviours, self.audit) if one)


def standings(chapters: Iterable[Chapter], seen: Seen) -> dict[int, Standing]:
    """Every requirement's standing, by its number."""
    return {one.number: Standing(one, tuple(_items(one, seen))) for chapter in chapters for one in chapter.requirements}


def beyond(seen: Seen) -> tuple[Item, ...]:
    """What was verified here besides: behaviours that no requirement of the catalogue asks for."""
    return tuple(_item(one, seen.behaviours) for one in _evidence(seen.behaviours) if not one.requirements)


def _items(requirement: Requirement, seen: Seen) -> Iterator[Item]:
    for proof in requirement.behaviours:
        yield from _found(proof, seen.behaviours)
    for proof in _cases(requirement, seen):
        yield from _found(proof, seen.audit)


def _cases(requirement: Requirement, seen: Seen) -> tuple[str, ...]:
    if requirement.cases != (ALL_CASES,):
        return requirement.cases
    return tuple(one.proof for one in _evidence(seen.audit))


def _found(proof: str, record: Verification | None) -> Iterator[Item]:
    found = [one for one in _evidence(record) if one.proof == proof]
    yield from (_item(one, record) for one in found)
    if not found:
        yield Item(_sentence(proof, "", ""), "missing")


def _evidence(record: Verification | None) -> tuple[Evidence, ...]:
    return record.evidence if record else ()


def _item(one: Evidence, record: Verification | None) -> Item:
    return Item(
        _sentence(one.proof, one.variant, one.sentence), one.outcome, one.reason, record.ended if record else None
    )


def _sentence(proof: str, variant: str, told: str) -> Text:
    """What was tried, in words; of something unknown to this kit what the record told, or its bare name."""
    slug, _, way = proof.partition(".")
    if slug in BY_SLUG and way in _WAYS:
        case, ways = BY_SLUG[slug], _WAYS[way]
        return Text(f"{case.fr} ({ways.fr})", f"{case.en} ({ways.en})")
    own = french().get(proof, "").replace("{}", variant.split(",")[0])
    return Text(_protocol(own or told or proof), _protocol(told or own or proof))


def _protocol(text: str) -> str:
    """Protocols as people write them: TLS 1.3, not the library's TLSv1_3."""
    return text.replace("TLSv1_", "TLS 1.")
