"""What a branch changes on hosts, as the comment on a merge request: Markdown that GitHub and GitLab both fold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vaguemestre.host.activator.plan import Change
from vaguemestre.plan import summary

MARK = "<!-- vaguemestre diff -->"
"""First line of the comment, by which a pipeline finds the one to replace."""
LONGEST = 60_000
"""Characters; a comment on GitHub may have 65,536."""
_NAMED = 5


def comment(changed: Mapping[str, Sequence[Change]], gone: Sequence[str]) -> str:
    """The comment; hosts with the same change stand together, and what does not fit any more is only counted."""
    touched = {host: tuple(changes) for host, changes in changed.items() if changes}
    text = f"{MARK}\n### {_heading(len(touched), len(changed), len(gone))}\n"
    left = 0
    for changes, hosts in _groups(touched):
        sections = (_section(changes, hosts, diffs=True), _section(changes, hosts, diffs=False))
        fitting = next((one for one in sections if len(text) + len(one) <= LONGEST), "")
        text += fitting
        left += 0 if fitting else len(hosts)
    text += "".join(f"\n- `{host}` is no longer in the inventory; it is left as it is\n" for host in gone[:_NAMED])
    return text + (f"\nNot shown, for it would be too long: {left} hosts more. The log has them.\n" if left else "")


def _heading(touched: int, all_hosts: int, gone: int) -> str:
    if not touched and not gone:
        return "Nothing changes on any host"
    return f"Something changes on {touched} of {all_hosts} hosts" + (f", {gone} leave the inventory" if gone else "")


def _groups(touched: Mapping[str, tuple[Change, ...]]) -> Iterator[tuple[tuple[Change, ...], list[str]]]:
    groups: dict[tuple[Change, ...], list[str]] = {}
    for host, changes in touched.items():
        groups.setdefault(changes, []).append(host)
    yield from groups.items()


def _section(changes: tuple[Change, ...], hosts: Sequence[str], *, diffs: bool) -> str:
    named = ", ".join(f"<code>{host}</code>" for host in hosts[:_NAMED])
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    body = "\n".join(_lines(changes, diffs))
    # A fence must be longer than any run of backticks in what it holds (CommonMark 0.31, section 4.5).
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", body)), 3)
    return (
        f"\n<details><summary>{named}{more}: {summary(changes)}</summary>\n\n"
        f"{fence}diff\n{body}\n{fence}\n\n</details>\n"
    )


def _lines(changes: Sequence[Change], diffs: bool) -> Iterator[str]:
    for change in changes:
        new = change.diff is not None and change.action == "create"
        lines = (change.diff or "").splitlines()
        yield f"# {change.action} {change.kind} {change.key}" + (f"  {_added(lines)} lines" if new else "")
        if diffs and not new:
            yield from lines


def _added(lines: Sequence[str]) -> int:
    return sum(line.startswith("+") and not line.startswith("+++ ") for line in lines)
