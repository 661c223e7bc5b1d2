"""A list of staff against the mailboxes there are: what an import would do, as a value. Pure.

The list says what it knows of each mailbox, and nothing of the rest: a field whose column it lacks stays as it is.
People's own work is not undone: a mailbox opened by hand is never suspended or closed by an import, and one that
somebody suspended is not opened again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from vaguemestre.host.mailboxes.bal import ENDED, FIXED, IMPORT, RECEIVING, Mailbox, Refused, Site, moved
from vaguemestre.host.mailboxes.opening import changed, opened, way_back

# As people and their files call it -> field of `Mailbox`.
FIELDS = {
    "address": "address",
    "type": "kind",
    "rpps": "person",
    "surname": "surname",
    "given": "given",
    "name": "display",
    "structure": "structure",
    "service": "service",
    "responsible": "responsible",
    "description": "description",
    "quota": "quota_mib",
    "profession": "profession",
    "speciality": "speciality",
    "paperless": "paperless",
    "rank": "rank",
}
CALLED = {field: name for name, field in FIELDS.items()} | {
    "origin": "origin",
    "state": "state",
    "redlist": "red list",
    "secretariat": "secretariat",
}
_NUMBERS = ("quota_mib", "rank")
_DETAILS = (
    "surname",
    "given",
    "display",
    "service",
    "responsible",
    "description",
    *_NUMBERS,
    "profession",
    "speciality",
    "paperless",
)
_SHOWN = ("kind", "person", "structure", *_DETAILS, "redlist", "secretariat", "origin", "state")

ACTIONS = ("open", "change", "reactivate", "suspend", "close")
HANDFUL = 3  # mailboxes that may always go at once, if they are fewer than half


@dataclass(frozen=True)
class Row:
    """One mailbox as the file has it: where, and by field of `Mailbox` what it says. Texts are clean and checked."""

    line: int
    said: Mapping[str, str]

    @property
    def address(self) -> str:
        return self.said["address"]


@dataclass(frozen=True)
class Roster:
    """A whole list, what to do with those absent from it, and how many of them may go at once.

    `accept_closing` is a number that somebody named, which replaces the share; `adopt` makes mailboxes opened by hand
    the import's when the list has them. `structure` (national id) is given where several establishments have people in
    these domains: the list then is about its own mailboxes only.
    """

    domains: tuple[str, ...]
    rows: tuple[Row, ...]
    absent: str = "suspend"
    max_closed_percent: float = 5.0
    accept_closing: int | None = None
    adopt: bool = False
    structure: str = ""

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Roster:
        """From what the controller sends (`plain`); raises KeyError, TypeError or ValueError when that is damaged."""
        known = {name: plain[name] for name in ("absent", "max_closed_percent", "accept_closing", "adopt", "structure")}
        rows = tuple(Row(int(line), dict(said)) for line, said in plain["rows"])
        return cls(domains=tuple(plain["domains"]), rows=rows, **known)

    def plain(self) -> dict[str, Any]:
        return asdict(self) | {"rows": [(row.line, dict(row.said)) for row in self.rows]}

    def concerns(self, box: Mailbox) -> bool:
        """Whether the mailbox is one that this list speaks of, named or not."""
        return box.domain in self.domains and self.structure in ("", box.structure)


@dataclass(frozen=True)
class Wrong:
    """Why one line of the list cannot be: the field as people call it, what is wrong, the way out."""

    line: int
    field: str
    wrong: str
    way_out: str


@dataclass(frozen=True)
class Step:
    """One mailbox from what it is (None: not there) to what it is to be."""

    action: str
    before: Mailbox | None
    after: Mailbox

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        """By what people call it: before and after; empty texts are unknown."""
        old = {name: getattr(self.before, name) if self.before else "" for name in _SHOWN}
        new = {name: getattr(self.after, name) for name in _SHOWN}
        return {CALLED[name]: (old[name], new[name]) for name in _SHOWN if old[name] != new[name]}

    def plain(self) -> dict[str, Any]:
        return {"action": self.action, "address": self.after.address, "changes": self.changes}


@dataclass(frozen=True)
class Plan:
    """All that an import would do. `managed` counts the open mailboxes that imports may suspend or close.

    `left` are addresses of the list that somebody suspended by hand; they stay so.
    """

    steps: tuple[Step, ...]
    wrong: tuple[Wrong, ...]
    unchanged: int
    managed: int
    left: tuple[str, ...]

    @property
    def closing(self) -> int:
        return sum(step.action in ("suspend", "close") for step in self.steps)

    @property
    def digest(self) -> str:
        """The same for the same steps, whenever they are planned."""
        return sha256(json.dumps([step.plain() for step in self.steps], sort_keys=True).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        return {
            "steps": [step.plain() for step in self.steps],
            "unchanged": self.unchanged,
            "managed": self.managed,
            "left": list(self.left),
            "digest": self.digest,
        }


def plan(roster: Roster, site: Site, existing: Iterable[Mailbox], now: str) -> Plan:
    """What brings the mailboxes of the roster's domains to what it says; `wrong` lines have no step."""
    there = {box.address: box for box in existing}
    here = {address: box for address, box in there.items() if roster.concerns(box)}
    wrong: list[Wrong] = []
    steps: list[Step | None] = []
    for row in roster.rows:
        found = _listed(row, there.get(row.address), roster, site, now)
        wrong.extend(found) if isinstance(found, list) else steps.append(found)
    listed = {row.address for row in roster.rows}
    gone = (box for address, box in here.items() if address not in listed and box.address != site.postmaster)
    steps += [step for box in gone if (step := _absent(box, roster.absent, now))]
    wrong += _without_secretariat(roster, filter(None, steps), there)
    return Plan(
        steps=tuple(sorted(filter(None, steps), key=lambda step: ACTIONS.index(step.action))),
        wrong=tuple(wrong),
        unchanged=steps.count(None),
        managed=sum(_managed(box) for box in here.values()),
        left=tuple(sorted(address for address in listed & here.keys() if _held(here[address]))),
    )


