"""A mailbox as an entry of the directory: what mail programs show and search, and the words that our search goes by.

One shape for the nation's mailboxes and for ours, so that one filter finds both. `cn` holds the name in both orders,
and again without accents: mail programs ask for what their user has typed, most often by the beginning of `cn`
(Thunderbird ``(cn=v1*v2*)``). The words (vgmName and those beside it) are folded, see `folding`.

Attributes are those of RFC 4519, RFC 2798 and RFC 4524, plus the schema's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

from vaguemestre.host.annuaire.folding import folded, sound, telling, words
from vaguemestre.host.annuaire.mailbox import NationalMailbox, Place, fingerprint
from vaguemestre.host.annuaire.professions import PROFESSIONS
from vaguemestre.host.mailboxes.bal import Mailbox
from vaguemestre.host.mailboxes.store import NATIONAL

FORMAT = 1
"""Raised with every change of what `entry` makes of the same mailbox: entries of another format are written anew."""

CLASS = "vgmNationalMailbox"

OWN = ("cn", "title", "o", "l", "vgmName", "vgmSound", "vgmTrade", "vgmSite", "vgmPlace")
"""What `own` makes of a mailbox, and nobody else writes."""

_FLAG = {True: "O", False: "N", None: ""}
_SPECIAL = frozenset('\\,+"<>;=#')  # RFC 4514 section 2.4

Attributes = dict[str, list[str]]


@dataclass(frozen=True)
class Establishment:
    """What an address book says of where a mailbox of ours belongs."""

    name: str
    city: str = ""


def dn(address: str) -> str:
    """The name of a national mailbox's entry (RFC 4514); `address` is printable ASCII without blanks."""
    escaped = "".join(f"\\{one}" if one in _SPECIAL else one for one in address)
    return f"mail={escaped},{NATIONAL}"


def entry(mailbox: NationalMailbox, marked: str = "") -> Attributes:
    """All of a national mailbox's entry, objectClass too. `marked` is its fingerprint where it is known already."""
    every = mailbox.activities
    main = every[0]
    names = _names(mailbox)
    attributes = {
        "objectClass": [CLASS],
        "mail": [mailbox.address],
        "vgmMailboxType": [mailbox.kind],
        "vgmFingerprint": [marked or fingerprint(mailbox)],
        "displayName": names[:1],
        **_called(names, [text for one in every for text in (one.family_name, one.given_name, one.service)]),
        "sn": _each(one.family_name for one in every),
        "givenName": _each(one.given_name for one in every),
        "personalTitle": _each(one.title for one in every),
        "ou": _each(one.service for one in every),
        "vgmService": [main.service],
        "vgmPersonId": [main.person],
        "vgmStructureId": [main.structure],
        "vgmPaperless": [_FLAG[mailbox.paperless]],
        "vgmProfession": _each(one.profession for one in every),
        "vgmSpeciality": _each(one.speciality for one in every),
        **_united([_trade(one.profession_label, one.speciality_label) for one in every]),
        **_united([_site(one.legal_name, one.trade_name, one.place) for one in every]),
    }
    return _without_empty(attributes)


def own(mailbox: Mailbox, at: Establishment, labels: Mapping[str, str] = PROFESSIONS) -> Attributes:
    """The attributes OWN of a mailbox of ours; the rest of its entry is the store's business.

    `labels` gives what a national code of profession or speciality means, as far as it is known.
    """
    names = _each((mailbox.display, *_both_orders(mailbox.given, mailbox.surname)))
    called = (mailbox.surname, mailbox.given) if mailbox.surname or mailbox.given else (mailbox.display,)
    attributes = {
        **_called(names or [mailbox.address], _each((*called, mailbox.service))),
        **_trade(labels.get(mailbox.profession, ""), labels.get(mailbox.speciality, "")),
        **_site(at.name, "", Place(routing=at.city)),
    }
    return {name: texts for name, texts in _without_empty(attributes).items() if name in OWN}


def _called(names: list[str], parts: list[str]) -> Attributes:
    """What a name is found by; `parts` are those of which it is made."""
    known = words(*parts)
    joined = (one for text in parts if (one := folded(text).replace(" ", "")))  # LE GALL is asked as LEGALL, too
    return {
        "cn": _with_folded(names),
        "vgmName": list(dict.fromkeys((*known, *joined))),
        "vgmSound": list(dict.fromkeys(map(sound, known))),
    }


@lru_cache(1 << 12)
def _trade(profession: str, speciality: str) -> Attributes:
    """What a profession is shown and found by; not to be changed, there are half a million of few."""
    title = ", ".join(_each((profession, speciality)))
    return {"title": [title], "vgmTrade": list(telling(title))}


@lru_cache(1 << 15)
def _site(legal: str, trade: str, place: Place) -> Attributes:
    """What an establishment is shown and found by; not to be changed, it has many mailboxes."""
    return {
        "o": _each((legal, trade)),
        "street": [place.street],
        "l": [place.city],
        "postalCode": [place.postal_code],
        "st": [place.department],
        "vgmSite": list(telling(legal, trade)),
        "vgmPlace": _each((*telling(place.city), place.postal_code, place.department)),
    }


def _united(parts: list[Attributes]) -> Attributes:
    """The attributes of several activities, all of which have the same names."""
    if len(parts) == 1:
        return parts[0]
    return {name: _each(text for one in parts for text in one[name]) for name in parts[0]}


def _names(mailbox: NationalMailbox) -> list[str]:
    """The first is the one to show. A team has its service and its structure for a name."""
    persons = [
        name
        for one in mailbox.activities
        if one.family_name or one.given_name
        for name in _both_orders(one.given_name, one.family_name)
    ]
    teams = (", ".join(filter(None, (one.service, one.trade_name or one.legal_name))) for one in mailbox.activities)
    return _each(persons or teams) or [mailbox.address]


def _both_orders(given: str, family: str) -> tuple[str, ...]:
    return tuple(filter(None, (f"{given} {family}".strip(), f"{family} {given}".strip())))


def _with_folded(names: list[str]) -> list[str]:
    """The names, then those among their plain forms that slapd's own matching would not take for the same."""
    known = set(map(_key, names))
    return [*names, *dict.fromkeys(plain for one in names if (plain := folded(one)) and plain not in known)]


def _each(texts: Iterable[str]) -> list[str]:
    """Each text once, empty ones not, in their order; alike is what slapd takes for alike (caseIgnoreMatch)."""
    given = tuple(texts)
    if len(given) == 1:
        return [given[0]] if given[0] else []
    first: dict[str, str] = {}
    for text in given:
        if text:
            first.setdefault(_key(text), text)
    return list(first.values())


def _key(text: str) -> str:
    return text.casefold() if text.isascii() else normalize("NFKC", normalize("NFKC", text).casefold())


def _without_empty(attributes: Attributes) -> Attributes:
    """What `_each` made holds no empty text; what is one text may be it."""
    return {name: texts for name, texts in attributes.items() if texts and texts[0]}
