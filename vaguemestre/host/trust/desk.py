"""Where the faces bring their questions: puts them to the rules with what is known now, and records each answer.

Nothing that goes wrong here may pass for a yes or end a connection: it is INTERNAL, deferred, with its traceback in the
journal. When revocation is unknown to the lists, OCSP is asked and the question is put once more.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from vaguemestre.host.trust import decide, reasons
from vaguemestre.host.trust.authorities import Authorities
from vaguemestre.host.trust.decide import Space
from vaguemestre.host.trust.inquiry import Asked, Inquiry
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.recall import Question, RecalledDecisions, RecalledListing, RecalledRevocations
from vaguemestre.host.trust.record import Record, Said, said
from vaguemestre.host.trust.values import Decision, DnKey, Identity, Revocations

_NAMES = 10_000  # operators whose DN is remembered as text, for the log

_MOMENT = 0.01  # seconds

_identity = lru_cache(maxsize=4096)(Identity.parse)

Rule = Callable[[Space], Decision]
Answer = Decision | Awaitable[Decision]


@dataclass(frozen=True)
class Knowledge:
    """What the host holds: who the authorities are, the list, revocation, and which domains are ours."""

    authorities: Authorities
    listing: RecalledListing
    revocations: RecalledRevocations
    own: frozenset[str]

    @property
    def versions(self) -> tuple[object, object]:
        """Other objects as soon as another list or other revocation lists are in force."""
        return self.listing.store.version, self.revocations.store.version

    def space(self, revocations: Revocations | None = None) -> Space:
        """What is known now."""
        now = datetime.now(UTC)
        self.revocations.look(now)
        return Space(self.listing if self.listing.look() else None, revocations or self.revocations, self.own, now)


@dataclass(frozen=True)
class Opening:
    """What nginx says of a session at its first recipient; `certificate` is PEM, `sender` and `recipient` commands."""

    tls: bool
    certificate: bytes
    sender: str
    recipient: str
    client: str


class Desk:
    """One daemon's; `inquiry` is None when no OCSP responder is configured."""

    def __init__(self, knowledge: Knowledge, record: Record, inquiry: Inquiry | None) -> None:
        self.knowledge = knowledge
        self.record = record
        self.inquiry = inquiry
        self._names: dict[DnKey, str] = {}
        self._lately = RecalledDecisions()
        self._space: Space | None = None
        self._made = 0.0

    def session(self, opening: Opening) -> Answer:
        """The first transaction of a session, from nginx."""
        facts = {
            "sender": decide.domain_of(opening.sender),
            "recipient": decide.domain_of(opening.recipient),
            "client": opening.client,
        }
        if opening.tls and opening.certificate:
            facts["dn"] = self.subject(opening.certificate)
        return self._put("auth_http", lambda space: self._session(space, opening), facts)

    def transaction(self, token: str, sender: str, client: str) -> Answer:
        """A MAIL FROM of another operator, from Postfix's policy delegation."""
        domain = decide.domain_of(sender, bare=True)
        asked = token, domain, client
        known = self._recalled(asked)
        if known is None:
            return self._transaction(asked, sender)
        self.record.say(known[1])
        return known[0]

    def recipient(self, written: str, client: str) -> Answer:
        """A recipient of somebody here, from Postfix's policy delegation."""
        facts = {"recipient": decide.domain_of(written, bare=True), "client": client}
        return self._put("policy_submission", lambda space: decide.recipient(space, written), facts)

    def header_from(self, login: str, sender: str, values: Sequence[str], client: str) -> Answer:
        """The From header of a message; `login` is an operator's token or a person's name."""
        if not login:
            decision = Decision(reasons.NO_CERTIFICATE)
            self.record.decision("milter", decision, {"client": client})
            return decision
        identity = _identity(login)
        domain = decide.domain_of(sender)
        facts = {"sender": domain, "client": client, "dn": self.name(identity, domain)}
        return self._put("milter", lambda space: decide.header_from(space, identity, sender, values), facts)

    def route(self, domain: str) -> Decision:
        """Whether mail may go to this domain at all; not recorded, the caller knows more."""
        return self.judge("map_transport", lambda space: decide.route(space, domain))

    def judge(self, face: str, question: Rule, revocations: Revocations | None = None) -> Decision:
        """The answer to a question; INTERNAL when it cannot be had."""
        try:
            return question(self._now() if revocations is None else self.knowledge.space(revocations))
        except Exception as error:
            self.record.error(face, error)
            return Decision(reasons.INTERNAL, type(error).__name__)

    def judge_asking(self, face: str, question: Rule) -> Answer:
        """`judge`, with OCSP as second source on revocation."""
        return self._asking(face, question, self.judge(face, question))

    def _asking(self, face: str, question: Rule, decision: Decision) -> Answer:
        if decision.reason is not reasons.REVOCATION_UNKNOWN or self.inquiry is None:
            return decision
        asked = Asked(self.knowledge.revocations, self.inquiry)
        decision = self.judge(face, question, asked)
        if decision.reason is not reasons.REVOCATION_UNKNOWN or not self.inquiry.may_ask(asked.unknown):
            return decision
        return self._after(self.inquiry, asked, face, question)

    def _now(self) -> Space:
        """What is known, as of a hundredth of a second ago at most: under load that spares a tenth of the work."""
        moment = time.monotonic()
        space = self._space
        if space is None or not self._made <= moment < self._made + _MOMENT:
            self._space, versions = None, self.knowledge.versions
            space, self._made = self.knowledge.space(), moment
            self._lately.look(*versions, space.now)
            self._space = space
        return space

    def _recalled(self, question: Question) -> tuple[Decision, Said] | None:
        """What was decided of this a moment ago, if all that it was decided from still is what is known."""
        try:
            self._now()
        except Exception:
            return None  # whoever asks what is known will find out, and tell
        return self._lately.get(question)

    def _transaction(self, asked: Question, sender: str) -> Answer:
        """A decision on a MAIL FROM, kept if it follows from the two stores and the time alone: OCSP is none of them,
        and by the domain of the sender alone, which is all that `decide.transaction` looks at."""
        token, domain, client = asked
        identity, face = _identity(token), "policy_edge"
        facts = {"sender": domain, "client": client, "dn": self.name(identity, domain)}

        def question(space: Space) -> Decision:
            return decide.transaction(space, identity, sender)

        decision = self.judge(face, question)
        if decision.reason is reasons.REVOCATION_UNKNOWN or decision.reason is reasons.INTERNAL:
            return self._tell(face, self._asking(face, question, decision), facts)
        told = said(face, decision, facts)
        self.record.say(told)
        self._lately.keep(asked, decision, told, *self.knowledge.versions)
        return decision

    def prove(self, space: Space, certificate: bytes, *, server: bool) -> Identity | Reason:
        """Whom a certificate proves; the national certificates' library is loaded when first needed."""
        from vaguemestre.host.trust.certificate import Use, prove

        use = Use.SERVER if server else Use.CLIENT
        return prove(certificate, self.knowledge.authorities, space.revocations, space.now, use)

    def name(self, identity: Identity | None, domain: str) -> str:
        """The DN as text: from a certificate that was seen, from what the list says of the domain, or else its key."""
        if identity is None:
            return ""
        name = self._names.get(identity.dn)
        if name is None:
            entries = self.knowledge.listing.store.entries(domain)
            name = next((one.written for one in entries if one.dn == identity.dn), identity.dn.hex())
            self._remember(identity.dn, name)
        return name

    def _remember(self, dn: DnKey, name: str) -> None:
        if len(self._names) >= _NAMES:
            self._names.clear()
        self._names[dn] = name

    def subject(self, certificate: bytes) -> str:
        """The subject, for the log; remembered for the transactions that follow."""
        text, dn = _subject(certificate)
        if dn is not None and self._names.get(dn) != text:
            self._remember(dn, text)
        return text

    def revocations(self) -> Revocations:
        """All that is known of revocation without asking anybody."""
        return self.knowledge.revocations if self.inquiry is None else Asked(self.knowledge.revocations, self.inquiry)

    def _put(self, face: str, question: Rule, facts: dict[str, str]) -> Answer:
        return self._tell(face, self.judge_asking(face, question), facts)

    def _tell(self, face: str, answer: Answer, facts: dict[str, str]) -> Answer:
        if isinstance(answer, Decision):
            self.record.decision(face, answer, facts)
            return answer
        return self._recorded(face, answer, facts)

    async def _recorded(self, face: str, answer: Awaitable[Decision], facts: dict[str, str]) -> Decision:
        decision = await answer
        self.record.decision(face, decision, facts)
        return decision

    async def _after(self, inquiry: Inquiry, asked: Asked, face: str, question: Rule) -> Decision:
        await inquiry.ask(asked.unknown)
        return self.judge(face, question, Asked(self.knowledge.revocations, inquiry))

    def _session(self, space: Space, opening: Opening) -> Decision:
        proven: Identity | Reason | None = None
        if opening.tls and opening.certificate:
            proven = self.prove(space, opening.certificate, server=False)
        return decide.session(
            space, tls=opening.tls, certificate=proven, sender=opening.sender, recipient=opening.recipient
        )


@lru_cache(maxsize=1024)
def _subject(certificate: bytes) -> tuple[str, DnKey | None]:
    """A certificate's subject as one line of text, whatever is in it, and its key if it has one.

    Peers show the same certificate all day, and taking it apart is half of what a session costs.
    """
    from vaguemestre.host.trust.authorities import guarded
    from vaguemestre.host.trust.certificate import read
    from vaguemestre.host.trust.dn import key_of, text_of

    text = "?"
    try:
        subject = guarded(lambda: read(certificate).subject)
        text = guarded(lambda: text_of(subject))
        return text, guarded(lambda: key_of(subject))
    except Exception:
        return text, None
