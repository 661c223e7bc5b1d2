"""Where the faces bring what concerns the red list: puts it to `vaguemestre.host.redlist`, and records the answers.

A sender learns no more than that a mailbox does not take mail at this moment; why is in the journal, without names. A
mailbox behind a secretariat is answered for like any other, by the same code and as fast.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from vaguemestre.host.redlist.decide import TOLD, Door, Verdict, Way
from vaguemestre.host.redlist.keeper import Keeper, SpeaksFor, handed_over
from vaguemestre.host.trust import domains, reasons
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.domains import Address, DomainError
from vaguemestre.host.trust.values import Decision, DnKey, Identity

FACE = "redlist"

_NEW = "not_known_yet"  # a key of `decide.WHY`
_LOOK = 0.05  # seconds between two looks at whether a mailbox that is new is known

Answer = Decision | Awaitable[Decision]

_DEFERRED = Decision(reasons.INTERNAL)
_identity = lru_cache(maxsize=4096)(Identity.parse)


@dataclass(frozen=True)
class Handed:
    """A recipient whose message goes to the secretariat: as it was written, the address it goes on under, and the
    reports that its sender gets (RFC 3461 section 4.1), as an ESMTP parameter or nothing."""

    written: str
    onward: str
    notify: str = ""


class RedListDesk:
    """One daemon's; `patience` is how many seconds a mailbox that was just opened may take to be known."""

    def __init__(self, desk: Desk, keeper: Keeper, patience: float = 1.0) -> None:
        self._desk = desk
        self.keeper = keeper
        self._patience = patience

    def at_edge(self, token: str, sender: str, recipient: str, client: str) -> Answer:
        """A recipient of another operator's message, from Postfix's policy delegation."""
        return self._answer(Door.EDGE, token, _bare(sender), _bare(recipient), client)

    def at_home(self, login: str, sender: str, recipient: str, client: str) -> Answer:
        """A recipient of what one of ours writes; without `login` it is a filter's or this machine's.

        Who is written to by a person may answer directly from now on.
        """
        door = Door.SUBMISSION if login else Door.INSIDE
        author, to = _bare(sender), _bare(recipient)
        answer = self._answer(door, "", author, to, client)
        if not login or not author or not to:
            return answer
        if isinstance(answer, Decision):
            return self._remembered(answer, str(author), str(to))
        return self._remembered_later(answer, str(author), str(to))

    def handed(
        self, door: Door, login: str, sender: str, recipients: Iterable[Sequence[str]], client: str
    ) -> Sequence[Handed] | Decision:
        """Those of a message's recipients whose message goes to a secretariat; or why all of it must wait.

        A recipient is an address as SMTP writes it, then its ESMTP parameters.
        """
        author = _path(sender)
        found = []
        for written, *parameters in recipients:
            to = _path(written)
            verdict = self._verdict(door, login, author, to)
            if not isinstance(verdict, Verdict):
                return verdict
            if verdict.way is Way.DEFER:
                return self._told(verdict, author, to, client)
            if verdict.way is Way.SECRETARIAT:
                onward = f"<{handed_over(str(to), verdict.notice)}>"
                found.append(Handed(written, onward, notify(parameters, told=verdict.notice == TOLD)))
        return found

    def explain(self, sender: str, recipient: str, operator: str) -> str:
        """What would become of this message now, as one line of JSON; `operator` is a domain of who brings a report."""
        try:
            return json.dumps(self._explained(sender, recipient, operator))
        except Exception as error:
            self._desk.record.error(FACE, error)
            return json.dumps({"way": "defer", "why": "internal_error"})

    def _explained(self, sender: str, recipient: str, operator: str) -> dict[str, Any]:
        author, to = _bare(sender), _bare(recipient)
        if not isinstance(to, Address):
            return {"way": "defer", "why": "unusable"}
        listing = self._desk.knowledge.listing
        domain = author.domain if isinstance(author, Address) else operator
        door = Door.SUBMISSION if domain in self.keeper.houses else Door.EDGE
        brings = listing.store.speakers(operator) if operator and listing.look() else frozenset[DnKey]()
        found = self.keeper.explained(
            door, str(author or ""), str(to), lambda one: not brings.isdisjoint(listing.store.speakers(one))
        )
        return {**found, "listed": door is not Door.EDGE or (listing.look() and listing.listed(domain))}

    def _answer(
        self,
        door: Door,
        token: str,
        sender: Address | DomainError | None,
        to: Address | DomainError | None,
        client: str,
    ) -> Answer:
        verdict = self._verdict(door, token, sender, to)
        if not isinstance(verdict, Verdict):
            return verdict
        if verdict.why == _NEW:
            return self._soon(door, token, sender, to, client)
        return self._told(verdict, sender, to, client)

    async def _soon(
        self,
        door: Door,
        token: str,
        sender: Address | DomainError | None,
        to: Address | DomainError | None,
        client: str,
    ) -> Decision:
        """Postfix found the mailbox, so it was opened a moment ago: its first message need not be deferred for that."""
        until = time.monotonic() + self._patience
        verdict = self._verdict(door, token, sender, to)
        while isinstance(verdict, Verdict) and verdict.why == _NEW and time.monotonic() < until:
            await asyncio.sleep(_LOOK)
            verdict = self._verdict(door, token, sender, to)
        return self._told(verdict, sender, to, client) if isinstance(verdict, Verdict) else verdict

    def _remembered(self, decision: Decision, author: str, to: str) -> Decision:
        if decision.accepts:
            self.keeper.remember(author, to)
        return decision

    async def _remembered_later(self, answer: Awaitable[Decision], author: str, to: str) -> Decision:
        return self._remembered(await answer, author, to)

    def _verdict(
        self, door: Door, login: str, sender: Address | DomainError | None, to: Address | DomainError | None
    ) -> Verdict | Decision:
        if not isinstance(to, Address) or isinstance(sender, DomainError):
            return Decision(reasons.UNUSABLE_RECIPIENT if isinstance(to, DomainError) else reasons.UNUSABLE_SENDER)
        try:
            speaks_for = self._speaks_for(login) if sender is None and door is Door.EDGE else _nobody
            return self.keeper.verdict(door, str(sender or ""), str(to), speaks_for)
        except Exception as error:
            self._desk.record.error(FACE, error)
            return _DEFERRED

    def _speaks_for(self, token: str) -> SpeaksFor:
        identity, listing = _identity(token), self._desk.knowledge.listing
        if identity is None or not listing.look():
            return _nobody
        return lambda domain: listing.speaks_for(identity.dn, domain)

    def _told(self, verdict: Verdict, sender: object, to: object, client: str) -> Decision:
        """Direct ones are counted; a line each would only repeat the transaction's."""
        decision = Decision(_REASONS[verdict.way], verdict.why)
        if verdict.way is Way.DIRECT:
            self._desk.record.decisions[FACE, decision.reason.name] += 1
        else:
            facts = {"sender": _domain(sender), "recipient": _domain(to), "client": client}
            self._desk.record.decision(FACE, decision, facts)
        return decision


