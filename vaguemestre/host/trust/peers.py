"""What is known of the servers that mail goes to, and when they are looked at again.

A good finding holds 60 seconds, and each delivery within them is held against list and revocation anew. What was not
reached is left alone 5 seconds, then 10, 20, up to 60, so that a hundred silent peers do not hold Postfix's processes.

A *definite* refusal (a certificate was seen and is bad, no TLS at all) sends mail back, but not on one look alone: the
message that met it is deferred, the server is looked at again after 15 seconds and then every minute while anybody
still writes to it, and only when two looks in a row were definite does the map `transport` return mail, with the reason
in clear. So a writer learns it at the second attempt, and a server that mends itself is written to a minute later.

A peer that was good lately, one that is new and one that failed lately wait in different lanes for their turn: whoever
is silent makes only others of its kind wait.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial

from vaguemestre.host.trust import decide, reasons
from vaguemestre.host.trust.decide import Space
from vaguemestre.host.trust.desk import Desk
from vaguemestre.host.trust.finding import NextHop, Pins, Proof, most_telling, next_hop, nothing, seen, unproven
from vaguemestre.host.trust.probe import ProbeError, Prober, Showing, Target
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.values import Decision, Identity

GOOD_FOR = 60.0  # seconds
CONFIRM_AFTER = 15.0
LOOK_AGAIN_AFTER = 60.0
REFUSED_FOR = 150.0  # a definite finding older than this returns no mail
INTEREST = 600.0  # how long after the last mail a refused server is still looked at
_BACK_OFF = (5.0, 60.0)
_TURN = 3.0  # seconds to wait for a turn
_DEADLINE = 9.5  # seconds for one look, all addresses of a domain at once
_STRAGGLERS = 2.0  # seconds that others are waited for once one address was proven
_LANES = {"good": 20, "new": 24, "ill": 8}  # probes at once, some 50 in all
_MOST = 20_000  # domains remembered
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass
class Peer:
    """What is remembered of one next hop. Times are `time.monotonic`."""

    hop: NextHop
    proofs: tuple[Proof, ...] = ()
    looked_at: float = -1e9
    again_at: float = 0.0
    failures: int = 0
    refusals: int = 0  # definite findings in a row
    wanted_at: float = 0.0
    lane: str = "new"
    flight: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Peers:
    """All of them, for one daemon."""

    def __init__(self, desk: Desk, prober: Prober, away: frozenset[str] = frozenset()) -> None:
        self._desk = desk
        self._prober = prober
        self._home = (desk.knowledge.own - away) | {prober.name}
        self._peers: dict[NextHop, Peer] = {}
        self._lanes = {name: asyncio.Semaphore(width) for name, width in _LANES.items()}
        self.seconds = [0] * (len(BUCKETS) + 1)
        self.seconds_sum = 0.0

    @property
    def under_way(self) -> int:
        return sum(peer.flight is not None for peer in self._peers.values())

    def remembered(self, name: str) -> tuple[Peer, ...]:
        """What is known of a domain's next hops."""
        return tuple(peer for hop, peer in self._peers.items() if hop.domain == name)

    def ours(self, name: str) -> bool:
        """Whether mail for this name stays here: our domains, and this host's own name, where Postfix reports to."""
        return name in self._home

    def route(self, name: str) -> Decision:
        """For the map `transport`: whether mail may set out for this domain, without waiting for anybody."""
        decision = self._desk.route(name)
        hop = next_hop(name)
        peer = self._peers.get(hop) if hop else None
        if decision.accepts and peer is not None:
            peer.wanted_at = time.monotonic()
            if peer.refusals >= 2 and peer.wanted_at - peer.looked_at < REFUSED_FOR:
                found = self._found(peer)
                decision = found.decision if found.definite else decision
        self._desk.record.decision("map_transport", decision, {"recipient": name})
        return decision

    def pins(self, key: str) -> Pins | Awaitable[Pins]:
        """For the map `tls`: what certificates the servers behind this next hop may show, looked up if need be."""
        hop = next_hop(key)
        if hop is None:
            return self._told("?", None, Pins(Decision(reasons.UNUSABLE_RECIPIENT)))
        decision = self._desk.route(hop.domain)
        if not decision.accepts or self.ours(hop.domain):
            refused = decision if not decision.accepts else Decision(reasons.NOT_RELAYED)
            return self._told(hop.domain, None, Pins(refused))
        peer = self._peer(hop)
        peer.wanted_at = time.monotonic()
        if peer.flight is None and peer.wanted_at < peer.again_at:
            return self._told(hop.domain, peer, self._found(peer))
        return self._looked(peer)

    async def _looked(self, peer: Peer) -> Pins:
        await asyncio.shield(self._flight(peer))
        return self._told(peer.hop.domain, peer, self._found(peer))

    def _peer(self, hop: NextHop) -> Peer:
        peer = self._peers.get(hop)
        if peer is None:
            if len(self._peers) >= _MOST:
                self._peers = {one: held for one, held in self._peers.items() if held.flight or held.timer}
            peer = self._peers[hop] = Peer(hop)
        return peer

    def _flight(self, peer: Peer) -> asyncio.Task[None]:
        """One look at a time for each peer; whoever comes meanwhile shares it."""
        if peer.flight is None:
            peer.flight = asyncio.get_running_loop().create_task(self._look(peer))
        return peer.flight

    async def _look(self, peer: Peer) -> None:
        began = time.monotonic()
        try:
            proofs = await self._proofs(peer)
        except Exception as error:
            self._desk.record.error("probe", error)
            proofs = (nothing(peer.hop, reasons.INTERNAL, type(error).__name__),)
        finally:
            peer.flight = None
        self._remember(peer, proofs)
        self._measure(time.monotonic() - began)

    async def _proofs(self, peer: Peer) -> tuple[Proof, ...]:
        lane = self._lanes[peer.lane]
        try:
            async with asyncio.timeout(_TURN):
                await lane.acquire()
        except TimeoutError:
            return (nothing(peer.hop, reasons.PEER_BUSY, "no turn in time"),)
        try:
            return await self._ask(peer.hop)
        except ProbeError as error:
            return (nothing(peer.hop, error.reason, str(error)),)
        finally:
            lane.release()

    async def _ask(self, hop: NextHop) -> tuple[Proof, ...]:
        until = time.monotonic() + _DEADLINE
        targets = await self._prober.targets(hop.domain, hop.port, exchangers=hop.exchangers)
        asked = {asyncio.create_task(self._one(hop.domain, target)): target for target in targets}
        pending = set(asked)
        try:
            while pending and (left := until - time.monotonic()) > 0:
                done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if any(isinstance(task.result().result, Identity) for task in done):
                    until = min(until, time.monotonic() + _STRAGGLERS)
        finally:
            for task in pending:
                task.cancel()
        silent = {task: unproven(asked[task], reasons.PEER_SILENT, "no answer in time") for task in pending}
        return tuple(silent.get(task) or task.result() for task in asked)

    async def _one(self, name: str, target: Target) -> Proof:
        return await self._judged(name, await self._prober.show(target))

    async def _judged(self, name: str, showing: Showing) -> Proof:
        certificate = showing.certificate
        if certificate is None:
            return Proof(showing, showing.reason, "")
        result: list[Identity | Reason] = [reasons.INTERNAL]

        def question(space: Space) -> Decision:
            result[0] = self._desk.prove(space, certificate, server=True)
            return decide.peer(space, name, result[0])

        answer = self._desk.judge_asking("probe", question)
        decision = answer if isinstance(answer, Decision) else await answer
        proven = result[0] if decision.reason is not reasons.INTERNAL else reasons.INTERNAL
        fingerprint = hashlib.sha256(certificate).digest().hex(":").upper()
        return Proof(showing, proven, fingerprint, self._desk.subject(certificate))

    def _remember(self, peer: Peer, proofs: tuple[Proof, ...]) -> None:
        now = time.monotonic()
        if peer.proofs and proofs[0].result is reasons.PEER_BUSY:
            peer.again_at = now + 1
            return
        peer.proofs, peer.looked_at = proofs, now
        found = self._found(peer)
        good = found.decision.accepts
        peer.refusals = peer.refusals + 1 if found.definite else 0
        peer.failures = 0 if good or found.definite else peer.failures + 1
        peer.lane = "good" if good else "ill"
        peer.again_at = now + _until_next(peer, good=good)
        if found.definite:
            self._look_later(peer, peer.again_at - now)

    def _look_later(self, peer: Peer, seconds: float) -> None:
        if peer.timer is not None:
            peer.timer.cancel()
        peer.timer = asyncio.get_running_loop().call_later(seconds, self._again, peer)

    def _again(self, peer: Peer) -> None:
        peer.timer = None
        if time.monotonic() - peer.wanted_at < INTEREST:
            self._flight(peer)

    def _found(self, peer: Peer) -> Pins:
        """What the proofs are worth now: list and revocation may have changed since they were seen."""
        revocations = self._desk.revocations()
        decisions = [
            self._desk.judge("map_tls", partial(decide.peer, domain=peer.hop.domain, proven=one.result), revocations)
            for one in peer.proofs
        ]
        accepted = [one for one in decisions if one.accepts]
        if accepted:
            good = {proof.fingerprint for proof, one in zip(peer.proofs, decisions, strict=True) if one.accepts}
            return Pins(accepted[0], tuple(sorted(good)))
        reason = most_telling([one.reason for one in decisions] or [reasons.INTERNAL])
        told = next((one for one in decisions if one.reason is reason), Decision(reason))
        return Pins(told, definite=bool(decisions) and all(one.reason.final for one in decisions))

    def _told(self, name: str, peer: Peer | None, pins: Pins) -> Pins:
        proofs = peer.proofs if peer else ()
        decision = Decision(pins.decision.reason, "; ".join(map(seen, proofs)), pins.decision.identity)
        names = ", ".join(sorted({one.subject for one in proofs if one.subject}))
        facts: dict[str, str | int] = {"recipient": name, "dn": names, "pins": len(pins.fingerprints)}
        self._desk.record.decision("map_tls", decision, facts)
        return pins

    def _measure(self, seconds: float) -> None:
        self.seconds_sum += seconds
        self.seconds[next((i for i, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))] += 1


def _until_next(peer: Peer, *, good: bool) -> float:
    """Seconds for which what was found holds."""
    if good:
        return GOOD_FOR
    if peer.refusals:
        return CONFIRM_AFTER if peer.refusals == 1 else LOOK_AGAIN_AFTER
    first, most = _BACK_OFF
    return float(min(most, first * 2 ** min(peer.failures - 1, 10)))
