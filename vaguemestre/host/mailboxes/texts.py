"""Texts that people write about a mailbox: tidy, and safe wherever they go on to. Pure.

They end up in the directory, in address books, in the national directory, in terminals, and in spreadsheets that take
some beginnings for a formula (OWASP, CSV injection). What is refused here needs no escaping by each of them.
"""

from __future__ import annotations

import re
from unicodedata import normalize

LONGEST = 200  # characters of a text
# As spreadsheets read them, with the full-width forms that they take for the same.
_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
_BLANKS = re.compile(r"[^\S\n\r\v\f\x1c-\x1f\x85\u2028\u2029]+")  # no line breaks


def tidy(text: str) -> str:
    """Without blanks at the ends, plain and single ones inside, letters composed (Unicode NFC).

    Line breaks stay, for `fault` to find.
    """
    return _BLANKS.sub(" ", normalize("NFC", text)).strip()


def fault(text: str) -> tuple[str, str] | None:
    """What is wrong with a tidy text and the way out; None when it can be kept. The text itself is not repeated."""
    if not text.isprintable():
        return "holds a line break or a control character", "write it on one line"
    if len(text) > LONGEST:
        return f"has {len(text)} characters", f"at most {LONGEST}"
    if text[:1] and text[0] in _FORMULA:
        return (
            "begins with a sign that spreadsheets take for a formula",
            f"leave the {text[0]} at its beginning away",
        )
    return None
