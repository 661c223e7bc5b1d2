"""The battery on one establishment: fire everything, watch until each case has come to its end, judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from vaguemestre.establishment import Fleet
from vaguemestre.lab.case import Case
from vaguemestre.trust_audit import inbound, outbound
from vaguemestre.trust_audit.evidence import Event, Reply, Returned, decisions
from vaguemestre.trust_audit.mailbox import Mailbox
from vaguemestre.trust_audit.operator import Operator, Told
from vaguemestre.trust_audit.outbound import Traces
from vaguemestre.trust_audit.peers import Peers
from vaguemestre.trust_audit.verdict import Direction, Observation, Verdict
from vaguemestre.verify.site import Site

_PATIENCE = 150.0  # seconds until what has not come to its end is judged as it stands
_FIRST_FLUSH = 20.0  # a definite refusal is confirmed by a second look at the peer after 15 seconds, then it is final
_FLUSH_EVERY = 12.0
_ROUND = 2.0

Key = tuple[str, Direction]


@dataclass(frozen=True)
class Wanted:
    """What is to be tried."""

    cases: tuple[Case, ...]
    directions: tuple[Direction, ...]

    @property
    def inbound(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.inbound and "inbound" in self.directions)

    @property
    def outbound(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.outbound and "outbound" in self.directions)


@dataclass(frozen=True)
class Seen:
    """All that is known at one moment of a watch."""

    told: Told
    arrived: frozenset[str]
    reports: tuple[Returned, ...]
    events: tuple[Event, ...]
    outside: str

    @property
    def traces(self) -> Traces:
        queued = tuple((recipient, reason) for _, recipient, reason in self.told.queued)
        return Traces(self.events, decisions(self.told.trust), self.reports, queued)


@dataclass
class Battery:
    """One run on one site. `run` is a word that stands in every message of it and in no other."""

    fleet: Fleet
    site: Site
    peers: Peers
    wanted: Wanted
    run: str
    on_text: Callable[[str, str], None]
    ended: dict[Key, float] = field(default_factory=dict)

    def fired(self) -> tuple[Verdict, ...]:
        """Try everything; the verdicts, inbound then outbound, in the order of the cases."""
        begun = time.monotonic()
        operator = Operator(self.fleet, self.site)
        self._say("asking for the white list and revocation of today")
        operator.renew()
        self._say("opening a mailbox for the audit")
        with self.site.probe(self.fleet) as probe:
            mailbox = Mailbox(probe, self.run)
            self._say(f"writing to {len(self.wanted.outbound)} peers")
            answers = mailbox.submit(self.wanted.outbound) if self.wanted.outbound else {}
            flush_at = time.monotonic() + _FIRST_FLUSH
            self._say(f"{len(self.wanted.inbound)} peers write")
            replies = self._written_to(probe.address) if self.wanted.inbound else ()
            for seen in self._watch(begun, flush_at, operator, mailbox):
                verdicts = self._judged(seen, replies, answers, begun)
                self._say(f"{len(self.ended)} of {len(verdicts)} cases have come to their end")
                if len(self.ended) == len(verdicts):
                    break
            operator.forget(self._left_behind(seen))
        return verdicts

    def _written_to(self, recipient: str) -> tuple[Reply, ...]:
        return self.peers.send(
            self.run, str(self.site.edges[0].address), self.site.domain, recipient, self.wanted.inbound
        )

    def _watch(self, begun: float, flush_at: float, operator: Operator, mailbox: Mailbox) -> Iterator[Seen]:
        """What there is to be seen, every few seconds, while patience lasts."""
        while True:
            due = bool(self.wanted.outbound) and time.monotonic() >= flush_at
            flush_at = time.monotonic() + _FLUSH_EVERY if due else flush_at
            arrived, reports = mailbox.looked()
            told = operator.tell(self.peers.since, mailbox.probe.address, flush=due)
            yield Seen(told, arrived, reports, self.peers.record(self.site.ip), self.peers.outside())
            if time.monotonic() - begun > _PATIENCE:
                return
            time.sleep(_ROUND)

    def _judged(
        self, seen: Seen, replies: tuple[Reply, ...], answers: dict[str, Reply], begun: float
    ) -> tuple[Verdict, ...]:
        found: list[tuple[Case, Direction, Observation]] = []
        found += [(case, "inbound", self._inbound(case, seen, replies)) for case in self.wanted.inbound]
        found += [(case, "outbound", self._outbound(case, seen, answers)) for case in self.wanted.outbound]
        return tuple(self._verdict(*one, begun) for one in found)

    def _inbound(self, case: Case, seen: Seen, replies: tuple[Reply, ...]) -> Observation:
        own = [one for one in replies if one.case == case.slug]
        client = str(self.peers.address(case))
        found = inbound.observed(case, self.run, own, seen.arrived, seen.told.nginx, client)
        elsewhere = inbound.relayed(case, self.run, seen.events, seen.outside)
        return replace(found, breaches=(*found.breaches, *elsewhere))

    def _outbound(self, case: Case, seen: Seen, answers: dict[str, Reply]) -> Observation:
        return outbound.observed(case, self.run, self.site.host.name, answers[case.slug], seen.traces)

    def _verdict(self, case: Case, direction: Direction, seen: Observation, begun: float) -> Verdict:
        expected = (case.inbound if direction == "inbound" else case.outbound) or ""
        made = Verdict(self.site.establishment.slug, case.slug, case.en, case.fr, direction, expected, seen)
        key = (case.slug, direction)
        if self._settled(case, made):
            self.ended.setdefault(key, time.monotonic() - begun)
        return replace(made, seconds=round(self.ended.get(key, time.monotonic() - begun), 1))

    def _settled(self, case: Case, verdict: Verdict) -> bool:
        if verdict.direction == "outbound":
            return outbound.settled(case, verdict.seen)
        return verdict.seen.fate != "lost"

    def _left_behind(self, seen: Seen) -> tuple[str, ...]:
        own = {case.address.lower() for case in self.wanted.outbound}
        return tuple(sorted({number for number, recipient, _ in seen.told.queued if recipient in own}))

    def _say(self, text: str) -> None:
        self.on_text(self.site.establishment.slug, text)
