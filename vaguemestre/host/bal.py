"""A mailbox of the trust space (BAL, boîte aux lettres): what it is, what it needs, how it lives and ends. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

KINDS = {  # national nomenclature TRE_R257-TypeBAL
    "PER": "a person",
    "ORG": "a team or service",
    "APP": "a program",
    "CAB": "a private practice",
}

NEXT = {  # the life cycle: from each state, where it may go
    "requested": ("active", "closed"),
    "active": ("suspended", "closed"),
    "suspended": ("active", "closed"),
    "closed": ("quarantined",),
    "quarantined": ("purged",),
    "purged": (),
}
STATES = tuple(NEXT)
RED_LIST = {  # liste rouge
    "none": "found by everybody",
    "unlisted": "found by no search; mail still arrives",
    "secretariat": "found by no search; mail of peers goes to the secretariat",
}
RECEIVING = ("active", "suspended")
ENDED = ("closed", "quarantined", "purged")
IMPORT = "import"

# RFC 5321 section 4.5.1, RFC 2142, and who speaks for the machine: these are led to the postmaster on every domain.
ROLE_ADDRESSES = ("abuse", "hostmaster", "mailer-daemon", "postmaster", "root", "security", "vmail")

# RFC 5321 section 4.1.2, as far as people use it.
LOCAL = re.compile(r"(?!.*\.\.)[a-z0-9]([a-z0-9._+-]{0,62}[a-z0-9])?")
_RPPS = re.compile(r"[0-9]{11}")
_STRUCTURE = re.compile(r"1[0-9][0-9AB][0-9]{7}|3[0-9]{14}")


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """What was asked must not be done; the text says why and the way out."""


@dataclass(frozen=True)
class Domain:
    """A mail domain of this host: whose it is, its structure's national id, and what its mailboxes get in MiB."""

    name: str
    establishment: str
    structure: str
    quota_mib: int


