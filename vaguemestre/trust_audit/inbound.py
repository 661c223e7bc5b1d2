"""What an operator answered to a peer that wrote to it. Pure.

A message is refused by a reply, or by a session that ends; it is accepted only when it lies in the mailbox.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from vaguemestre.host.trust.reasons import ACCEPTED
from vaguemestre.lab.case import Case
from vaguemestre.trust_audit.evidence import Event, Reply, complaint, reason_in
from vaguemestre.trust_audit.verdict import Observation

_ASIDE = ("command", "RSET", "QUIT")  # what decides nothing about a message


def mark(run: str, case: Case, number: int) -> str:
    """The Message-ID, without its brackets, that the sender program gives transaction `number` (from 1) of a case."""
    return f"{run}.{case.slug}.{number}@{case.hosts[0].name}"


def observed(
    case: Case, run: str, replies: Sequence[Reply], arrived: Collection[str], journal: str, client: str
) -> Observation:
    """What became of a case's session.

    Args:
        replies: those to this case, in order.
        arrived: Message-IDs found in the recipient's mailbox.
        journal: what nginx wrote on the operator's host; it explains refusals of its own.
        client: the address that the peer wrote from.
    """
    number = _refused_at(replies)
    last = len(case.transactions)
    if number is None:
        seen = _accepted(case, run, last, replies, arrived)
    else:
        seen = _refused(number, last, next(one for one in replies if _refuses(one)), journal, client)
    inside = [n for n in range(number or last + 1, last + 1) if mark(run, case, n) in arrived]
    return replace(seen, breaches=("the refused message is in the mailbox",)) if inside else seen


def relayed(case: Case, run: str, records: Sequence[Event], outside: str) -> tuple[str, ...]:
    """Whether a message of this case went on to anybody else: never."""
    marks = [mark(run, case, n) for n in range(1, len(case.transactions) + 1)]
    at = [one.host for one in records if one.kind == "message" and any(m in one.more["message"] for m in marks)]
    return tuple(f"the message was passed on to {host}" for host in at) + (
        ("the message was passed on outside the trust space",) if any(m in outside for m in marks) else ()
    )


def _refuses(reply: Reply) -> bool:
    return (reply.code == 0 or reply.code >= 400) and reply.step not in _ASIDE


def _refused_at(replies: Sequence[Reply]) -> int | None:
    """The transaction that was refused, 1 for a session refused before any; None when all was taken."""
    refusal = next((one for one in replies if _refuses(one)), None)
    return None if refusal is None else max(refusal.transaction, 1)


def _refused(number: int, last: int, reply: Reply, journal: str, client: str) -> Observation:
    reason, words = reason_in(reply.text), str(reply)
    if not reason and reply.code in (0, 421):
        reason, explained = complaint(journal, client)
        words = f"{words} ({explained})" if explained else words
    if number < last:
        return Observation(reason, "refused", f"transaction {number} of {last}: {words}", ("refused too early",))
    return Observation(reason, "refused", words)


def _accepted(case: Case, run: str, last: int, replies: Sequence[Reply], arrived: Collection[str]) -> Observation:
    taken = [one for one in replies if one.step == "message"]
    if len(taken) < last:
        return Observation("", "lost", "the session told nothing")
    missing = [n for n in range(1, last + 1) if mark(run, case, n) not in arrived]
    return Observation(ACCEPTED.name, "lost" if missing else "delivered", str(taken[-1]))
