"""The fleet on one page: counts, a map, regions and waves, each establishment; prepared values in one language."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vaguemestre.establishment import Establishment
from vaguemestre.reports.page import Badge
from vaguemestre.reports.place import Place, Stand
from vaguemestre.reports.tiles import COLUMNS, ROWS, TILES, code
from vaguemestre.reports.wording import Language, Words

_STYLES = {Place.JOINED: "good", Place.WAITING: "wait", Place.FAILED: "bad", Place.INDIVIDUAL: "quiet"}
_SIDE = 44  # of a tile, in the map's own units
_COLOURS = {
    "good": ("#2e7d32", "#ffffff"),
    "wait": ("#f2c14e", "#1c2430"),
    "bad": ("#b3261e", "#ffffff"),
    "quiet": ("#b9c2cc", "#1c2430"),
    "none": ("#eef0f2", "#5b6672"),
}
"""Of tiles and of what is written on them, as attributes: programs that set pages give SVG no style sheet."""
_HEADED = (Place.JOINED, Place.WAITING, Place.FAILED)

Stood = tuple[Establishment, Stand, datetime | None]
"""An establishment, where it stands, and when it was last verified."""


@dataclass(frozen=True)
class Tile:
    """A department on the map; `x` and `y` are its corner, the texts stand at `middle`."""

    style: str
    fill: str
    ink: str
    x: int
    y: int
    middle: int
    label: int
    below: int
    code: str
    count: str
    title: str


@dataclass(frozen=True)
class Share:
    """How many establishments of a region or wave stand where; `numbers` as the headings have them."""

    name: str
    numbers: tuple[int, ...]
    total: int


@dataclass(frozen=True)
class SiteRow:
    """One establishment."""

    name: str
    city: str
    department: str
    wave: int
    badge: Badge
    since: str
    verified: str
    why: str


@dataclass(frozen=True)
class Overview:
    """The whole page in one language."""

    language: Language
    other: str
    words: Words
    warnings: tuple[str, ...]
    counts: tuple[Badge, ...]
    width: int
    height: int
    side: int
    tiles: tuple[Tile, ...]
    off_map: str
    headings: tuple[str, ...]
    regions: tuple[Share, ...]
    waves: tuple[Share, ...]
    sites: tuple[SiteRow, ...]
    footer: str


def overview(
    stood: Sequence[Stood], language: Language, at: datetime, kit: str, *, other: str = "", rehearsal: bool = False
) -> Overview:
    """The overview of these establishments; `at` is now."""
    words = Words(language)
    numbers = Counter(stand.place for _, stand, _ in stood)
    lost = [one.name for one, _, _ in stood if code(one.department) is None]
    return Overview(
        language=language,
        other=other,
        words=words,
        warnings=(words["rehearsal"],) if rehearsal else (),
        counts=tuple(_badge(one, words, numbers[one]) for one in Place if numbers[one] or one in _HEADED),
        width=COLUMNS * _SIDE,
        height=ROWS * _SIDE,
        side=_SIDE,
        tiles=tuple(_tile(name, stood, words) for name in TILES),
        off_map=words["off_map"].format(", ".join(lost)) if lost else "",
        headings=tuple(words[f"place_{one.value}"] for one in Place),
        regions=_shares(stood, lambda one: (_folded(one.region), one.region)),
        waves=_shares(stood, lambda one: (one.wave, str(one.wave))),
        sites=tuple(_site(*one, words) for one in stood),
        footer=f"{words['made_on']} {words.time(at)}. {words['made_by'].format(kit)}",
    )


def _badge(place: Place, words: Words, count: int = 0) -> Badge:
    return Badge(_STYLES[place], words[f"place_{place.value}"], count)


def _tile(name: str, stood: Iterable[Stood], words: Words) -> Tile:
    """The worst of a department decides its colour."""
    here = [(one, stand) for one, stand, _ in stood if code(one.department) == name]
    worst = min((list(Place).index(stand.place) for _, stand in here), default=None)
    column, row = TILES[name]
    x, y = column * _SIDE, row * _SIDE
    told = "; ".join(f"{one.name}: {words['place_' + stand.place.value]}" for one, stand in here)
    style = "none" if worst is None else _STYLES[list(Place)[worst]]
    fill, ink = _COLOURS[style]
    return Tile(
        style=style,
        fill=fill,
        ink=ink,
        x=x,
        y=y,
        middle=x + _SIDE // 2,
        label=y + (_SIDE // 2 + 4 if not here else _SIDE // 2 - 1),
        below=y + _SIDE // 2 + 13,
        code=name,
        count=str(len(here)) if here else "",
        title=f"{here[0][0].department} – {told}" if here else name,
    )


def _folded(name: str) -> str:
    """For alphabetical order: without accents and case."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()


def _shares(stood: Iterable[Stood], key: Callable[[Establishment], tuple[str | int, str]]) -> tuple[Share, ...]:
    """By a key: its first part orders, its second is shown."""
    found: dict[tuple[Any, str], Counter[Place]] = {}
    for one, stand, _ in stood:
        found.setdefault(key(one), Counter())[stand.place] += 1
    return tuple(
        Share(name, tuple(numbers[one] for one in Place), numbers.total())
        for (_, name), numbers in sorted(found.items())
    )


def _site(one: Establishment, stand: Stand, verified: datetime | None, words: Words) -> SiteRow:
    return SiteRow(
        name=one.name,
        city=one.city,
        department=one.department,
        wave=one.wave,
        badge=_badge(stand.place, words),
        since=words.time(stand.since) if stand.since else "",
        verified=words.time(verified) if verified else "",
        why=words.of(stand.why),
    )
