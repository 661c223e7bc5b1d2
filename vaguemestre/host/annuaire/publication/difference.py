"""What must change at the nation's so that it knows what is wanted; and what of it needs a person's word. Pure.

Doing the difference leaves none. The urgent come first: whoever is to be hidden while the nation may be showing them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vaguemestre.host.annuaire.publication.confirmed import Record, State
from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.annuaire.publication.operation import Operation
from vaguemestre.host.annuaire.wording import crossed


def difference(wanted: Mapping[str, Listing], records: Mapping[str, Record]) -> tuple[Operation, ...]:
    """From what is confirmed to what is wanted: at most one operation for each mailbox, in the order to be sent."""
    known = {address: records.get(address, Record(address)) for address in {*wanted, *records}}
    found = (_operation(known[address], wanted.get(address)) for address in known)
    operations = (one for one in found if one is not None)
    longest = datetime.max

    def order(one: Operation) -> tuple[bool, datetime, str]:
        since = known[one.address].since
        return not one.urgent, since.replace(tzinfo=None) if since else longest, one.address

    return tuple(sorted(operations, key=order))


def ours(differences: Iterable[Operation], away: Collection[str]) -> tuple[Operation, ...]:
    """Without those of domains that another stack is in charge of: it is that one's to publish them, or to withdraw."""
    return tuple(one for one in differences if one.address.rpartition("@")[2] not in away)


def _operation(record: Record, wanted: Listing | None) -> Operation | None:
    held = record.held
    if wanted == held and not record.uncertain:
        return None
    suspected = held or record.suspected
    urgent = record.visible and (wanted is None or wanted.redlist)
    sure = not record.uncertain
    moves = wanted is not None and suspected is not None and wanted.holder != suspected.holder
    if wanted is None or moves:  # one that moves to another holder is inserted there once it is gone here
        if suspected is None:
            return None
        return Operation("delete", record.address, suspected, None, urgent or (moves and record.visible), sure)
    target = _hidden_alone(record, wanted) if urgent else wanted
    return Operation("insert" if held is None else "replace", record.address, held, target, urgent, sure)


def _hidden_alone(record: Record, wanted: Listing) -> Listing:
    """When the nation refused to hide somebody together with other changes: what it has already, with the flag."""
    if record.confirmed is None or record.attempt is None or record.attempt.state is not State.REJECTED:
        return wanted
    hidden = replace(record.confirmed, redlist=True)
    return hidden if record.attempt.target in (wanted, hidden) else wanted  # refused like that too: it stays so


@dataclass(frozen=True)
class Limits:
    """`max_removed_percent` of what is published may be withdrawn within a day without a person's approval."""

    max_removed_percent: float


@dataclass(frozen=True)
class Withheld:
    """Withdrawals that wait for approval: whose, why, and the digest that stands for exactly these."""

    addresses: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.addresses).encode()).hexdigest()


def guard(
    operations: Iterable[Operation],
    *,
    known: frozenset[str],
    published: int,
    withdrawn: int,
    approved: frozenset[str],
    limits: Limits,
) -> tuple[tuple[Operation, ...], Withheld | None]:
    """Keep back withdrawals that look like an accident here: a directory emptied, or restored from an old copy.

    `known` are the addresses that our directory has in any state. An ended mailbox stays there for years, so one that
    is published and unknown is never withdrawn without a word. `published` are the mailboxes that the nation has,
    `withdrawn` those that left it within a day without approval.
    """
    several = tuple(operations)
    open_ = [one for one in several if one.kind == "delete" and one.after is None and one.address not in approved]
    vanished = {one.address for one in open_ if one.address not in known}
    ended = {one.address for one in open_} - vanished
    share = crossed(len(ended) + withdrawn, published + withdrawn, limits.max_removed_percent, "withdrawn in a day")
    why = []
    if vanished:
        why.append(f"{len(vanished):,} published mailboxes are not in our directory at all, not even as closed")
    if share and ended:
        why.append(share)
    kept_back = vanished | (ended if share else set())
    if not kept_back:
        return several, None
    return tuple(one for one in several if one.address not in kept_back), Withheld(tuple(sorted(kept_back)), tuple(why))
