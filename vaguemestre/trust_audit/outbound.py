"""What an operator did with a message of its own user to a peer. Pure.

The peers' record is the proof: a refused message never reached the peer in any form, and nothing about mail was ever
said in clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vaguemestre.host.trust.reasons import ACCEPTED, BY_NAME
from vaguemestre.lab.case import Case
from vaguemestre.trust_audit.evidence import Decided, Event, Reply, Returned, reason_in
from vaguemestre.trust_audit.verdict import Observation

_INWARD = ("auth_http", "policy_edge", "milter")  # faces that speak of mail to us
_TALK = ("MAIL", "RCPT", "DATA", "BDAT", "AUTH")


@dataclass(frozen=True)
class Traces:
    """All that was found of the audit's mail, for every case: by whom it was taken, and where it is now.

    `queued` are the recipients still in the operator's queue, with the reason that the queue gives, both lower case.
    """

    events: tuple[Event, ...] = ()
    decisions: tuple[Decided, ...] = ()
    reports: tuple[Returned, ...] = ()
    queued: tuple[tuple[str, str], ...] = ()


def mark(run: str, case: Case) -> str:
    """The local part of the Message-ID of the message to this case's peer."""
    return f"{run}.{case.slug}.out"


def observed(case: Case, run: str, host: str, answer: Reply, traces: Traces) -> Observation:
    """What became of the message to this case's peer.

    Args:
        host: name of the operator's host, which its certificate must bear.
        answer: the submission server's reply.
    """
    names = {one.name for one in case.hosts}
    there = [one for one in traces.events if one.host in names]
    messages = [one for one in there if one.kind == "message" and mark(run, case) in one.more["message"]]
    seen = _fate(case, answer, messages, traces)
    return replace(seen, breaches=_breaches(case, host, there, messages))


def settled(case: Case, seen: Observation) -> bool:
    """Whether nothing more is to be expected: delivered, told to the writer, or waiting for a peer that may mend."""
    if seen.fate == "deferred":
        return seen.reason == case.outbound and not BY_NAME[seen.reason].final
    return seen.fate != "lost"


def _fate(case: Case, answer: Reply, messages: Sequence[Event], traces: Traces) -> Observation:
    if answer.code != 250:
        return Observation(reason_in(answer.text), "refused", str(answer))
    if messages:
        return Observation(ACCEPTED.name, "delivered", f"delivered to {messages[0].host}")
    address = case.address.lower()
    if report := next((one for one in traces.reports if one.recipient == address), None):
        return Observation(reason_in(report.diagnostic), "returned", report.diagnostic)
    if queued := next((why for to, why in traces.queued if to == address), None):
        return Observation(_decided(case, traces.decisions), "deferred", queued)
    return Observation(_decided(case, traces.decisions), "lost", "in no mailbox, no queue, at no peer")


def _decided(case: Case, decisions: Sequence[Decided]) -> str:
    """The last thing the trust daemon said against this domain's peers."""
    found = [one.verdict for one in decisions if one.domain == case.domain and one.face not in _INWARD]
    against = [verdict for verdict in found if verdict != ACCEPTED.name]
    return against[-1] if against else ""


def _breaches(case: Case, host: str, there: Sequence[Event], messages: Sequence[Event]) -> tuple[str, ...]:
    said = [one for one in there if one.kind == "command" and one.more["verb"] in _TALK]
    found = [f"{one.more['verb']} was said in clear to {one.host}" for one in said if not one.more["tls"]]
    may = case.delivers if case.outbound == ACCEPTED.name else ()
    found += [f"{one.more['verb']} was said to {one.host}" for one in said if one.host not in may and one.more["tls"]]
    shown = {one.session: one.more["name"] for one in there if one.kind == "tls"}
    for one in messages:
        if shown.get(one.session) != host:
            found.append(f"{one.host} was shown the certificate of {shown.get(one.session) or 'nobody'}, not of {host}")
    return tuple(dict.fromkeys(found))
