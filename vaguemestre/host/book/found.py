"""What a search found, in the order in which people expect it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vaguemestre.host.annuaire.folding import folded, sound, words
from vaguemestre.host.book.query import Question, root, variants

CLOSENESS = ("exact", "accents apart", "begins so", "by place or trade", "sounds alike", "one letter off", "otherwise")
"""How near an entry is to the question, the nearest first."""

SHOWN = (
    *("mail", "displayName", "sn", "givenName", "title", "o", "ou", "l", "postalCode"),
    *("vgmMailboxType", "vgmPersonId", "vgmPaperless"),
)
"""The attributes that a search asks for."""


@dataclass(frozen=True)
class Found:
    """One mailbox; `paperless` is O, N or empty, as the nation writes it; `match` one of CLOSENESS."""

    address: str
    name: str
    kind: str
    match: str
    title: str = ""
    establishment: str = ""
    service: str = ""
    place: str = ""
    paperless: str = ""
    person: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON: what is known of it."""
        return {name: value for name, value in asdict(self).items() if value}


def ordered(question: Question, entries: Iterable[Mapping[str, Sequence[str]]]) -> list[Found]:
    """The entries (attributes SHOWN, as text), each once by its address, the nearest first, then by name."""
    ranked = {one["mail"][0]: (_closeness(question, one), one) for one in entries}
    in_order = sorted(ranked.values(), key=lambda pair: (pair[0], *_alphabet(pair[1])))
    return [_found(CLOSENESS[max(close, default=0)], one) for close, one in in_order]


def _closeness(question: Question, entry: Mapping[str, Sequence[str]]) -> list[int]:
    """For each word asked how near it is, the worst first."""
    named = [*entry.get("sn", ()), *entry.get("givenName", ()), *entry.get("displayName", ()), *entry.get("ou", ())]
    written = set(_raw(*named))
    name = words(*named)
    joined = {folded(one).replace(" ", "") for one in named}
    about = words(*entry.get("title", ()), *entry.get("o", ()), *entry.get("l", ()))
    typed = set(_raw(question.name))
    return sorted((_near(one, typed, written, {*name, *joined}, about) for one in question.words), reverse=True)


def _near(word: str, typed: set[str], written: set[str], name: set[str], about: Iterable[str]) -> int:
    if word in name:
        return 0 if {one for one in typed if folded(one) == word} & written else 1
    if any(one.startswith(word) for one in name):
        return 2
    if any(one.startswith(root(word)) for one in about):
        return 3
    if sound(word) in {sound(one) for one in name}:
        return 4
    return 5 if name & set(variants(word)) else 6


def _raw(*texts: str) -> list[str]:
    """Words with their accents, in lower case; split where `folded` splits."""
    plain = unicodedata.normalize("NFC", " ".join(texts)).casefold()
    return "".join(one if one.isalnum() else " " for one in plain).split()


def _alphabet(entry: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    family = (*entry.get("sn", ()), *entry.get("displayName", ()), "")[0]
    return folded(family), folded((*entry.get("givenName", ()), "")[0])


def _found(match: str, entry: Mapping[str, Sequence[str]]) -> Found:
    def first(name: str) -> str:
        return next(iter(entry.get(name, ())), "")

    return Found(
        first("mail"),
        first("displayName") or first("mail"),
        first("vgmMailboxType"),
        match,
        "; ".join(entry.get("title", ())),
        "; ".join(entry.get("o", ())),
        first("ou"),
        " ".join(filter(None, (first("postalCode"), first("l")))),
        first("vgmPaperless"),
        first("vgmPersonId"),
    )
