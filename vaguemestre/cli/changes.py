"""Changes on a terminal: the same picture for plan, diff and apply."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from vaguemestre.host.activator.plan import Change

_NEW, _CHANGED, _GONE = ("+", "green"), ("~", "yellow"), ("-", "red")
_MARKS = {
    "install": _NEW,
    "create": _NEW,
    "enable": _NEW,
    "start": _NEW,
    "mask": _GONE,
    "remove": _GONE,
}
_DIFF = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red", "\\": "dim"}


def shown(changes: Sequence[Change], *, diffs: bool = True, new_files: bool = False) -> Text:
    """One line a change, each with its diff below when `diffs`; of a new file the whole text only when `new_files`."""
    return Text("\n").join(_change(change, diffs, new_files) for change in changes)


def _change(change: Change, diffs: bool, new_files: bool) -> Text:
    mark, style = _MARKS.get(change.action, _CHANGED)
    text = Text.assemble((f"{mark} ", style), f"{change.action} {change.kind} ", (change.key, "bold"))
    if change.diff and change.action == "create" and not (diffs and new_files):
        text.append(f"  {_length(change.diff)} lines", "dim")
    elif change.diff and diffs:
        text.append("\n").append(_diff(change.diff))
    return text


def _length(diff: str) -> int:
    return sum(line.startswith("+") and not line.startswith("+++ ") for line in diff.splitlines())


def _diff(diff: str) -> Text:
    return Text("\n").join(Text(f"    {line}", _style(line)) for line in diff.splitlines())


def _style(line: str) -> str:
    return next((style for start, style in _DIFF.items() if line.startswith(start)), "dim")
