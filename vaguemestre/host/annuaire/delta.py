"""From what is different to what is written: which entries, in which batches, by which operations. Pure.

Every operation is made of what stands in the directory at that moment and of what shall stand there. So it does not
matter whether an earlier run has done some of it, or was killed in the middle: what is right already costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from vaguemestre.host.annuaire.churn import Change, Difference
from vaguemestre.host.annuaire.digest import Record
from vaguemestre.host.annuaire.entry import FORMAT, Attributes, dn

T = TypeVar("T")

BATCH = 100
"""Entries that are looked at and written together."""

MANY = 20_000
"""With more entries to write than this, a new database by slapadd(8) is sooner done than changes of the live one."""


@dataclass(frozen=True)
class Wanted:
    """The addresses to write and to remove; none is in both."""

    put: frozenset[str]
    drop: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.put) + len(self.drop)


@dataclass(frozen=True)
class Add:
    """An entry that is not there."""

    name: str
    attributes: Attributes


@dataclass(frozen=True)
class Modify:
    """An entry that is not as it should be: attributes with their new values, none for one that goes."""

    name: str
    attributes: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Delete:
    """An entry that is there and should not."""

    name: str


Operation = Add | Modify | Delete


@dataclass
class Done:
    """What was done, counted; `refused` has slapd's reasons, each with a number: addresses are nobody's business."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def count(self, operation: Operation) -> None:
        if isinstance(operation, Add):
            self.added += 1
        elif isinstance(operation, Modify):
            self.changed += 1
        else:
            self.removed += 1

    def refuse(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    @property
    def refusals(self) -> int:
        return sum(self.refused.values())

    def __str__(self) -> str:
        told = f"{self.added:,} added, {self.changed:,} changed, {self.removed:,} removed"
        return f"{told}, {self.refusals:,} refused by slapd" if self.refused else told


def mark(sha256: str, own_domains: Collection[str]) -> str:
    """What the branch says of itself when it holds this extraction, in this form, without our own domains."""
    left_out = hashlib.blake2b("\n".join(sorted(own_domains)).encode(), digest_size=8).hexdigest()
    return f"format {FORMAT}, extraction {sha256}, without {left_out}"


WRITING = f"format {FORMAT}, being written"
"""What the branch says meanwhile: its entries are of this form, and are to be looked at one by one."""


def of_this_form(mark: str | None) -> bool:
    """Whether the entries of a branch that says this are made as `entry` makes them now."""
    return (mark or "").startswith(f"format {FORMAT},")


def foreign(records: Iterable[Record], own_domains: Collection[str]) -> Iterator[Record]:
    """The records of others: our own mailboxes are known better here than to the nation."""
    return (one for one in records if one.address.rpartition("@")[2] not in own_domains)


def wanted(differences: Iterable[Difference], most: int = MANY) -> Wanted | None:
    """What is to be written and removed; None when it is more than `most`.

    All of `differences` is walked through in any case: a digest that was cut says so at its end.
    """
    put: set[str] = set()
    drop: list[str] = []
    for address, change in differences:
        if len(put) + len(drop) > most:
            continue
        if change is Change.REMOVED:
            drop.append(address)
        else:
            put.add(address)
    return Wanted(frozenset(put), tuple(drop)) if len(put) + len(drop) <= most else None


def batches(many: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    left = iter(many)
    while batch := list(islice(left, size)):
        yield batch


def writing(entries: Iterable[Attributes], there: Mapping[str, Attributes]) -> Iterator[Operation]:
    """What brings these entries about, given those of them that are there, by address."""
    for entry in entries:
        address = entry["mail"][0]
        held = there.get(address)
        if held is None:
            yield Add(dn(address), entry)
        elif changes := _changes(held, entry):
            yield Modify(dn(address), changes)


def removing(addresses: Iterable[str]) -> Iterator[Operation]:
    return (Delete(dn(one)) for one in addresses)


def _changes(held: Attributes, entry: Attributes) -> dict[str, Sequence[str]]:
    """Attribute values have no order (RFC 4511 section 4.1.7)."""
    names = {**held, **entry}
    return {name: entry.get(name, ()) for name in names if set(held.get(name, ())) != set(entry.get(name, ()))}