def too_many(planned: Plan, roster: Roster) -> str | None:
    """Why so many may not go unasked, with the way out; None when they may.

    A file that was cut short, or made from an empty extraction, looks exactly like an establishment whose people left.
    """
    closing = planned.closing
    if roster.accept_closing is not None:
        if closing in (0, roster.accept_closing):
            return None
        return (
            f"--accept-closing names {roster.accept_closing}, but {closing} would be suspended or closed\n"
            "    look at the plan again, and name that number"
        )
    if closing <= _allowed(planned.managed, roster.max_closed_percent):
        return None
    return (
        f"{closing} of {planned.managed} imported mailboxes are not in this file: too many to suspend or close unasked "
        f"(at most {_allowed(planned.managed, roster.max_closed_percent)})\n"
        f"    is the file whole? If these people did leave: --accept-closing {closing}"
    )


def _allowed(managed: int, percent: float) -> int:
    return max(int(managed * percent / 100), min(HANDFUL, (managed - 1) // 2))


def _managed(box: Mailbox) -> bool:
    return box.origin == IMPORT and box.state == "active"


def _held(box: Mailbox) -> bool:
    return box.state == "suspended" and box.state_by != IMPORT


def _listed(row: Row, box: Mailbox | None, roster: Roster, site: Site, now: str) -> Step | list[Wrong] | None:
    wrong = [*_not_ours(row, roster, site), *(_not_the_same(row, box) if box else ())]
    if wrong:
        return wrong
    try:
        return _kept(row, box, roster, site, now) if box else _new(row, roster, site, now)
    except (Refused, TypeError, ValueError) as refused:
        return [Wrong(row.line, "mailbox", str(refused), "correct the line")]


def _not_ours(row: Row, roster: Roster, site: Site) -> Iterable[Wrong]:
    local, _, domain = row.address.rpartition("@")
    if domain not in roster.domains or domain not in site.domains:
        yield Wrong(
            row.line, "address", f"{domain} is none of its domains here", f"its domains: {', '.join(roster.domains)}"
        )
    if local in site.reserved:
        yield Wrong(
            row.line, "address", f"{local}@ is led to {site.postmaster} on every domain", "choose another address"
        )


def _not_the_same(row: Row, box: Mailbox) -> Iterable[Wrong]:
    """An address is one holder's for ever."""
    if box.state in ENDED:
        yield Wrong(
            row.line,
            "address",
            f"{box.address} was given before and is {box.state}: an address is never given again by a list",
            way_back(box),
        )
        return
    for name in FIXED:
        said = row.said.get(name, "")
        if said and said != getattr(box, name):
            yield Wrong(
                row.line,
                CALLED[name],
                f"{box.address} {_known(box, name)}, and that never changes",
                "correct the file, or choose another address for the new holder",
            )


def _known(box: Mailbox, name: str) -> str:
    if name == "kind":
        return f"is of type {box.kind}"
    return f"has {'another' if getattr(box, name) else 'no'} {CALLED[name]}"


def _new(row: Row, roster: Roster, site: Site, now: str) -> Step:
    said = {"kind": "PER", "structure": roster.structure, **_typed(row)}
    return Step("open", None, opened(Mailbox(**said, origin=IMPORT), site, None, now))


def _kept(row: Row, box: Mailbox, roster: Roster, site: Site, now: str) -> Step | None:
    after = changed(box, _news(row, box), site)
    if roster.adopt and not _held(box):
        after = replace(after, origin=IMPORT)
    if box.state == "suspended" and box.state_by == IMPORT:
        return Step("reactivate", box, moved(after, "active", now, IMPORT))
    return Step("change", box, after) if after != box else None


def _news(row: Row, box: Mailbox) -> dict[str, Any]:
    """What the file says otherwise. Whether paper is still wanted is the holder's to say, once the holder has said."""
    news = {name: value for name, value in _typed(row).items() if name in _DETAILS and (value or name not in _NUMBERS)}
    if box.paperless_by == "holder":
        news.pop("paperless", None)
    return news


def _typed(row: Row) -> dict[str, Any]:
    return {name: int(value or 0) if name in _NUMBERS else value for name, value in row.said.items()}


def _without_secretariat(roster: Roster, steps: Iterable[Step], there: Mapping[str, Mailbox]) -> Iterator[Wrong]:
    """Mail for people whose secretariat is not there would reach nobody; told once for each."""
    opening = {step.after.address: step.after for step in steps if step.before is None}
    lines = {row.address: row.line for row in roster.rows}
    told: set[str] = set()
    for box in opening.values():
        secretariat = there.get(box.secretariat) or opening.get(box.secretariat)
        if box.redlist != "secretariat" or box.secretariat in told or (secretariat and secretariat.state in RECEIVING):
            continue
        told.add(box.secretariat)
        wrong = f"people here are reached through {box.secretariat}, which is no open mailbox"
        yield Wrong(lines[box.address], "secretariat", wrong, f"vaguemestre mailbox add {box.secretariat} --type ORG")


def _absent(box: Mailbox, absent: str, now: str) -> Step | None:
    """Only what an import opened, and only in a state that people did not choose."""
    if box.origin != IMPORT or box.state in ENDED or _held(box):
        return None
    if absent == "close":
        return Step("close", box, moved(box, "closed", now, IMPORT))
    return Step("suspend", box, moved(box, "suspended", now, IMPORT)) if box.state == "active" else None


def counted(steps: Sequence[Step]) -> dict[str, int]:
    """How many steps of each action."""
    return {action: sum(step.action == action for step in steps) for action in ACTIONS}