@dataclass(frozen=True)
class Mailbox:
    """One mailbox; times are LDAP generalized times in UTC (``20261123040000Z``), empty texts are unknown.

    `origin` and `state_by` are `IMPORT` for what a list of staff brought or did, and empty for the work of people,
    which no import undoes. `redlist` is one of RED_LIST, empty in what an older release wrote: nobody sees it then.
    `paperless` (dématérialisation) is O, N or empty, as the nation writes it. `profession` and `speciality` are
    national codes. `rank` says which of a holder's mailboxes is preferred, 1 first. `allowed` are addresses, or
    domains after an @, that write past the secretariat; `senders` the people who may send as a mailbox that is shared.
    """

    address: str
    kind: str
    state: str = "active"
    since: str = ""
    created: str = ""
    quota_mib: int = 0
    person: str = ""
    structure: str = ""
    surname: str = ""
    given: str = ""
    display: str = ""
    service: str = ""
    responsible: str = ""
    description: str = ""
    origin: str = ""
    state_by: str = ""
    redlist: str = ""
    secretariat: str = ""
    allowed: tuple[str, ...] = ()
    paperless: str = ""
    profession: str = ""
    speciality: str = ""
    rank: int = 0
    senders: tuple[str, ...] = ()

    @property
    def local(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


# What makes it somebody's: these never change once the address is given.
FIXED = ("kind", "person", "structure")


@dataclass(frozen=True)
class Site:
    """What this host serves: its domains by name, where role addresses go."""

    domains: Mapping[str, Domain]
    postmaster: str
    reserved: tuple[str, ...] = field(default=ROLE_ADDRESSES)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Site:
        """From the settings that role openldap writes."""
        domains = {name: Domain(name, **facts) for name, facts in settings["domains"].items()}
        return cls(domains, settings["postmaster"], tuple(settings["reserved"]))


def opened(wanted: Mailbox, site: Site, existing: Mailbox | None, now: str) -> Mailbox:
    """The mailbox to be added, complete; or `existing` itself when it already is what is wanted.

    Raises:
        Refused: with all that is wrong; or the address is or was somebody else's.
    """
    complete = _completed(wanted, site, now)
    wrong = _wrong(complete, site)
    if wrong:
        raise Refused("\n".join(wrong))
    return _reconciled(complete, existing) if existing else complete


def moved(mailbox: Mailbox, state: str, now: str, by: str = "") -> Mailbox:
    """The mailbox in another state; itself when it is there already. `by` is `IMPORT`, or empty for people.

    What people decide about a mailbox that an import had suspended is theirs from then on: suspended, no import opens
    it; opened, no import suspends it again.

    Raises:
        Refused: life does not go that way.
    """
    if mailbox.state == state:
        return mailbox if by else replace(mailbox, state_by="") if mailbox.state_by else mailbox
    if state not in NEXT[mailbox.state]:
        ways = " or ".join(NEXT[mailbox.state]) or "nothing: this is the end"
        raise Refused(f"{mailbox.address} is {mailbox.state}; from there it can become {ways}, not {state}")
    if state == "active":
        return replace(mailbox, state=state, since=now, state_by="", origin=_opened_by(mailbox, by))
    return replace(mailbox, state=state, since=now, state_by=by)


def _opened_by(mailbox: Mailbox, by: str) -> str:
    return mailbox.origin if by or not mailbox.state_by else ""


def may_log_in(mailbox: Mailbox) -> Mailbox:
    """The mailbox, if a password of it makes sense.

    Raises:
        Refused: it is not open yet, or not any more.
    """
    if mailbox.state not in RECEIVING:
        raise Refused(f"{mailbox.address} is {mailbox.state}: nobody can log in there, so a password is of no use")
    return mailbox


def plain(mailbox: Mailbox) -> dict[str, Any]:
    """For JSON: what is known of it."""
    values = {one.name: getattr(mailbox, one.name) for one in fields(mailbox)}
    return {name: value for name, value in values.items() if value not in ("", 0, ())}


def _completed(wanted: Mailbox, site: Site, now: str) -> Mailbox:
    address = wanted.address.strip().lower()
    domain = site.domains.get(address.rpartition("@")[2])
    structure = wanted.structure or (domain.structure if domain and wanted.kind in ("ORG", "APP") else "")
    return replace(
        wanted,
        address=address,
        since=now,
        created=now,
        structure=structure,
        quota_mib=wanted.quota_mib or (domain.quota_mib if domain else 0),
        display=wanted.display or f"{wanted.given} {wanted.surname}".strip(),
    )


def _wrong(box: Mailbox, site: Site) -> list[str]:
    return [*_wrong_address(box, site), *_wrong_holder(box)]


def _wrong_address(box: Mailbox, site: Site) -> list[str]:
    if "@" not in box.address:
        return [f"{box.address!r} is no address: write it whole, with one of {', '.join(site.domains)} after an @"]
    wrong = []
    if box.domain not in site.domains:
        wrong.append(f"{box.address}: {box.domain} is not served here; served are: {', '.join(site.domains)}")
    if not LOCAL.fullmatch(box.local):
        wrong.append(
            f"{box.address}: before the @, use a-z 0-9 . _ + -, begin and end with a letter or digit, no two dots"
        )
    if box.local in site.reserved:
        wrong.append(f"{box.address}: {box.local}@ is led to {site.postmaster} on every domain; choose another name")
    return wrong


def _wrong_holder(box: Mailbox) -> list[str]:
    """What each kind requires (nomenclature TRE_R257 and the national model of the mailbox)."""
    if box.kind not in KINDS:
        return [
            f"{box.kind!r} is no kind of mailbox; the kinds are " + ", ".join(f"{k} ({t})" for k, t in KINDS.items())
        ]
    wrong = []
    if box.kind == "PER" and not _RPPS.fullmatch(box.person):
        wrong.append(f"{box.address}: a mailbox of a person needs the RPPS, 11 digits (--rpps), not {box.person!r}")
    if box.kind in ("ORG", "APP") and box.person:
        wrong.append(f"{box.address}: a mailbox of kind {box.kind} belongs to a structure: leave --rpps away")
    if box.kind in ("ORG", "APP") and not box.structure:
        wrong.append(f"{box.address}: a mailbox of kind {box.kind} needs the structure's national id (--structure)")
    if box.structure and not _STRUCTURE.fullmatch(box.structure):
        wrong.append(f"{box.address}: {box.structure!r} is neither 1 and a FINESS nor 3 and a SIRET (--structure)")
    if box.kind == "CAB" and not box.description:
        wrong.append(f"{box.address}: a mailbox of a practice needs a description (--description)")
    return wrong


def _reconciled(wanted: Mailbox, existing: Mailbox) -> Mailbox:
    """Adding the same mailbox again is no error; adding another under its address is."""
    if existing.state in ENDED:
        raise Refused(
            f"{existing.address} was given before and is {existing.state} since {existing.since}: an address is never "
            "given again, mail for its first holder would reach another\n    choose another address"
        )
    changed = [name for name in FIXED if getattr(wanted, name) != getattr(existing, name)]
    if changed:
        said = ", ".join(f"{name} {getattr(existing, name) or 'none'}" for name in changed)
        raise Refused(f"{existing.address} exists already with {said}, which never changes\n    choose another address")
    return existing
