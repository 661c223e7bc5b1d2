"""One line of an extraction, as `reading` gives it: split into its columns, or no further than it takes to know it."""

from __future__ import annotations

from typing import NamedTuple

from vaguemestre.host.annuaire.columns import COLUMNS, SEPARATOR
from vaguemestre.host.annuaire.mailbox import FLAGS, Activity, NationalMailbox, Place

APART = COLUMNS.index("Catégorie profession")
"""The first column of a Row's rest."""


class Line(NamedTuple):
    """One line, cleaned: its columns in their order; `address` in lower case, its domain as A-labels."""

    kind: str
    address: str
    person_kind: str
    person: str
    national_person: str
    structure_kind: str
    structure: str
    service: str
    title: str
    family_name: str
    given_name: str
    category: str
    category_label: str
    profession: str
    profession_label: str
    speciality: str
    speciality_label: str
    paperless: str
    legal_name: str
    trade_name: str
    complement: str
    distribution: str
    number: str
    number_suffix: str
    way_kind: str
    way: str
    locality: str
    routing: str
    postal_code: str
    department: str
    country: str

    @property
    def mailbox(self) -> NationalMailbox:
        """What this line alone says, in the neutral model."""
        activity = Activity(*self[2:17], FLAGS[self.paperless], self.legal_name, self.trade_name, Place(*self[20:]))
        return NationalMailbox(self.address, self.kind, (activity,))

    @property
    def text(self) -> str:
        """`mailbox.text` of its activity, without making one."""
        return SEPARATOR.join(self[2:])

    @property
    def line(self) -> Line:
        return self


class Row(NamedTuple):
    """One line, cleaned, of which only the first columns are split: `rest` is that of the file from the category on."""

    kind: str
    address: str
    person_kind: str
    person: str
    national_person: str
    structure_kind: str
    structure: str
    service: str
    title: str
    family_name: str
    given_name: str
    rest: str

    @property
    def line(self) -> Line:
        return Line(*self[:APART], *self.rest.split(SEPARATOR))

    @property
    def mailbox(self) -> NationalMailbox:
        """What this line alone says, in the neutral model."""
        return self.line.mailbox

    @property
    def text(self) -> str:
        """`mailbox.text` of its activity, without making one."""
        return SEPARATOR.join(self[2:])
