"""The daily extraction's columns, in the order in which it is published, and the date that its file's name bears."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

COLUMNS = (
    "Type de BAL",
    "Adresse BAL",
    "Type Identifiant PP",
    "Identifiant PP",
    "Identification nationale PP",
    "Type identifiant structure",
    "Identification Structure",
    "Service de rattachement",
    "Civilité d'exercice",
    "Nom d'exercice",
    "Prénom d'exercice",
    "Catégorie profession",
    "Libellé de catégorie profession",
    "Code Profession",
    "Libellé Profession",
    "Code savoir-faire",
    "Libellé savoir-faire",
    "Dématérialisation",
    "Raison Sociale structure BAL",
    "Enseigne commerciale structure BAL",
    "L2COMPLEMENTLOCALISATION structure BAL",
    "L3COMPLEMENTDISTRIBUTION structure BAL",
    "L4NUMEROVOIE structure BAL",
    "L4COMPLEMENTNUMEROVOIE structure BAL",
    "NL4TYPEVOIE structure BAL",
    "L4LIBELLEVOIE structure BAL",
    "L5LIEUDITMENTION structure BAL",
    "L6LIGNEACHEMINEMENT structure BAL",
    "Code postal structure BAL",
    "Département structure BAL",
    "Pays structure BAL",
)
SEPARATOR = "|"

_SUFFIX = " structure bal"  # documents leave it away
_STAMP = re.compile(r"Extraction_Correspondance_MSSante_(\d{12})\.(?:zip|txt)\Z", re.IGNORECASE)
_ZONE = "Europe/Paris"


def wrong_header(line: str) -> str:
    """What is wrong with a file's first line, as a sentence; empty when it is the header.

    Case, accents, kinds of apostrophe, quotes and a separator too many are overlooked. A cell is only ever quoted when
    it is the name of a column: the first line of a file without header is somebody's entry.
    """
    cells = [_plain(one) for one in line.lstrip("\ufeff").rstrip("\r\n").split(SEPARATOR)]
    while len(cells) > len(COLUMNS) and not cells[-1]:
        cells.pop()
    found = [_BY_NAME.get(one) for one in cells]
    if found == list(range(len(COLUMNS))):
        return ""
    if not any(one is not None for one in found):
        return "its first line is no header: it names none of the columns"
    return _misplaced(found)


def date_of(name: str) -> datetime | None:
    """When an extraction was made (UTC), from its file's name, or from a Content-Disposition's; None: it does not say.

    The name bears Paris time. In the hour that the clock repeats in autumn it means the first of the two.

    Raises:
        ValueError: this machine does not know the time zone Europe/Paris (Debian's package tzdata).
    """
    stamp = _STAMP.search(PurePath(name).name.strip("\"' ;"))
    if stamp is None:
        return None
    try:
        zone = ZoneInfo(_ZONE)
        return datetime.strptime(stamp[1], "%Y%m%d%H%M").replace(tzinfo=zone).astimezone(UTC)
    except ZoneInfoNotFoundError as error:
        raise ValueError(f"the time zone {_ZONE} is not known here; install the package tzdata") from error
    except ValueError:
        return None  # twelve digits that are no date


def _misplaced(found: Sequence[int | None]) -> str:
    """The first column that is not where it belongs."""
    for place, name in enumerate(COLUMNS):
        if place >= len(found):
            return f"its header has {len(found)} columns, not {len(COLUMNS)}: column {place + 1}, {name}, is missing"
        if (there := found[place]) != place:
            stands = "an unknown column" if there is None else COLUMNS[there]
            return f"in its header, column {place + 1} should be {name}; {stands} stands there"
    return f"its header has {len(found)} columns, not {len(COLUMNS)}"


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.replace("’", "'")).casefold()
    kept = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(kept.replace('"', "").split()).removesuffix(_SUFFIX)


_BY_NAME = {_plain(name): place for place, name in enumerate(COLUMNS)}
