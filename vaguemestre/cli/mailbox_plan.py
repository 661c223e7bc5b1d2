"""An import's plan for people: one line a mailbox, what was and what will be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

MOST = 50  # lines of one action; a first import opens thousands

_MARKS = {
    "open": ("+", "green", "opened"),
    "change": ("~", "yellow", "changed"),
    "reactivate": ("^", "green", "reactivated"),
    "suspend": ("-", "red", "suspended"),
    "close": ("x", "red", "closed"),
}


def shown(plan: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Text]:
    """The whole plan, by action; `facts` are what was not used of the file."""
    steps: list[Mapping[str, Any]] = list(plan["steps"])
    for action in _MARKS:
        chosen = [step for step in steps if step["action"] == action]
        yield from map(_line, chosen[:MOST])
        if len(chosen) > MOST:
            yield Text(f"  and {len(chosen) - MOST} more to be {_MARKS[action][2]} (--json tells all)", style="dim")
    for address in plan["left"]:
        yield Text(f"! {address} was suspended by hand and stays so", style="dim")
    counts = {action: sum(step["action"] == action for step in steps) for action in _MARKS}
    yield Text(f"to do: {summary(counts)}; {plan['unchanged']} are as they should be" + _unused(facts))


def summary(counts: Mapping[str, int]) -> str:
    """How many of each action, in words."""
    said = [f"{number} {_MARKS[action][2]}" for action, number in counts.items() if number]
    return ", ".join(said) or "nothing"


def _unused(facts: Mapping[str, Any]) -> str:
    said = {"passed_over": "entries without an address were passed over", "disabled": "shut accounts count as absent"}
    return "".join(f"; {facts[name]} {words}" for name, words in said.items() if facts[name])


def _line(step: Mapping[str, Any]) -> Text:
    mark, style, done = _MARKS[step["action"]]
    return Text.assemble((f"{mark} {step['address']}", style), f"  {done}", *_changes(step))


def _changes(step: Mapping[str, Any]) -> Iterable[str]:
    """Of a new mailbox what says who it is; of another all that differs. A state is in the line's beginning."""
    changes: dict[str, list[Any]] = {name: pair for name, pair in step["changes"].items() if name != "state"}
    if step["action"] == "open":
        yield "".join(f" {changes[name][1]}" for name in ("type", "name") if name in changes)
        return
    for name, (before, after) in changes.items():
        yield f"; {name}: {before or 'nothing'} → {after or 'nothing'}"
