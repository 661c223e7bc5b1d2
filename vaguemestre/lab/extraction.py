"""Extractions of the national directory for rehearsals: of the real file's shape, dirt and size, and nobody's data.

Every person, structure, number and address is invented; domains end in ``.test``. A line is a function of the seed and
of its number, so the same seed gives the same nation, and its next day is the same nation a day older: some mailboxes
gone, some new, some changed.

Measured of the real file in autumn 2026 and imitated: 556,783 lines of 160 octets, 5,018 domains of which half have
four mailboxes at most and the greatest 63,000, five mailboxes of persons to one of a structure, 169 addresses on two
lines, and a day's 340 new and 480 gone. How many change in a day, and the dirt, are guessed.
"""

from __future__ import annotations

import zipfile
from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate, chain, islice
from pathlib import Path
from zoneinfo import ZoneInfo

from vaguemestre.host.annuaire.columns import COLUMNS, SEPARATOR

NATIONAL = 556_783
"""Lines of the real file."""

DOMAINS = 5_018
FIRST_DAY = datetime(2026, 10, 9, 3, 13, tzinfo=UTC)

_COME, _GONE = 340 / NATIONAL, 480 / NATIONAL  # a day
_CHANGE = 150  # days until all that have a structure have moved once: a thousand a day
_REPEATED = NATIONAL // 169
_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # keeps seeds far from each other

_FAMILY = ("BRA", "TOR", "VER", "MAL", "QUES", "LAN", "RO", "CHER", "GUE", "SAU", "PEL", "HAU", "DU", "FAR", "JO", "NÉ")
_MIDDLE = ("VE", "MI", "RA", "COU", "NEL", "DO", "SA", "BRI", "LE", "GA", "TO", "VAU", "CHAR", "PI", "FON", "ZE")
_ENDING = (
    "LIN", "SAC", "REAU", "TON", "BERT", "NAY", "GNAC", "MOND", "VILLE", "QUET", "RIN", "LAS", "ÏS", "ÈVE", "ÇON",
    " D'OR",
)  # fmt: skip
_GIVEN = ("Al", "Mir", "Sé", "Jo", "Cla", "Val", "Nor", "Eu", "Thi", "Bé", "Or", "Lu", "Zo", "Fa", "Ir", "Gaë")
_GIVEN_ENDING = ("zéa", "von", "line", "dric", "mance", "bault", "ryse", "lian", "nore", "phin", "stan", "vie")
_SERVICES = (
    "Secrétariat médical", "Cardiologie", "Chirurgie viscérale", "Imagerie", "Laboratoire", "Urgences", "Pédiatrie",
    "Gériatrie", "Hôpital de jour", "Maternité", "Pharmacie à usage intérieur", "Unité mobile de soins palliatifs",
)  # fmt: skip
_STRUCTURES = ("CENTRE HOSPITALIER", "CLINIQUE", "LABORATOIRE", "EHPAD", "CABINET MEDICAL", "PHARMACIE", "MAISON")
_PLACES = ("BOISVERT", "CLAIREFONT", "HAUTE RIVE", "MONTJOLI", "PORT LAURIER", "SAINT AUBRY", "VALOMBRE", "LES ORMEAUX")
_WAYS = ("RUE", "AV", "BD", "PL", "CHE", "IMP")
_WAY_NAMES = ("DES LILAS", "DE L'ÉTANG", "DU MOULIN", "DES TROIS FONTAINES", "DU GENERAL INVENTE", "DE LA GARE")
# Category, profession and know-how, with codes of the national nomenclatures, about as often as there are people.
_PROFESSIONS = tuple(
    SEPARATOR.join(("C", "Civil", *one))
    for one in (
        *(("10", "Médecin", "SM54", "Médecine générale"),) * 5, *(("10", "Médecin", "SM04", "Cardiologie"),) * 2,
        *(("60", "Infirmier", "", ""),) * 4, *(("70", "Masseur-Kinésithérapeute", "", ""),) * 2,
        ("21", "Pharmacien", "", ""), ("40", "Chirurgien-Dentiste", "", ""), ("50", "Sage-Femme", "", ""),
    )
)  # fmt: skip
_PLAIN = str.maketrans("éèëïçôÉÈÏÇ '", "eeeicoeeic--")


@dataclass(frozen=True)
class Nation:
    """Who has a mailbox. `lines` is how many lines the extraction of day 0 has, besides the header."""

    lines: int = NATIONAL
    seed: int = 1

    def extraction(self, day: int = 0) -> Iterator[str]:
        """Its lines without line ends, header first, as published `day` days after FIRST_DAY."""
        first = int(self.lines * _GONE * day)
        last = int(self.lines * _COME * day) + self.lines * _REPEATED // (_REPEATED + 1)
        once = (self._line(number, day, 0) for number in range(first, last))
        again = (self._line(number, day, 1) for number in range(first, last) if number % _REPEATED == 0)
        return chain((SEPARATOR.join(COLUMNS),), once, again)

    def _line(self, number: int, day: int, which: int) -> str:
        """`which` is 1 for an address's second line: the same holder in another structure."""
        draw = _mixed(number + self.seed * _GOLDEN & _MASK)
        first = number < len(self._domains)  # no domain stays empty
        domain = number if first else bisect(self._sizes, (draw >> 24) % int(self._sizes[-1]))
        changes = (day + (draw >> 8) % _CHANGE) // _CHANGE
        site = self._sites[domain * 4 + (draw + changes + which) % 4]
        local, holder = _person(number, draw, site) if draw % 6 else _structure(number, draw, site)
        line = f"{'PER' if draw % 6 else 'ORG'}|{local}@{self._domains[domain]}|{holder}"
        return _soiled(line, draw >> 40) if (draw >> 34) % 64 == 0 else line

    @cached_property
    def _sizes(self) -> list[float]:
        """Mailboxes of the domains besides each one's first, summed up; rank and size follow Mandelbrot's law."""
        number = max(1, min(DOMAINS, round(self.lines * DOMAINS / NATIONAL)))
        weights = [(rank + 3.5) ** -1.528 for rank in range(1, number + 1)]
        share = self.lines / sum(weights)
        return list(accumulate(max(0.001, weight * share - 1) for weight in weights))

    @cached_property
    def _domains(self) -> list[str]:
        return [
            f"{_STRUCTURES[one % 7].split()[0].lower()}{one}.{_PLACES[one % 8].translate(_PLAIN).lower()}.mssante.test"
            for one in range(len(self._sizes))
        ]

    @cached_property
    def _sites(self) -> list[tuple[str, str]]:
        """Four structures of each domain: columns 6 and 7, and 19 to 31."""
        return [_site(domain, which) for domain in range(len(self._domains)) for which in range(4)]


