"""How much a new white list would change, told by operator; and whether a person should look at it first.

What counts is who may speak for which domain. An *entry changed* when a certificate name came or went for a domain; a
name that takes another's place for the same domain is one change. Descriptions, contacts, dates, order, doubled lines
and other spellings of one name are none.

An operator is the O and OU of a certificate's name (OU is the national number of the structure). Three things hold a
list back, each beyond a share of the list that is held and beyond a handful: domains that go, entries that change, and
domains for which one operator begins to speak where only others spoke.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from vaguemestre.host.trust import dn
from vaguemestre.host.trust.values import DnKey
from vaguemestre.host.trust.whitelist import Entry

FEW = 5
"""So many domains or entries never hold a list back, however short it is."""

_TOLD = 12  # moves named in an explanation


class Operator(NamedTuple):
    """Who answers for a certificate: O as it is written, and OU."""

    name: str
    structure: str

    def __str__(self) -> str:
        return f"{self.name} ({self.structure})"


class Kind(Enum):
    """What happens to a domain, from `before`'s or to `after`'s point of view, in words."""

    MOVED = "{before} loses {many} to {after}"
    BESIDE = "{after} begins to speak for {many} beside {before}"
    GONE = "{before} loses {many}, gone from the list"
    LEFT = "{before} loses {many} that others keep"
    NEW = "{after} gains {many}, new on the list"
    RENAMED = "{before} changes the names of its certificates for {many}"


class Move(NamedTuple):
    """Domains to which the same thing happens; `before` and `after` are one for GONE, LEFT, NEW and RENAMED."""

    kind: Kind
    before: Operator
    after: Operator
    domains: tuple[str, ...]

    def __str__(self) -> str:
        many = _many(len(self.domains), "domain")
        return self.kind.value.format(before=f"operator {self.before}", after=f"operator {self.after}", many=many)


@dataclass(frozen=True)
class Difference:
    """Two lists compared. `held` and `new` are their domains, `entries_held` the pairs of domain and name held."""

    held: frozenset[str] = field(repr=False)
    new: frozenset[str] = field(repr=False)
    entries_held: int
    changed: int
    moves: tuple[Move, ...] = field(repr=False)

    @property
    def gone(self) -> frozenset[str]:
        """Domains that leave the trust space."""
        return self.held - self.new

    @property
    def come(self) -> frozenset[str]:
        """Domains that enter it."""
        return self.new - self.held

    def taken_over(self) -> tuple[Operator | None, int]:
        """The operator that begins to speak for most domains of others, and for how many."""
        taken: dict[Operator, set[str]] = defaultdict(set)
        for move in self.moves:
            if move.kind in (Kind.MOVED, Kind.BESIDE):
                taken[move.after].update(move.domains)
        return max(((who, len(what)) for who, what in taken.items()), key=lambda one: one[1], default=(None, 0))

    def explained(self, most: int = _TOLD) -> tuple[str, ...]:
        """Who loses and gains what, a sentence each, the greatest first."""
        told = tuple(map(str, self.moves[:most]))
        rest = len(self.moves) - most
        return (*told, f"and {_many(rest, 'smaller change')}") if rest > 0 else told

    def __str__(self) -> str:
        moved = {name for one in self.moves if one.kind in (Kind.MOVED, Kind.BESIDE) for name in one.domains}
        return (
            f"{_many(self.changed, 'entry')} of {self.entries_held:,} changed: "
            f"{_many(len(self.come), 'domain')} new, {len(self.gone):,} gone, {len(moved):,} with another operator"
        )


@dataclass(frozen=True)
class Limits:
    """Shares of the list that is held, in percent: domains gone, and entries changed."""

    removed: float
    changed: float


@dataclass(frozen=True)
class Churn:
    """A difference that was judged: `why` is empty when it may pass, else the limits crossed, then the operators."""

    difference: Difference
    why: tuple[str, ...]

    @property
    def held_back(self) -> bool:
        return bool(self.why)

    @property
    def summary(self) -> str:
        """The whole in one line."""
        return str(self.difference)


def compare(held: Iterable[Entry], new: Iterable[Entry], max_removed: float, max_changed: float) -> Churn:
    """What a new list would change in the one held, judged by limits in percent."""
    difference = differ(held, new)
    return Churn(difference, guard(difference, Limits(max_removed, max_changed)))


def newer(held: datetime, new: datetime) -> bool:
    """Whether a list of date `new` may take the place of one of date `held`; the same date may."""
    return new >= held


def guard(difference: Difference, limits: Limits) -> tuple[str, ...]:
    """Why a person should look before this list counts: nothing, or the limits crossed and who loses what to whom."""
    whose, taken = difference.taken_over()
    domains = len(difference.held)
    crossed = (
        _crossed(len(difference.gone), domains, limits.removed, "domains would go"),
        _crossed(difference.changed, difference.entries_held, limits.changed, "entries would change"),
        _crossed(taken, domains, limits.removed, f"domains of others would be spoken for by operator {whose}"),
    )
    found = tuple(filter(None, crossed))
    return (*found, *difference.explained()) if found else ()


def differ(held: Iterable[Entry], new: Iterable[Entry]) -> Difference:
    """Two lists' difference, from what each says of every domain."""
    operators: dict[DnKey, Operator] = {}
    before, after = _speakers(held, operators), _speakers(new, operators)
    happened: dict[tuple[Kind, Operator, Operator], list[str]] = defaultdict(list)
    changed = 0
    for domain in sorted(before.keys() | after.keys()):
        old, now = before.get(domain, frozenset()), after.get(domain, frozenset())
        if old != now:
            changed += max(len(old - now), len(now - old))
            for what in set(_happened(old, now, operators)):
                happened[what].append(domain)
    moves = (Move(*what, tuple(domains)) for what, domains in happened.items())
    ordered = sorted(moves, key=lambda one: (-len(one.domains), one.kind.name, one.before, one.after))
    return Difference(frozenset(before), frozenset(after), sum(map(len, before.values())), changed, tuple(ordered))