def notify(parameters: Iterable[str], *, told: bool) -> str:
    """The reports that a sender gets of a message that went to a secretariat: what was asked for (NOTIFY, RFC 3461
    section 4.1), without the one on its success unless senders may learn of the secretariat, since that would name it.
    """
    asked = next((one[7:].upper() for one in parameters if one[:7].upper() == "NOTIFY="), "")
    if not asked or told:
        return f"NOTIFY={asked}" if asked else ""
    return "NOTIFY=" + (",".join(one for one in asked.split(",") if one != "SUCCESS") or "NEVER")


_REASONS = {
    Way.DIRECT: reasons.ACCEPTED,
    Way.SECRETARIAT: reasons.TO_SECRETARIAT,
    Way.DEFER: reasons.MAILBOX_UNAVAILABLE,
}

_POSTMASTER = Address("postmaster", "")


@lru_cache(maxsize=16384)
def _bare(written: str) -> Address | DomainError | None:
    """As Postfix writes it, in policy delegation; without a domain only the postmaster is anybody (RFC 5321 4.5.1)."""
    try:
        return _POSTMASTER if written.lower() == "postmaster" else domains.bare(written)
    except DomainError as error:
        return error


@lru_cache(maxsize=16384)
def _path(written: str) -> Address | DomainError | None:
    """As SMTP writes it, in a milter."""
    try:
        return _POSTMASTER if written.lower() == "<postmaster>" else domains.address(written)
    except DomainError as error:
        return error


def _domain(address: object) -> str:
    return address.domain if isinstance(address, Address) else ""


def _nobody(_: str) -> bool:
    return False
