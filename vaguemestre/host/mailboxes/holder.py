"""Whose a mailbox is, and what its kind needs: national numbers, codes, and the domain of a profession. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vaguemestre.host.mailboxes.bal import KINDS, LOCAL, PAPERLESS, Mailbox, Site
from vaguemestre.host.mailboxes.texts import fault

_RPPS = re.compile(r"[0-9]{11}")
_STRUCTURE = re.compile(r"1[0-9][0-9AB][0-9]{7}|3[0-9]{14}")
# The national identification of a person whom a structure registers: 3 and its FINESS, or 5 and its SIRET, a stroke,
# and the structure's own number of the person (PSIdNat of the ANS, CI-SIS).
_INTERNAL = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")
_REGISTERED = re.compile(rf"(?:3[0-9][0-9AB][0-9]{{7}}|5[0-9]{{14}})/{_INTERNAL.pattern}")
_PROFESSION = re.compile(r"[0-9A-Z]{1,8}")
_SPECIALITY = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,19}")

LAST_RANK = 99
WHO = ("holder", "administrator")  # who speaks for a mailbox
TEXTS = ("surname", "given", "display", "service", "responsible", "description")  # fields that people write freely


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn key of those before it (ISO/IEC 7812-1 annex B)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(sum(divmod(number, 10)) for number in doubled) % 10 == 0


def registered(structure: str, number: str) -> str:
    """The identification of a person without RPPS, whom the structure (1 and FINESS, 3 and SIRET) registers."""
    return f"{ {'1': '3', '3': '5'}.get(structure[:1], '') }{structure[1:]}/{number.strip()}"


def wrong(box: Mailbox, site: Site) -> list[str]:
    """Everything that is wrong with a mailbox that is to be opened, each with the way out."""
    return [*_address(box, site), *_holder(box), *placed(box, site), *details(box, site)]


def details(box: Mailbox, site: Site) -> Iterator[str]:
    """What is wrong with what may change during its life."""
    for name in TEXTS:
        if found := fault(getattr(box, name)):
            yield f"{box.address}: the {_CALLED.get(name, name)} {found[0]}: {found[1]}"
    if box.paperless not in ("", *PAPERLESS):
        yield f"{box.address}: {box.paperless!r} is no answer about paper: O (no more paper) or N (--paperless)"
    if box.paperless_by not in ("", *WHO):
        yield f"{box.address}: {box.paperless_by!r} cannot say so about paper: {' or '.join(WHO)} (--by)"
    if box.profession and not _PROFESSION.fullmatch(box.profession):
        yield f"{box.address}: {box.profession!r} is no code of a profession, such as 60 for nurses (--profession)"
    if box.speciality and not _SPECIALITY.fullmatch(box.speciality):
        yield f"{box.address}: {box.speciality!r} is no code of a speciality, such as SM26 (--speciality)"
    if not 0 <= box.rank <= LAST_RANK:
        yield f"{box.address}: a rank goes from 1, the first, to {LAST_RANK}; 0: none (--rank)"
    yield from _senders(box, site)


_CALLED = {"display": "name to show", "given": "given name"}


def _address(box: Mailbox, site: Site) -> Iterator[str]:
    if "@" not in box.address:
        yield f"{box.address!r} is no address: write it whole, with one of {', '.join(site.domains)} after an @"
        return
    if box.domain not in site.domains:
        yield f"{box.address}: {box.domain} is not served here; served are: {', '.join(site.domains)}"
    if not LOCAL.fullmatch(box.local):
        yield f"{box.address}: before the @, use a-z 0-9 . _ + -, begin and end with a letter or digit, no two dots"
    if box.local in site.reserved:
        yield f"{box.address}: {box.local}@ is led to {site.postmaster} on every domain; choose another name"


def _holder(box: Mailbox) -> Iterator[str]:
    """What each kind requires (nomenclature TRE_R257 and the national model of the mailbox)."""
    if box.kind not in KINDS:
        known = ", ".join(f"{code} ({meaning})" for code, meaning in KINDS.items())
        yield f"{box.kind!r} is no kind of mailbox; the kinds are {known}"
        return
    if box.kind == "PER":
        yield from _person(box)
    if box.kind in ("ORG", "APP"):
        if box.person:
            yield f"{box.address}: a mailbox of kind {box.kind} belongs to a structure: leave --rpps away"
        if not box.structure:
            yield f"{box.address}: a mailbox of kind {box.kind} needs the structure's national id (--structure)"
    if box.kind == "CAB":
        if box.person:
            yield from _person(box)
        if not box.description:
            yield f"{box.address}: a mailbox of a practice needs a description (--description)"
    if box.structure and not _STRUCTURE.fullmatch(box.structure):
        yield f"{box.address}: {box.structure!r} is neither 1 and a FINESS nor 3 and a SIRET (--structure)"


def _person(box: Mailbox) -> Iterator[str]:
    if "/" in box.person:
        if not _REGISTERED.fullmatch(box.person):
            yield (
                f"{box.address}: {box.person!r} is no identification by a structure: the establishment's own number "
                "has up to 32 letters, digits, . _ - (--staff-id)"
            )
    elif not _RPPS.fullmatch(box.person):
        yield (
            f"{box.address}: a mailbox of a person needs the RPPS, 11 digits (--rpps), not {box.person!r}; "
            "for staff without one, the establishment's own number (--staff-id)"
        )
    elif not luhn(box.person):
        yield f"{box.address}: the key of the RPPS does not fit: a digit is wrong; look it up in the national directory"


def placed(box: Mailbox, site: Site) -> Iterator[str]:
    """A domain of professions takes people of these only; the others take everybody."""
    domain = site.domains.get(box.domain)
    if domain is None or not domain.professions or box.kind not in ("PER", "CAB"):
        return
    if box.profession in domain.professions:
        return
    way_out = "say which the person has (--profession)"
    if box.profession:
        right = site.domain_of(box.profession)
        way_out = f"people of {box.profession} are placed in " + (right.name if right else "no domain of professions")
    yield f"{box.address}: {box.domain} is for professions {', '.join(domain.professions)}: {way_out}"


def _senders(box: Mailbox, site: Site) -> Iterator[str]:
    if box.senders and box.kind not in ("ORG", "CAB"):
        yield f"{box.address}: nobody else sends as a {box.kind}; only an ORG or a CAB is shared (--sender)"
    for sender in box.senders:
        local, _, domain = sender.rpartition("@")
        if domain not in site.domains or not LOCAL.fullmatch(local):
            yield f"{box.address}: {sender!r} is no mailbox of ours, so it cannot send as this one (--sender)"
