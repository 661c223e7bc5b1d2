"""The few words that the rooms of the trust space share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from vaguemestre.host.trust.reasons import Reason

DnKey = bytes
"""16 bytes that two spellings of one distinguished name have in common; see `dn.key`."""

IssuerKey = bytes
"""The first 16 bytes of the SHA-256 of an authority's DER certificate."""

_TOKEN = re.compile(r"v1\.([0-9a-f]{32})\.([0-9a-f]{32})\.([0-9a-f]{1,40})\.([0-9]{1,12})\Z")


@dataclass(frozen=True)
class Identity:
    """An operator proven by certificate: its DN, who issued the certificate, its serial number, and until when.

    It travels through the whole SMTP session as `token` (XCLIENT LOGIN, then `sasl_username`), so each later
    transaction is held against the same certificate, without any memory that a restart could lose.
    """

    dn: DnKey
    issuer: IssuerKey
    serial: int
    until: int  # notAfter, seconds since 1970

    @property
    def token(self) -> str:
        return f"v1.{self.dn.hex()}.{self.issuer.hex()}.{self.serial:x}.{self.until}"

    @classmethod
    def parse(cls, token: str) -> Identity | None:
        """The identity that `token` spells, or None."""
        found = _TOKEN.match(token)
        if found is None:
            return None
        dn, issuer, serial, until = found.groups()
        return cls(bytes.fromhex(dn), bytes.fromhex(issuer), int(serial, 16), int(until))


@dataclass(frozen=True)
class Decision:
    """What was decided and why; `identity` is set when a certificate was proven on the way, `detail` is for the log."""

    reason: Reason
    detail: str = ""
    identity: Identity | None = None

    @property
    def accepts(self) -> bool:
        return self.reason.accepts


class Standing(Enum):
    """What is known of a certificate's revocation."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"  # nothing known, or known too long ago: fail closed


class Listing(Protocol):
    """The white list that is held. Domains are A-labels in lower case, matched exactly."""

    @property
    def generated(self) -> datetime: ...

    def fresh(self, now: datetime) -> bool:
        """Whether what it does not name may be refused for good: confirmed at the source not too long ago."""

    def listed(self, domain: str) -> bool:
        """Whether the domain is in the trust space."""

    def speaks_for(self, dn: DnKey, domain: str) -> bool:
        """Whether this DN is one of those listed for this very domain."""

    def knows(self, dn: DnKey) -> bool:
        """Whether this DN is listed for any domain."""


class Revocations(Protocol):
    """What is known of revocation, for every authority of the chain."""

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        """REVOKED as soon as it is known, GOOD only from a list that is current or within its grace."""
