"""A mailbox as the nation lists it, whatever it was read from; and what two readings of one mailbox have in common.

Several lines may list one address: one holder with several activities. The mailbox then has them all, each once, in an
order that does not depend on the file's. Should they disagree on the type, which never changes (national model of the
mailbox), PER is believed before CAB, ORG and APP, and lines of another type do not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

KINDS = ("PER", "CAB", "ORG", "APP")
"""Types of a mailbox (nomenclature TRE_R257-TypeBAL), as they are believed when lines disagree."""

FLAGS = {"O": True, "N": False, "": None}
"""Dématérialisation: whether paper is no longer wanted."""

_WRITTEN = {value: text for text, value in FLAGS.items()}


class Place(NamedTuple):
    """A postal address by the parts of AFNOR XP Z10-011, lines 2 to 6, then what goes with them."""

    complement: str = ""
    distribution: str = ""
    number: str = ""
    number_suffix: str = ""
    way_kind: str = ""
    way: str = ""
    locality: str = ""
    routing: str = ""
    postal_code: str = ""
    department: str = ""
    country: str = ""

    @property
    def street(self) -> str:
        """Number and name of the way, on one line."""
        return " ".join(filter(None, (self.number, self.number_suffix, self.way_kind, self.way)))

    @property
    def city(self) -> str:
        """Line 6 without its postal code."""
        return self.routing.removeprefix(self.postal_code).strip()


class Activity(NamedTuple):
    """In what capacity the holder is listed: who, as what, where. Codes as published, empty texts are unknown.

    `person` is the RPPS or another number of kind `person_kind`, `national_person` the same with its prefix;
    `structure` is a FINESS, SIREN or SIRET of kind `structure_kind`. A team has no person.
    """

    person_kind: str = ""
    person: str = ""
    national_person: str = ""
    structure_kind: str = ""
    structure: str = ""
    service: str = ""
    title: str = ""
    family_name: str = ""
    given_name: str = ""
    category: str = ""
    category_label: str = ""
    profession: str = ""
    profession_label: str = ""
    speciality: str = ""
    speciality_label: str = ""
    paperless: bool | None = None
    legal_name: str = ""
    trade_name: str = ""
    place: Place = Place()


class NationalMailbox(NamedTuple):
    """A mailbox: its address in lower case with an A-label domain, its type, and its activities, one at least."""

    address: str
    kind: str
    activities: tuple[Activity, ...]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def paperless(self) -> bool | None:
        """Whether its holder wants no paper; where activities disagree, paper is still wanted."""
        said = {one.paperless for one in self.activities} - {None}
        return None if not said else said == {True}


def merged(listed: Iterable[NationalMailbox]) -> NationalMailbox:
    """One mailbox of what several lines say of one address; raises ValueError when there are none, or two addresses."""
    lines = tuple(listed)
    (address,) = {one.address for one in lines}
    kind = min((one.kind for one in lines), key=KINDS.index)
    activities = {activity for one in lines if one.kind == kind for activity in one.activities}
    return NationalMailbox(address, kind, tuple(sorted(activities, key=text)))


def text(activity: Activity) -> str:
    """All that is known of it, in the order of the extraction's columns; equal texts are equal activities."""
    told = (*activity[:15], _WRITTEN[activity.paperless], *activity[16:18], *activity.place)
    return "|".join(told)


def mark(kind: str, told: str) -> str:
    """33 characters that stand for one activity of a mailbox of this type; `told` is its `text`."""
    return f"{KINDS.index(kind)}{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}"


def fingerprint(mailbox: NationalMailbox) -> str:
    """33 characters that change when what is listed of it does; the first is the place of its type in KINDS."""
    return united(mark(mailbox.kind, text(one)) for one in mailbox.activities)


def united(marks: Iterable[str]) -> str:
    """A mailbox's fingerprint, from its lines' marks in any order; by the rules of `merged`."""
    first, *others = sorted(set(marks))
    same = [one for one in others if one[0] == first[0]]
    if not same:
        return first
    return first[0] + hashlib.blake2b("".join((first, *same)).encode(), digest_size=16).hexdigest()
