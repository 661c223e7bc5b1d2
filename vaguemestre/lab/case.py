"""What an audit case is: the peers that play it, what the white list says of them, and what an operator must answer.

A case is pure data; `cases` holds all of them, `peers` makes their certificates and programs, and
`vaguemestre.trust_audit` asks operators and judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SUFFIX = "espacedeconfiance.test"

Issuer = Literal["national", "other", "forged", "self", "sub", "sub-sent"]
"""Who signs a peer's certificate.

national  the lab's national issuing authority
other     an authority of its own, none of the nation's
forged    an authority of its own that bears the names of the national ones
self      the peer itself
sub       another issuing authority below the national root, which nobody holds and the peer does not send
sub-sent  the same, sent along: the chain is whole up to the national root, yet not by the authority for operators
"""

Dates = Literal["current", "past", "future"]
Usage = Literal["both", "client", "server"]
Manner = Literal["tls", "renewed", "clear", "old-tls", "silent", "closed"]
"""How a peer receives.

tls      with STARTTLS
renewed  the same, with another certificate of the same name at first: the first session of a client that was not there
         for some minutes sees the one before, all others the new one
clear    without TLS
old-tls  with TLS 1.1 at most
silent   accepting and saying nothing
closed   not listening
"""

Session = Literal["certificate", "no-certificate", "clear"]
"""How a peer sends: showing its certificate; in TLS without any; without TLS."""


@dataclass(frozen=True)
class Recipe:
    """A peer's certificate: the national profile, and what differs from it."""

    cn: str
    organisation: str = "AUDIT DE L'ESPACE DE CONFIANCE (TEST)"
    department: str = "Paris (75)"
    structure: str = "1750099901"
    issuer: Issuer = "national"
    dates: Dates = "current"
    usage: Usage = "both"
    leaf_only: bool = False
    revoked: bool = False

    @property
    def dn(self) -> str:
        """The subject as the white list writes it: most specific part first (RFC 2253), nothing escaped."""
        return f"CN={self.cn},OU={self.structure},O={self.organisation},ST={self.department},C=FR"


@dataclass(frozen=True)
class Host:
    """One mail host of a case. `part` is the host part of its address in the lab's network."""

    name: str
    part: int
    certificate: Recipe
    manner: Manner = "tls"


@dataclass(frozen=True)
class Line:
    """One entry of the white list, its texts exactly as they are published."""

    domain: str
    dn: str


@dataclass(frozen=True)
class Transaction:
    """One message that a peer tries to send.

    Texts may hold {domain} and {host}, the case's, and {own} and {recipient}, domain and mailbox of the operator under
    audit. `sender` empty is the null sender (RFC 5321 section 6.1); `header_from` empty is the same as the sender;
    `name` is what the From header displays, `authors` how often it stands there; `second` is one more recipient;
    `command` is said before all that, whatever it is answered.
    """

    sender: str = "audit@{domain}"
    header_from: str = ""
    name: str = ""
    recipient: str = "{recipient}"
    authors: int = 1
    second: str = ""
    command: str = ""


@dataclass(frozen=True)
class Case:
    """One audit case.

    `inbound` and `outbound` are the expected answer, by its name in `vaguemestre.host.trust.reasons`, to the peer that
    writes and to a person who writes to it; None: makes no sense that way. `inbound` speaks of the last of the
    `transactions`: those before must be accepted. Hosts are the domain's MX, the preferred one first; the first is also
    the one that writes.
    """

    slug: str
    fr: str
    en: str
    domain: str
    hosts: tuple[Host, ...]
    listed: tuple[Line, ...]
    inbound: str | None
    outbound: str | None
    session: Session = "certificate"
    transactions: tuple[Transaction, ...] = (Transaction(),)
    mailbox: str = "audit@{domain}"

    @property
    def address(self) -> str:
        """Where a person of the operator under audit writes to."""
        return self.mailbox.format(domain=self.domain)

    @property
    def delivers(self) -> tuple[str, ...]:
        """The hosts that mail for this domain may reach: those whose certificate is right."""
        speak = [host for host in self.hosts if host.manner in ("tls", "renewed")]
        return tuple(host.name for host in speak if not host.certificate.revoked)