def _speakers(entries: Iterable[Entry], operators: dict[DnKey, Operator]) -> Mapping[str, frozenset[DnKey]]:
    """The names that speak for each domain; `operators` learns whose each name is, as it is first written."""
    found: dict[str, set[DnKey]] = defaultdict(set)
    for entry in entries:
        found[entry.domain].add(entry.key)
        if entry.key not in operators:
            operators[entry.key] = operator(entry.dn)
    return {domain: frozenset(keys) for domain, keys in found.items()}


def operator(written: str) -> Operator:
    """Whose a certificate name is, in the spelling that operators are told apart by; raises DnError."""
    name, structure = (" ".join(dn.values(written, kind)).replace('"', "").upper() for kind in ("O", "OU"))
    return Operator(name or "without a name", structure or "without a number")


def _happened(
    old: frozenset[DnKey], now: frozenset[DnKey], operators: Mapping[DnKey, Operator]
) -> Iterator[tuple[Kind, Operator, Operator]]:
    before, after = {operators[key] for key in old}, {operators[key] for key in now}
    lost, gained = before - after, after - before
    if not old:
        yield from ((Kind.NEW, one, one) for one in after)
    elif not now:
        yield from ((Kind.GONE, one, one) for one in before)
    elif lost and gained:
        yield from ((Kind.MOVED, loser, gainer) for loser in lost for gainer in gained)
    elif gained:
        yield from ((Kind.BESIDE, keeper, gainer) for keeper in before for gainer in gained)
    elif lost:
        yield from ((Kind.LEFT, one, one) for one in lost)
    else:
        yield from ((Kind.RENAMED, one, one) for one in {operators[key] for key in old ^ now})


def _crossed(number: int, of: int, percent: float, what: str) -> str:
    share = 100 * number / of if of else 0.0
    if number <= FEW or share <= percent:
        return ""
    return f"{number:,} of {of:,} ({share:.1f} %) {what}; {percent:g} % is the limit"


def _many(number: int, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"
