"""Words as people search them: without accents, case and signs; and as they sound in French.

A name is typed in a hurry: the accent is forgotten, a hyphen is a blank, a letter is doubled or dropped. What is kept
for searches is therefore a folded form, the same for what is written and for what is asked.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# What NFKD leaves alone, and people write with two letters.
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "ð": "d", "þ": "th"})
_SIGNS = re.compile(r"[\W_]+")

SILENT = frozenset(
    ("a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "pour", "sur", "un", "une")
)
"""Words that say nothing about a place, a service or an establishment. In names of people they count."""


@lru_cache(1 << 16)  # names repeat
def folded(text: str) -> str:
    """The text in lower case without accents; whatever is neither letter nor digit is one blank."""
    letters = text.casefold()
    if not letters.isascii():
        letters = unicodedata.normalize("NFKD", letters.translate(_LIGATURES)).casefold()
        letters = "".join(one for one in letters if not unicodedata.combining(one))
    return _SIGNS.sub(" ", letters).strip()


def words(*texts: str) -> tuple[str, ...]:
    """The folded words of the texts, each once, in their order."""
    return tuple(dict.fromkeys(" ".join(map(folded, texts)).split()))


def telling(*texts: str) -> tuple[str, ...]:
    """`words` without the silent ones."""
    return tuple(one for one in words(*texts) if one not in SILENT)


# Spelling to sound, one after the other: what is written differently and heard alike in French becomes one.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"ph", "f"),
        (r"bv", "v"),  # LEFEBVRE
        (r"aul[tdsx]+$", "o"),  # RENAULT, THIBAULT
        (r"[sc]*ch|sh", "C"),  # CHARLES, SCHMITT
        (r"gn", "N"),
        (r"qu|q|ck|c(?![eiy])", "k"),
        (r"g(?=[eiy])", "j"),
        (r"gu(?=[eiy])", "g"),
        (r"sc(?=[eiy])|c(?=[eiy])|[sz]", "s"),
        (r"h", ""),
        (r"x(?=.)", "ks"),
        (r"w", "v"),
        (r"y", "i"),
        (r"e?au|o+", "o"),
        (r"ou", "U"),
        (r"(?:a|e)i(?=n(?![aeiou])|m(?![aeiou]))", "i"),
        (r"(?:a|e)i", "e"),
        (r"oeu|eu", "e"),
        (r"[ae][nm](?![aeiounm])", "A"),  # nasals
        (r"i[nm](?![aeiounm])", "I"),
        (r"o[nm](?![aeiounm])", "O"),
        (r"(.)\1+", r"\1"),
        (r"(?<=..)(?:e?[tdsxp]*|er|ez)$", ""),  # silent endings
        (r"(.)\1+", r"\1"),
    )
)


@lru_cache(1 << 16)
def sound(word: str) -> str:
    """How a folded word is heard, near enough: GAUTHIER is GOTIER is GAUTIÉ. Short words, and numbers, stay."""
    if len(word) < 3 or not word.isalpha():
        return word
    heard = word
    for pattern, replacement in _SOUNDS:
        heard = pattern.sub(replacement, heard)
    return heard or word
