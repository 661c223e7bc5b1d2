"""One cell of a list of staff: its clean value, or what is wrong with it and the way out. Values are never repeated.

A message names the kind of mistake, the line and the column: it may end up in a log or a ticket, people's numbers not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vaguemestre.host.mailboxes.bal import KINDS, LOCAL, ROLE_ADDRESSES
from vaguemestre.host.mailboxes.holder import luhn
from vaguemestre.host.mailboxes.texts import fault
from vaguemestre.staff.text import twice_encoded

SMALLEST_QUOTA, LARGEST_QUOTA = 10, 1_048_576  # MiB

_ROUNDED = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+", re.I)
_FINESS = re.compile(r"[0-9][0-9AB][0-9]{7}")
_AS_TEXT = "in the spreadsheet, format the column as text, and enter it again"


class ValueRefusedError(Exception):
    """This cell cannot be; `wrong` says which kind of mistake, `way_out` what to do."""

    def __init__(self, wrong: str, way_out: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.way_out = way_out


def address(cell: str) -> str:
    """An address in small letters; Active Directory's proxyAddresses put ``smtp:`` before it."""
    text = re.sub(r"^smtp:", "", cell, flags=re.I).lower()
    local, _, domain = text.rpartition("@")
    if not local or not domain:
        raise ValueRefusedError("is no address", "write it whole, with its domain after an @")
    if not LOCAL.fullmatch(local):
        raise ValueRefusedError(
            f"{text!a} cannot be used before the @",
            "use a-z 0-9 . _ + -, begin and end with a letter or digit, no two dots",
        )
    if local in ROLE_ADDRESSES:
        raise ValueRefusedError(f"{local}@ is the postmaster's on every domain", "choose another address")
    return text


def kind(cell: str) -> str:
    if cell.upper() not in KINDS:
        known = ", ".join(f"{code} ({meaning})" for code, meaning in KINDS.items())
        raise ValueRefusedError("is no type of mailbox", f"the types are {known}")
    return cell.upper()


def rpps(cell: str) -> str:
    """11 digits of which the last is the key of the others (Luhn, ISO/IEC 7812-1 annex B)."""
    text = cell.replace(" ", "")
    if _ROUNDED.fullmatch(text):
        raise ValueRefusedError("was rounded by a spreadsheet", _AS_TEXT)
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueRefusedError("is not made of digits only", "an RPPS has 11 digits")
    if len(text) == 12 and text.startswith("8"):
        raise ValueRefusedError("is the national identifier, 8 and the RPPS", "leave the 8 away")
    if len(text) != 11:
        raise ValueRefusedError(f"has {len(text)} digits", "an RPPS has 11; an ADELI number is not accepted")
    if not luhn(text):
        raise ValueRefusedError("has a key that does not fit", "a digit is wrong; look it up in the national directory")
    return text


def structure(cell: str) -> str:
    """The national id: 1 and a FINESS, or 3 and a SIRET; the plain FINESS or SIRET is completed."""
    text = cell.replace(" ", "").upper()
    if _FINESS.fullmatch(text):
        return f"1{text}"
    if re.fullmatch(r"[0-9]{14}", text):
        return f"3{text}"
    if (len(text) == 10 and text[0] == "1" and _FINESS.fullmatch(text[1:])) or re.fullmatch(r"3[0-9]{14}", text):
        return text
    way_out = "write the FINESS (9 characters) or the SIRET (14 digits)"
    if re.fullmatch(r"[0-9]{8}|[0-9]{13}", text) or _ROUNDED.fullmatch(text):
        way_out += f"; a spreadsheet drops a 0 at the beginning: {_AS_TEXT}"
    raise ValueRefusedError(f"is neither FINESS nor SIRET: {len(text)} characters", way_out)


def quota(cell: str) -> str:
    text = cell.replace(" ", "")
    if not re.fullmatch(r"[0-9]{1,9}", text) or not SMALLEST_QUOTA <= int(text) <= LARGEST_QUOTA:
        raise ValueRefusedError(
            "is no quota", f"write a whole number of MiB, {SMALLEST_QUOTA} to {LARGEST_QUOTA}, without a unit"
        )
    return str(int(text))


def staff_id(cell: str) -> str:
    """The establishment's own number of a person; spaces in it are for the eye."""
    text = cell.replace(" ", "")
    if _ROUNDED.fullmatch(text):
        raise ValueRefusedError("was rounded by a spreadsheet", _AS_TEXT)
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}", text):
        raise ValueRefusedError("is no number of a person", "up to 32 letters, digits, . _ -")
    return text


def code(cell: str) -> str:
    """A code of a national nomenclature."""
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,19}", cell):
        raise ValueRefusedError("is no code", "write the code of the national nomenclature, not its meaning")
    return cell.upper()


def paperless(cell: str) -> str:
    """O or N; yes and no are understood in French and English."""
    said = {"o": "O", "oui": "O", "y": "O", "yes": "O", "n": "N", "non": "N", "no": "N"}.get(cell.lower())
    if said is None:
        raise ValueRefusedError("is no answer", "write O (no more paper) or N")
    return said


def rank(cell: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]?", cell):
        raise ValueRefusedError("is no rank", "write 1 for the preferred mailbox, 2 for the next, up to 99")
    return cell


def words(cell: str) -> str:
    """A text that is safe wherever it goes on: directories, address books, spreadsheets."""
    if found := fault(cell):
        raise ValueRefusedError(*found)
    if twice_encoded(cell):
        raise ValueRefusedError(
            "was read in a wrong encoding on its way here", "export it anew as UTF-8; see `mailboxes.import.encoding`"
        )
    return cell


CHECKS: Mapping[str, Callable[[str], str]] = {
    "address": address,
    "type": kind,
    "rpps": rpps,
    "structure": structure,
    "quota": quota,
    "staff_id": staff_id,
    "profession": code,
    "speciality": code,
    "paperless": paperless,
    "rank": rank,
}
"""By field; every other field is `words`."""


def checked(field: str, cell: str) -> str:
    """The clean value of a cell that is not empty.

    Raises:
        ValueRefusedError: it cannot be.
    """
    return CHECKS.get(field, words)(cell)
