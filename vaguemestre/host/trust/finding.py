"""What a look at a peer is about and what came of it, as values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vaguemestre.host.trust import reasons
from vaguemestre.host.trust.domains import DomainError, domain
from vaguemestre.host.trust.probe import Showing, Target
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.values import Decision, Identity

SMTP = 25
_NEXT_HOP = re.compile(r"(?:\[(?P<host>[^\[\]:]+)\]|(?P<domain>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?\Z")


@dataclass(frozen=True)
class NextHop:
    """Where Postfix delivers: ``domain``, ``domain:port`` by MX, ``[host]:port`` without (transport(5))."""

    domain: str
    port: int
    exchangers: bool = True


@dataclass(frozen=True)
class Proof:
    """What one address showed, judged: whom its certificate proves, and the certificate's SHA-256."""

    showing: Showing
    result: Identity | Reason
    fingerprint: str
    subject: str = ""


@dataclass(frozen=True)
class Pins:
    """The answer for one delivery: the certificates it may meet, or why it must not begin."""

    decision: Decision
    fingerprints: tuple[str, ...] = ()
    definite: bool = False  # waiting will not mend it, by all that was seen


def next_hop(key: str) -> NextHop | None:
    """What Postfix asks for; None when it is none, or names an IP address: the list has domains only."""
    found = _NEXT_HOP.match(key)
    if found is None:
        return None
    port = int(found["port"] or SMTP)
    try:
        name = domain(found["host"] or found["domain"])
    except DomainError:
        return None
    return NextHop(name, port, found["host"] is None) if 0 < port < 65536 else None


def nothing(hop: NextHop, reason: Reason, detail: str) -> Proof:
    return unproven(Target(hop.domain, "", hop.port), reason, detail)


def unproven(target: Target, reason: Reason, detail: str) -> Proof:
    return Proof(Showing(target, None, reason, detail), reason, "")


def seen(proof: Proof) -> str:
    """One address for the log."""
    name = "proven" if isinstance(proof.result, Identity) else proof.result.name
    detail = f" ({proof.showing.detail})" if proof.showing.detail else ""
    return f"{proof.showing.target} {name}{detail}"


def most_telling(found: Sequence[Reason]) -> Reason:
    """The reason that helps most when several addresses failed differently: what a certificate showed comes first."""
    return min(found, key=lambda reason: _TELLING.index(reason) if reason in _TELLING else len(_TELLING))


_TELLING = (
    reasons.REVOKED,
    reasons.DN_NOT_LISTED,
    reasons.EXPIRED,
    reasons.NOT_YET_VALID,
    reasons.WRONG_USAGE,
    reasons.UNUSABLE_SUBJECT,
    reasons.FOREIGN_AUTHORITY,
    reasons.UNREADABLE_CERTIFICATE,
    reasons.LIST_STALE,
    reasons.NO_LIST,
    reasons.REVOCATION_UNKNOWN,
    reasons.PEER_NO_TLS,
    reasons.PEER_NULL_MX,
    reasons.PEER_HANDSHAKE,
    reasons.PEER_SILENT,
    reasons.PEER_UNREACHABLE,
    reasons.DNS_FAILED,
)
