"""Who may write to whom: the rules, as pure functions over what is known at one moment.

Each gives one `Decision`. Nothing is asked of the network and nothing is remembered; what is not known is deferred,
never believed. The order of the questions fixes which reason is given when several would hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from vaguemestre.host.trust import reasons
from vaguemestre.host.trust.domains import Address, DomainError, header_address
from vaguemestre.host.trust.domains import address as read_address
from vaguemestre.host.trust.domains import bare as read_bare
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.values import Decision, DnKey, Identity, Listing, Revocations, Standing

_REPORTERS = frozenset({"mailer-daemon", "postmaster"})
"""Who signs reports (RFC 3464) at a server that sends them in its own name; lower case."""

_POSTMASTER = re.compile(r"(?:RCPT TO:[ \t]*)?<?postmaster>?\Z", re.IGNORECASE)
"""The one address without a domain that every server takes (RFC 5321 section 4.5.1); it is ours."""


@dataclass(frozen=True, slots=True)
class Space:
    """What is known now. `listing` is None when no list is held; `own` are the domains served here, A-labels."""

    listing: Listing | None
    revocations: Revocations
    own: frozenset[str]
    now: datetime


ACCEPT = Decision(reasons.ACCEPTED)


def session(space: Space, *, tls: bool, certificate: Identity | Reason | None, sender: str, recipient: str) -> Decision:
    """The first transaction of a session on port 25: `certificate` is what `certificate.prove` made of the peer's.

    `sender` and `recipient` are the commands, ``MAIL FROM:<...> SIZE=...`` and ``RCPT TO:<...>``.
    """
    if not tls:
        return Decision(reasons.NO_TLS)
    if certificate is None:
        return Decision(reasons.NO_CERTIFICATE)
    if isinstance(certificate, Reason):
        return Decision(certificate)
    reason = _may_write(space, certificate.dn, _address(sender))
    return Decision(_ours(space, recipient) if reason.accepts else reason, identity=certificate)


def transaction(space: Space, identity: Identity | None, sender: str) -> Decision:
    """Every MAIL FROM of a session, as Postfix passes it on: `identity` is what the session proved at its beginning.

    `sender` is Postfix's own spelling, ``a@b`` without brackets or quotes (SMTPD_POLICY_README); see `domains.bare`.

    Expiry and revocation are asked again, since sessions may be kept open. No identity: it did not come by the edge.
    """
    if identity is None:
        return Decision(reasons.NO_CERTIFICATE)
    if space.now.timestamp() > identity.until:
        return Decision(reasons.EXPIRED, identity=identity)
    standing = space.revocations.standing(identity.issuer, identity.serial, space.now)
    if standing is not Standing.GOOD:
        return Decision(_STANDINGS[standing], identity=identity)
    return Decision(_may_write(space, identity.dn, _bare(sender)), identity=identity)


def recipient(space: Space, written: str) -> Decision:
    """At submission: mail stays inside the trust space, and the writer learns it while the program still shows it."""
    if _POSTMASTER.match(written):
        return ACCEPT
    to = _bare(written)
    return route(space, to.domain) if isinstance(to, Address) else Decision(reasons.UNUSABLE_RECIPIENT)


def route(space: Space, domain: str) -> Decision:
    """Whether mail may go to this domain: ours or a listed one."""
    if domain in space.own:
        return ACCEPT
    if space.listing is None:
        return Decision(reasons.NO_LIST)
    if space.listing.listed(domain):
        return ACCEPT
    return Decision(_absent(space, reasons.RECIPIENT_NOT_LISTED))


def header_from(space: Space, identity: Identity | None, sender: str, values: Sequence[str]) -> Decision:
    """The From header of a message against its envelope: one header, one address, the envelope's domain.

    With the null sender the header is all that names an author. An operator (`identity`) may then use what it is
    listed for, or its server's own name as postmaster or mailer-daemon, if nobody else owns that name; a person who
    logged in (`identity` None) our own domains.
    """
    envelope = _address(sender)
    if isinstance(envelope, DomainError):
        return Decision(reasons.UNUSABLE_SENDER, identity=identity)
    author = _author(values)
    if author is None:
        return Decision(reasons.FROM_UNUSABLE, identity=identity)
    if envelope is None:
        return Decision(_report(space, identity, author), identity=identity)
    agrees = author.domain == envelope.domain
    return Decision(reasons.ACCEPTED if agrees else reasons.FROM_DISAGREES, identity=identity)


def peer(space: Space, domain: str, proven: Identity | Reason) -> Decision:
    """Whether the server that proved this may be given mail for `domain`; asked again for each delivery."""
    where = route(space, domain)
    if not where.accepts:
        return where
    if isinstance(proven, Reason):
        return Decision(proven)
    if space.listing is None:
        return Decision(reasons.NO_LIST)
    if space.now.timestamp() > proven.until:
        return Decision(reasons.EXPIRED, identity=proven)
    standing = space.revocations.standing(proven.issuer, proven.serial, space.now)
    if standing is not Standing.GOOD:
        return Decision(_STANDINGS[standing], identity=proven)
    if not space.listing.speaks_for(proven.dn, domain):
        return Decision(_absent(space, reasons.DN_NOT_LISTED), identity=proven)
    return Decision(reasons.ACCEPTED, identity=proven)


_STANDINGS = {Standing.REVOKED: reasons.REVOKED, Standing.UNKNOWN: reasons.REVOCATION_UNKNOWN}


@lru_cache(maxsize=8192)
def _address(written: str) -> Address | DomainError | None:
    """`domains.address`, its refusal as a value: the same address is asked about several times in a row."""
    try:
        return read_address(written)
    except DomainError as error:
        return error


@lru_cache(maxsize=16384)
def _bare(written: str) -> Address | DomainError | None:
    """`domains.bare`, likewise."""
    try:
        return read_bare(written)
    except DomainError as error:
        return error


def _may_write(space: Space, dn: DnKey, author: Address | DomainError | None) -> Reason:
    """Whether this operator may use this sender. Reports (the null sender) come from whoever is listed at all.

    A domain of ours may be another operator's too: the list has hospitals with three, and moves go through a time of
    two. So it is the list that says who else may write in its name, and OWN_DOMAIN when it names nobody.
    """
    if isinstance(author, DomainError):
        return reasons.UNUSABLE_SENDER
    listing = space.listing
    if listing is None:
        return reasons.NO_LIST
    if author is None:
        return reasons.ACCEPTED if listing.knows(dn) else _absent(space, reasons.OPERATOR_NOT_LISTED)
    if listing.speaks_for(dn, author.domain):
        return reasons.ACCEPTED
    if author.domain in space.own:
        return reasons.OWN_DOMAIN
    listed = listing.listed(author.domain)
    return _absent(space, reasons.DN_NOT_LISTED if listed else reasons.SENDER_NOT_LISTED)


def _ours(space: Space, written: str) -> Reason:
    if _POSTMASTER.match(written):
        return reasons.ACCEPTED
    to = _address(written)
    if not isinstance(to, Address):
        return reasons.UNUSABLE_RECIPIENT
    return reasons.ACCEPTED if to.domain in space.own else reasons.NOT_RELAYED


def _author(values: Sequence[str]) -> Address | None:
    """The one address of the one From header, or None."""
    if len(values) != 1:
        return None
    try:
        return header_address(values[0])
    except DomainError:
        return None


def _absent(space: Space, reason: Reason) -> Reason:
    """What a current list does not name is refused; a list that nobody could confirm for long may have missed it."""
    return reason if space.listing is not None and space.listing.fresh(space.now) else reasons.LIST_STALE


def _report(space: Space, identity: Identity | None, author: Address) -> Reason:
    if identity is None:
        return reasons.ACCEPTED if author.domain in space.own else reasons.FROM_DISAGREES
    if space.listing is None:
        return reasons.NO_LIST
    if space.listing.speaks_for(identity.dn, author.domain):
        return reasons.ACCEPTED
    nobodys = author.domain not in space.own and not space.listing.listed(author.domain)
    if nobodys and author.local.lower() in _REPORTERS:
        return reasons.ACCEPTED
    return _absent(space, reasons.FROM_DISAGREES)


def domain_of(written: str, *, bare: bool = False) -> str:
    """The domain of an address for the log: empty for the null sender, ``?`` for what cannot be read."""
    found = _bare(written) if bare else _address(written)
    if isinstance(found, DomainError):
        return "?"
    return found.domain if found else ""
