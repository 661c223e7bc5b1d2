"""Which column of a list of staff holds which field: what the inventory says, else the usual names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from vaguemestre.errors import Problem
from vaguemestre.people import StaffColumns
from vaguemestre.staff.sheet import Sheet

# Field as people call it -> usual names without accents, blanks and signs; where a file has several, the first counts.
USUAL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "csv": {
        "address": (
            "adressemssante", "mailmssante", "adressemss", "mssante", "adressebal", "bal", "adressemail",
            "adressemessagerie", "adresseelectronique", "courriel", "mail", "email", "emailaddress", "mailaddress",
            "address", "adresse",
        ),
        "type": ("typebal", "typedebal", "type", "mailboxtype", "kind"),
        "rpps": ("rpps", "norpps", "numerorpps", "numrpps", "nrpps", "idrpps", "rppsid", "rppsnumber"),
        "surname": ("nomexercice", "nomdexercice", "nomusuel", "nomdusage", "nomusage", "nom", "nomdefamille", "sn",
                    "surname", "lastname", "familyname"),
        "given": ("prenomexercice", "prenomdexercice", "prenomusuel", "prenom", "givenname", "given", "firstname"),
        "name": ("nomaffiche", "nomcomplet", "displayname", "fullname", "name"),
        "staff_id": ("matricule", "identifiantinterne", "idinterne", "staffid", "employeeid"),
        "structure": ("finess", "nofiness", "numerofiness", "siret", "structure", "idstructure", "structureid"),
        "service": ("service", "servicederattachement", "unite", "uf", "department", "ward"),
        "responsible": ("responsable", "responsible"),
        "description": ("description",),
        "quota": ("quota", "quotamib", "quotamio"),
        "profession": ("codeprofession", "professioncode"),
        "speciality": ("codesavoirfaire", "codespecialite", "specialitycode"),
        "paperless": ("dematerialisation", "zeropapier", "paperless"),
        "rank": ("rang", "rank"),
    },
    # Active Directory (MS-ADA): its `description` is notes of administrators, which must not be published unasked.
    "ldif": {
        "address": ("mail",),
        "surname": ("sn",),
        "given": ("givenname",),
        "name": ("displayname",),
        "service": ("department",),
    },
}  # fmt: skip
FIELDS = tuple(USUAL["csv"])
_NEEDED = ("address", "rpps")


def plain(name: str) -> str:
    """A column's name without what people write differently: case, accents, blanks, signs."""
    letters = unicodedata.normalize("NFKD", name.replace("°", "o").replace("º", "o")).casefold()
    return re.sub(r"[^a-z0-9]", "", letters)


def found(file: Path, sheet: Sheet, chosen: StaffColumns) -> tuple[dict[str, str], list[Problem]]:
    """Field -> column of this sheet; and what is wrong: a chosen column that is not there, none for the address."""
    known = {plain(column): column for column in reversed(sheet.columns) if column}
    said: Mapping[str, str | None] = chosen.model_dump()
    places: dict[str, str] = {}
    problems: list[Problem] = []
    for field in FIELDS:
        wanted = said[field]
        usual = (plain(wanted),) if wanted else USUAL[sheet.kind].get(field, ())
        column = next((known[name] for name in usual if name in known), None)
        if column is not None:
            places[field] = column
        elif wanted and sheet.kind == "ldif" and field not in _NEEDED:
            places[field] = wanted.lower()  # an attribute that nobody has just now
        elif wanted:
            problems.append(_absent(file, field, wanted, sheet))
    if "address" not in places and not problems:
        problems.append(_no_address(file, sheet))
    return places, problems + _shared(file, places)


def _absent(file: Path, field: str, wanted: str, sheet: Sheet) -> Problem:
    wrong = f"there is no column {wanted}, which the inventory names"
    return Problem(file, 1, field, wrong, f"correct `mailboxes.import.columns.{field}`; there are: {_listed(sheet)}")


def _no_address(file: Path, sheet: Sheet) -> Problem:
    way_out = f"write `mailboxes.import.columns.address:` with one of: {_listed(sheet)}"
    return Problem(file, 1, "address", "no column is known to hold the addresses", way_out)


def _shared(file: Path, places: Mapping[str, str]) -> list[Problem]:
    columns = list(places.values())
    return [
        Problem(file, 1, field, f"the column {column} is to hold another field too", "name another column for one")
        for field, column in places.items()
        if columns.index(column) < list(places).index(field)
    ]


def _listed(sheet: Sheet) -> str:
    names = [column for column in sheet.columns if column]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "") or "none at all"
