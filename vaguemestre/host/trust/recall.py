"""The stores with what they were asked lately in memory: the same few operators write all day.

An answer is forgotten as soon as other rows are in force (`version`), and is not kept at all when the store could not
be read meanwhile. Revocation depends on the time too and is kept for seconds only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vaguemestre.host.trust.store import ListingStore, RevocationStore
from vaguemestre.host.trust.values import DnKey, IssuerKey, Standing

_MOST = 20_000  # answers, some 5 MB
_SECONDS = timedelta(seconds=5)


class Recall:
    """Answers of one store; a method of it is asked once for each set of arguments."""

    def __init__(self, store: ListingStore | RevocationStore) -> None:
        self._store = store
        self._version: object = None
        self.answers: dict[object, object] = {}

    def current(self) -> object:
        """The version in force, what was remembered of another one forgotten."""
        version = self._store.version
        if version is not self._version or len(self.answers) >= _MOST:
            self._version = version
            self.answers.clear()
        return version

    def keep(self, version: object, question: object, answer: object) -> None:
        """Remember, unless the store changed or failed while it answered."""
        if version is not None and self._store.version is version:
            self.answers[question] = answer


class RecalledListing:
    """`values.Listing` over the store."""

    def __init__(self, store: ListingStore) -> None:
        self.store = store
        self._recall = Recall(store)

    @property
    def generated(self) -> datetime:
        return self.store.generated

    def fresh(self, now: datetime) -> bool:
        return self.store.fresh(now)

    def listed(self, domain: str) -> bool:
        version = self._recall.current()
        known = self._recall.answers.get(domain)
        if known is None:
            known = self.store.listed(domain)
            self._recall.keep(version, domain, known)
        return known is True

    def speaks_for(self, dn: DnKey, domain: str) -> bool:
        version = self._recall.current()
        known = self._recall.answers.get((dn, domain))
        if known is None:
            known = self.store.speaks_for(dn, domain)
            self._recall.keep(version, (dn, domain), known)
        return known is True

    def knows(self, dn: DnKey) -> bool:
        version = self._recall.current()
        known = self._recall.answers.get(dn)
        if known is None:
            known = self.store.knows(dn)
            self._recall.keep(version, dn, known)
        return known is True


class RecalledRevocations:
    """`values.Revocations` over the store."""

    def __init__(self, store: RevocationStore) -> None:
        self.store = store
        self._recall = Recall(store)

    def standing(self, issuer: IssuerKey, serial: int, now: datetime) -> Standing:
        version = self._recall.current()
        known = self._recall.answers.get((issuer, serial))
        if isinstance(known, tuple) and known[0] <= now < known[1]:
            answer: Standing = known[2]
            return answer
        answer = self.store.standing(issuer, serial, now)
        self._recall.keep(version, (issuer, serial), (now, now + _SECONDS, answer))
        return answer
