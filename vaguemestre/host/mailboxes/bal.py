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

NEXT = {  # the life cycle: from each state, where it may go; `restored` alone leads back
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
RESTORABLE = ("closed", "quarantined")  # its mail is still there
PAPERLESS = ("O", "N")  # dématérialisation, as the nation writes it: O, no more paper
IMPORT = "import"

# RFC 5321 section 4.5.1, RFC 2142, and who speaks for the machine: these are led to the postmaster on every domain.
ROLE_ADDRESSES = ("abuse", "hostmaster", "mailer-daemon", "postmaster", "root", "security", "vmail")

# Local parts of the mailboxes that `vaguemestre verify` opens for its questions. The nation never hears of them; when
# nobody asks, they are suspended, and one waits for ever to be opened.
PROBE = "verification"
PROBE_ASKED_FOR, PROBE_TEAM = f"{PROBE}-demande", f"{PROBE}-equipe"
PROBE_HIDDEN, PROBE_LIVING = f"{PROBE}-liste-rouge", f"{PROBE}-vie"
PROBES = (PROBE, PROBE_ASKED_FOR, PROBE_TEAM, PROBE_HIDDEN, PROBE_LIVING)

# RFC 5321 section 4.1.2, as far as people use it.
LOCAL = re.compile(r"(?!.*\.\.)[a-z0-9]([a-z0-9._+-]{0,62}[a-z0-9])?")


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """What was asked must not be done; the text says why and the way out."""


@dataclass(frozen=True)
class RedListRules:
    """How people of an establishment are protected who chose nothing: `default` is one of RED_LIST."""

    default: str = "none"
    own_staff_direct: bool = True
    secretariat: str = ""


@dataclass(frozen=True)
class Retention:
    """How long what has ended is kept: in days until it is quarantined, then purged; until the address is free."""

    closed_days: int = 90
    quarantine_days: int = 275
    closed_address_years: int = 10


@dataclass(frozen=True)
class Domain:
    """A mail domain of this host: whose it is and where, its structure's national id, what its mailboxes get in MiB.

    Where there are `professions` (codes), its people are of these and nobody else is placed there.
    """

    name: str
    establishment: str
    structure: str
    quota_mib: int
    professions: tuple[str, ...] = ()
    redlist: RedListRules = RedListRules()
    retention: Retention = Retention()
    city: str = ""

    @classmethod
    def of(cls, name: str, facts: Mapping[str, Any]) -> Domain:
        """From the settings that role openldap writes."""
        return cls(
            name,
            facts["establishment"],
            facts["structure"],
            facts["quota_mib"],
            tuple(facts.get("professions", ())),
            RedListRules(**facts.get("redlist", {})),
            Retention(**facts.get("retention", {})),
            facts.get("city", ""),
        )


@dataclass(frozen=True)
class Mailbox:
    """One mailbox; times are LDAP generalized times in UTC (``20261123040000Z``), empty texts are unknown.

    `origin` and `state_by` are `IMPORT` for what a list of staff brought or did, and empty for the work of people,
    which no import undoes. `redlist` is one of RED_LIST, empty in what an older release wrote: nobody sees it then.
    `paperless` (dématérialisation) is O, N or empty, as the nation writes it. `profession` and `speciality` are
    national codes. `rank` says which of a holder's mailboxes is preferred, 1 first. `allowed` are addresses, or
    domains after an @, that write past the secretariat; `senders` the people who may send as a mailbox that is shared.
    `person` is the RPPS (11 digits) or, with a stroke in it, the identification by a structure. `closed` is when it was
    closed. `paperless_by` and `redlist_by` say who asked: holder or administrator. `notice` is told or silent: whether
    senders may learn that a secretariat received their message.
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
    closed: str = ""
    paperless_by: str = ""
    redlist_by: str = ""
    notice: str = ""

    @property
    def rpps(self) -> str:
        """The national number of the person; empty where a structure answers for the person instead."""
        return "" if "/" in self.person else self.person

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
    """What this host serves: its domains by name, where role addresses go; mailboxes purged in one day at most."""

    domains: Mapping[str, Domain]
    postmaster: str
    reserved: tuple[str, ...] = field(default=ROLE_ADDRESSES)
    max_purged: int = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Site:
        """From the settings that role openldap writes."""
        domains = {name: Domain.of(name, facts) for name, facts in settings["domains"].items()}
        return cls(domains, settings["postmaster"], tuple(settings["reserved"]), settings.get("max_purged", 0))

    def domain_of(self, profession: str) -> Domain | None:
        """Where people of this profession are placed; None: nowhere in particular."""
        return next((one for one in self.domains.values() if profession in one.professions), None)


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
        back = f"\n    the same holder is back? vaguemestre mailbox restore {mailbox.address}"
        raise Refused(
            f"{mailbox.address} is {mailbox.state}; from there it can become {ways}, not {state}"
            + (back if mailbox.state in RESTORABLE else "")
        )
    if state == "active":
        return replace(mailbox, state=state, since=now, state_by="", origin=_opened_by(mailbox, by))
    if state == "purged":
        return _tombstone(replace(mailbox, since=now))
    closed = now if state == "closed" else mailbox.closed
    return replace(mailbox, state=state, since=now, state_by=by, closed=closed)


def _opened_by(mailbox: Mailbox, by: str) -> str:
    return mailbox.origin if by or not mailbox.state_by else ""


def _tombstone(mailbox: Mailbox) -> Mailbox:
    """What remains when its mail is gone: that the address was given, to whom and when, and no more of the person."""
    kept = {name: getattr(mailbox, name) for name in ("address", "since", "created", "closed", *FIXED)}
    return Mailbox(**kept, state="purged")


def restored(mailbox: Mailbox, now: str) -> Mailbox:
    """The mailbox open again for the same holder, with the mail that it had; a password must be given anew.

    Raises:
        Refused: it has not ended, or its mail is gone.
    """
    if mailbox.state not in RESTORABLE:
        why = "its mail has been removed" if mailbox.state == "purged" else "there is nothing to restore"
        raise Refused(f"{mailbox.address} is {mailbox.state}: {why}")
    return replace(mailbox, state="active", since=now, closed="", state_by="", origin="")


def listed(mailbox: Mailbox, redlist: str, secretariat: str = "", allowed: tuple[str, ...] | None = None) -> Mailbox:
    """The mailbox under this rule of the red list; without `allowed`, who may write past the secretariat stays so.

    Raises:
        Refused: no such rule, or `secretariat` without the address of one.
    """
    if redlist not in RED_LIST:
        known = ", ".join(f"{name} ({meaning})" for name, meaning in RED_LIST.items())
        raise Refused(f"{redlist!r} is no rule of the red list; the rules are {known}")
    chosen = secretariat or mailbox.secretariat
    if redlist == "secretariat" and chosen in ("", mailbox.address):
        raise Refused(f"{mailbox.address}: which mailbox is the secretariat? It must be another one (--secretariat)")
    if mailbox.state in ENDED:
        raise Refused(f"{mailbox.address} is {mailbox.state}: nobody finds it or writes to it any more")
    return replace(
        mailbox,
        redlist=redlist,
        secretariat=chosen,
        allowed=mailbox.allowed if allowed is None else allowed,
    )


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
