"""The stores with what they were asked lately in memory: the same few operators write all day.

Before each round of questions the daemon calls `look`: what was remembered is forgotten as soon as other rows are in
force. An answer is not kept when the store changed or could not be read meanwhile. Revocation depends on the time too,
so it is kept for seconds only; whole decisions depend on both stores and on the time: they hold for the rest of the
second in which they were made, as long as neither store changes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vaguemestre.host.trust.record import Said
from vaguemestre.host.trust.store import ListingStore, RevocationStore
from vaguemestre.host.trust.values import Decision, DnKey, IssuerKey, Standing

_MOST = 20_000  # answers, some 5 MB
_KEPT = timedelta(seconds=5)
_MOST_DECISIONS = 5_000

Question = tuple[str, str, str]
"""Who asks, about which domain, from which address."""


class RecalledListing:
    """`values.Listing` over the store."""

    def __init__(self, store: ListingStore) -> None:
        self.store = store
        self._version: object = None
        self._speakers: dict[str, frozenset[DnKey]] = {}

    def look(self) -> bool:
        """Whether there is a list; forget what another one said."""
        version = self.store.version
        if version is not self._version or len(self._speakers) >= _MOST:
            self._version = version
            self._speakers = {}
        return version is not None

    @property
    def generated(self) -> datetime:
        return self.store.generated

    def fresh(self, now: datetime) -> bool:
        return self.store.fresh(now)

    def listed(self, domain: str) -> bool:
        return bool(self._speakers.get(domain) or self._asked(domain))

    def speaks_for(self, dn: DnKey, domain: str) -> bool:
        speakers = self._speakers.get(domain)
        return dn in (self._asked(domain) if speakers is None else speakers)

    def knows(self, dn: DnKey) -> bool:
        return self.store.knows(dn)

    def _asked(self, domain: str) -> frozenset[DnKey]:
        speakers = self._speakers.get(domain)
        if speakers is None:
            speakers = self.store.speakers(domain)
            if self._version is not None and self.store.version is self._version:
                self._speakers[domain] = speakers
        return speakers


class RecalledRevocations:
    """`values.Revocations` over the store."""

    def __init__(self, store: RevocationStore) -> None:
        self.store = store
        self._version: object = None
        self._since = datetime.min.replace(tzinfo=UTC)
        self._standings: dict[tuple[IssuerKey, int], Standing] = {}

    def look(self, now: datetime) -> None:
        """Forget what other lists said, and what was said too long ago."""
        version = self.store.version
        since = self._since
        if version is not self._version or not since <= now < since + _KEPT or len(self._standings) >= _MOST:
            self._version = version
            self._since = now
            self._standings = {}

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        known = self._standings.get((issuer, serial))
        if known is None:
            known = self.store.standing(issuer, serial, now)
            if self._version is not None and self.store.version is self._version:
                self._standings[issuer, serial] = known
        return known


class RecalledDecisions:
    """What was decided in this second from what is in force, and how it is told."""

    def __init__(self) -> None:
        self._from: tuple[object, object, int] = (None, None, 0)
        self._decided: dict[Question, tuple[Decision, Said]] = {}

    def look(self, listing: object, revocations: object, now: datetime) -> None:
        """Forget what was decided from other rows (`version` of the stores), or in another second."""
        second = int(now.timestamp())
        known = self._from
        same = listing is known[0] and revocations is known[1] and second == known[2]
        if not same or len(self._decided) >= _MOST_DECISIONS:
            self._from = (listing, revocations, second)
            self._decided = {}

    def get(self, question: Question) -> tuple[Decision, Said] | None:
        return self._decided.get(question)

    def keep(self, question: Question, decision: Decision, said: Said, listing: object, revocations: object) -> None:
        """Remember a decision, unless another store came into force since `look`, or one that is not there."""
        if listing is self._from[0] is not None and revocations is self._from[1] is not None:
            self._decided[question] = decision, said
