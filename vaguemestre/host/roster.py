"""A list of staff against the mailboxes there are: what an import would do, as a value. Pure.

The list says what it knows of each mailbox, and nothing of the rest: a field whose column it lacks stays as it is.
People's own work is not undone: a mailbox opened by hand is never suspended or closed by an import, and one that
somebody suspended is not opened again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from vaguemestre.host.bal import ENDED, FIXED, IMPORT, Mailbox, Refused, Site, moved, opened

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
}
CALLED = {field: name for name, field in FIELDS.items()} | {"origin": "origin", "state": "state"}
_DETAILS = ("surname", "given", "display", "service", "responsible", "description", "quota_mib")
_SHOWN = ("kind", "person", "structure", *_DETAILS, "origin", "state")

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
    the import's when the list has them.
    """

    domains: tuple[str, ...]
    rows: tuple[Row, ...]
    absent: str = "suspend"
    max_closed_percent: float = 5.0
    accept_closing: int | None = None
    adopt: bool = False

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Roster:
        """From what the controller sends (`plain`); raises KeyError, TypeError or ValueError when that is damaged."""
        known = {name: plain[name] for name in ("absent", "max_closed_percent", "accept_closing", "adopt")}
        rows = tuple(Row(int(line), dict(said)) for line, said in plain["rows"])
        return cls(domains=tuple(plain["domains"]), rows=rows, **known)

    def plain(self) -> dict[str, Any]:
        return asdict(self) | {"rows": [(row.line, dict(row.said)) for row in self.rows]}


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
    here = {box.address: box for box in existing if box.domain in roster.domains}
    wrong: list[Wrong] = []
    steps: list[Step | None] = []
    for row in roster.rows:
        found = _listed(row, here.get(row.address), roster, site, now)
        wrong.extend(found) if isinstance(found, list) else steps.append(found)
    listed = {row.address for row in roster.rows}
    gone = (box for address, box in here.items() if address not in listed and box.address != site.postmaster)
    steps += [step for box in gone if (step := _absent(box, roster.absent, now))]
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
    return _kept(row, box, roster, now) if box else _new(row, site, now)


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
            f"{box.address} was given before and is {box.state}: an address is never given again",
            "choose another address; mail for its first holder would reach somebody else",
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


def _new(row: Row, site: Site, now: str) -> Step | list[Wrong]:
    said: dict[str, Any] = {**row.said, "quota_mib": int(row.said.get("quota_mib") or 0)}
    try:
        return Step("open", None, opened(Mailbox(**{"kind": "PER", **said}, origin=IMPORT), site, None, now))
    except (Refused, TypeError, ValueError) as refused:
        return [Wrong(row.line, "mailbox", str(refused), "correct the line")]


def _kept(row: Row, box: Mailbox, roster: Roster, now: str) -> Step | None:
    after = replace(box, **_news(row, box))
    if roster.adopt and not _held(box):
        after = replace(after, origin=IMPORT)
    if box.state == "suspended" and box.state_by == IMPORT:
        return Step("reactivate", box, moved(after, "active", now, IMPORT))
    return Step("change", box, after) if after != box else None


def _news(row: Row, box: Mailbox) -> dict[str, Any]:
    """What the file says otherwise. A name to show that was made of the names follows them."""
    news: dict[str, Any] = {name: row.said[name] for name in _DETAILS if name in row.said and name != "quota_mib"}
    if quota := row.said.get("quota_mib"):
        news["quota_mib"] = int(quota)
    if not news.get("display"):
        news.pop("display", None)
        if box.display in ("", _made_of(box.given, box.surname)):
            news["display"] = _made_of(news.get("given", box.given), news.get("surname", box.surname))
    return news


def _made_of(given: str, surname: str) -> str:
    return f"{given} {surname}".strip()


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