def write(path: Path, lines: Iterable[str]) -> Path:
    """An extraction as a file: zipped when its name ends so, else plain text.

    Raises:
        OSError: the disk.
    """
    if path.suffix == ".zip":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped,
            zipped.open(f"{path.stem}.txt", "w") as file,
        ):
            file.writelines(_blocks(lines))
    else:
        with path.open("wb") as file:
            file.writelines(_blocks(lines))
    return path


def file_name(day: int = 0, suffix: str = ".zip") -> str:
    """What the nation calls the extraction of a day; it goes by Paris time."""
    at = (FIRST_DAY + timedelta(days=day)).astimezone(ZoneInfo("Europe/Paris"))
    return f"Extraction_Correspondance_MSSante_{at:%Y%m%d%H%M}{suffix}"


def _blocks(lines: Iterable[str]) -> Iterator[bytes]:
    left = iter(lines)
    while block := list(islice(left, 5_000)):
        yield ("\n".join(block) + "\n").encode()


def _mixed(number: int) -> int:
    """64 bits that look drawn by lot (splitmix64)."""
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31


def _person(number: int, draw: int, site: tuple[str, str]) -> tuple[str, str]:
    """Local part, and columns 3 to 31. Names repeat, as names do; addresses have a number then."""
    again, name = number // _NAMES, number * 7_368_787 % _NAMES
    family, given = _FAMILIES[name % 4096], _GIVENS[name // 4096 * 4 + draw % 4]
    rpps = 99_900_000_000 + number
    profession = _PROFESSIONS[(draw >> 12) % 16]
    finess, told = site if draw & 56 == 0 else _NOWHERE
    title, paperless = "M" if draw & 64 else "MME", "O" if draw & 384 == 0 else "N"
    holder = f"8|{rpps}|8{rpps}|{finess}||{title}|{family[0]}|{given[0]}|{profession}|{paperless}|{told}"
    return f"{given[1]}.{family[1]}{again or ''}", holder


def _structure(number: int, draw: int, site: tuple[str, str]) -> tuple[str, str]:
    service = _SERVICES[(draw >> 12) % 12]
    local = f"{service.split()[0].translate(_PLAIN).lower()}.{number}"
    return local, f"|||{site[0]}|{service}||||||||||{'O' if draw & 384 == 0 else 'N'}|{site[1]}"


def _site(domain: int, which: int) -> tuple[str, str]:
    draw = _mixed(domain * 4 + which + 1)
    kind, place = _STRUCTURES[domain % 7], _PLACES[domain % 8]
    finess, siret = f"1|99{domain * 4 + which:07d}", f"3|999{domain * 4 + which:011d}"
    code = f"{1 + draw % 95:02d}"
    post_box, suffix = f"BP {draw % 90}" if draw & 28 == 0 else "", "BIS" if draw & 224 == 0 else ""
    told = (
        f"{kind} FICTIF {domain}", "" if draw & 3 else f"{kind} {place}", "", post_box, str(1 + draw % 120), suffix,
        _WAYS[draw % 6], _WAY_NAMES[(draw >> 9) % 6], "", f"{code}000 {place}", f"{code}000", code, "FRANCE",
    )  # fmt: skip
    return (finess if which or draw & 32 else siret), SEPARATOR.join(told)


def _soiled(line: str, draw: int) -> str:
    """The same entry as people type: one kind of dirt."""
    cells = line.split(SEPARATOR)
    soil = draw % 6
    if soil == 0:
        cells[1] = cells[1].title()
    elif soil == 1:
        cells[18] = f'"{cells[18]}"'
    elif soil == 2:
        cells[19] = cells[19].replace(" ", ' "', 1) + '"' if " " in cells[19] else cells[19]
    elif soil == 3:
        cells[9] = f"{cells[9]}  "
    elif soil == 4:
        cells[7] = cells[7].replace(" ", "\u00a0")
    else:
        cells.append("")
    return SEPARATOR.join(cells)


_NOWHERE = (SEPARATOR, SEPARATOR * 12)
_NAMES = 4096 * 192 // 4
_FAMILIES = [
    (name, name.translate(_PLAIN).lower())
    for name in (a + b + c for a in _FAMILY for b in _MIDDLE for c in _ENDING)
]  # fmt: skip
_GIVENS = [
    (name, name.translate(_PLAIN).lower())
    for name in (f"{a}{b}" for a in _GIVEN for b in _GIVEN_ENDING)
]  # fmt: skip
