"""What somebody looks for, as filters of LDAP, from the most exact to the most lenient. Pure.

Only folded words reach a filter, and these are letters and digits: nothing that is typed can be a part of its grammar
(RFC 4515). Each filter is answered from equality and prefix indices; none makes slapd read what it does not give.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vaguemestre.host.annuaire.folding import folded, sound, telling, words

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORT = 4  # letters; in shorter words an error leaves too little
_LONGEST, _MOST = 40, 8  # letters of a word, words of a question
# Endings by which a profession and its speciality differ: cardiologue, cardiologie; infirmière, infirmier.
_ENDING = re.compile(r"(?<=....)(?:istes?|iques?|iennes?|ieres?|iers?|ies?|ues?|es?|s)$")
_STRUCTURE = re.compile(r"[0-9][0-9AB][0-9]{7,13}")
_CODE = re.compile(r"[0-9]{2}|S[A-Z]{1,2}[0-9]{2,3}")


@dataclass(frozen=True)
class Question:
    """Texts as typed; empty ones ask for nothing."""

    name: str = ""
    profession: str = ""
    place: str = ""
    establishment: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The words that a name is compared with; silent ones only when there are no others."""
        return _bounded(telling(self.name) or words(self.name))

    @property
    def empty(self) -> bool:
        return not any(map(folded, (self.name, self.profession, self.place, self.establishment)))


def filters(asked: Question) -> Iterator[str]:
    """One after the other: names as written, names that begin so or are of such a place, names with an error in them.

    The next is worth asking where those before have found too little.
    """
    facets = tuple(_facets(asked))
    if not asked.words:
        yield _all(*facets)
        return
    yield _all(*(_equal("vgmName", one) for one in asked.words), *facets)
    yield _all(*map(_begun, asked.words), *facets)
    if any(len(one) >= _SHORT for one in asked.words):
        yield _all(*map(_near, asked.words), *facets)


def variants(word: str) -> Iterator[str]:
    """Every word that one error makes of this one: a letter dropped, doubled or wrong, two neighbours exchanged."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    for before, after in cuts:
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in _LETTERS:
            if after:
                yield before + letter + after[1:]
            yield before + letter + after


def root(word: str) -> str:
    """A word of a trade without what changes between who does it and what it is."""
    return _ENDING.sub("", word)


def _facets(asked: Question) -> Iterator[str]:
    profession, site = asked.profession.strip(), asked.establishment.strip().upper()
    if _CODE.fullmatch(profession.upper()):
        code = profession.upper()
        yield _any(_equal("vgmProfession", code), _equal("vgmSpeciality", code))
    else:
        yield from (_prefix("vgmTrade", root(one)) for one in _bounded(telling(profession)))
    if _STRUCTURE.fullmatch(site):
        yield _any(_equal("vgmStructureId", site), _equal("vgmStructureId", _kind(site) + site))
    else:
        yield from (_prefix("vgmSite", one) for one in _bounded(telling(site)))
    yield from (_prefix("vgmPlace", one) for one in _bounded(telling(asked.place)))


def _kind(structure: str) -> str:
    """The prefix of the national id: 1 before a FINESS, 3 before a SIRET."""
    return "1" if len(structure) == 9 else "3"


def _begun(word: str) -> str:
    return _any(
        _prefix("vgmName", word), _equal("vgmPlace", word), _prefix("vgmSite", word), _prefix("vgmTrade", root(word))
    )


def _near(word: str) -> str:
    if len(word) < _SHORT:
        return _begun(word)
    written = dict.fromkeys(variants(word))
    return _any(_begun(word), _equal("vgmSound", sound(word)), *(_equal("vgmName", one) for one in written))


def _equal(attribute: str, word: str) -> str:
    return f"({attribute}={word})"


def _prefix(attribute: str, word: str) -> str:
    """A single letter is too little for an index: it must be the whole word."""
    return f"({attribute}={word}*)" if len(word) > 1 else _equal(attribute, word)


def _all(*parts: str) -> str:
    return _joined("&", parts)


def _any(*parts: str) -> str:
    return _joined("|", parts)


def _joined(sign: str, parts: Iterable[str]) -> str:
    known = tuple(dict.fromkeys(parts))
    return known[0] if len(known) == 1 else f"({sign}{''.join(known)})"


def _bounded(found: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one[:_LONGEST] for one in found[:_MOST])
