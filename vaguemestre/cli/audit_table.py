"""An audit on a terminal: the hosts that are to be looked at, the worst first, then how many are how well."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vaguemestre.audit.finding import Audit, Finding, HostAudit, Severity, Subject
from vaguemestre.audit.memory import Event
from vaguemestre.audit.moments import lapse
from vaguemestre.audit.run import Audited
from vaguemestre.cli.board import LOG_WIDTH
from vaguemestre.cli.changes import shown

_MARKS = {Severity.BAD: ("✗", "red"), Severity.WARN: ("~", "yellow"), Severity.GOOD: ("✓", "green")}
_WIDE = 110  # columns from which there is room for establishment and release
_DRIFT = 4  # files of a host that are named
_WORDS = {"began": "+", "changed": "~", "ended": "-"}


def show(done: Audited, *, diffs: bool, after: str | None) -> None:
    """The table, diffs when wanted, and one line for all hosts; with `after`, only what began since."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    hosts = [(one, _chosen(one, after)) for one in done.audit.worst_first()]
    rows = [(host, found) for host, found in hosts if found]
    if rows:
        console.print(_table(rows, done.audit, wide=console.width >= _WIDE))
    if diffs:
        for host, changes in done.drift.items():
            if changes:
                console.print(Text(host, style="bold"))
                console.print(shown(changes), soft_wrap=True)
    console.print(_summary(done.audit))


def told(events: Iterable[Event]) -> None:
    """What happened, a line each."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for one in events:
        mark, style = _MARKS[Severity.GOOD if one.what == "ended" else one.severity]
        words = Text.assemble((f"{mark} ", style), f"{one.what}: " if one.what != "began" else "", one.en)
        table.add_row(one.at[:16].replace("T", " "), Text(one.host, style="bold"), words)
    console.print(table if table.row_count else "nothing was seen to begin or end")


def _chosen(host: HostAudit, after: str | None) -> tuple[Finding, ...]:
    return tuple(one for one in host.findings if after is None or (one.since or "") >= after)


def _table(rows: Sequence[tuple[HostAudit, Sequence[Finding]]], audit: Audit, *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("host", overflow="fold", max_width=None if wide else 30)
    if wide:
        table.add_column("establishment", overflow="fold")
        table.add_column("release", no_wrap=True)
    table.add_column("since", no_wrap=True, justify="right")
    table.add_column("finding", overflow="fold", ratio=1)
    for host, found in rows:
        first = True
        for since, words in _lines(found, audit.at):
            head = [Text(host.host, style="bold") if first else Text("")]
            head += [Text(host.establishment), Text((host.live or "-")[:12])] if wide and first else []
            head += [Text(""), Text("")] if wide and not first else []
            table.add_row(*head, since, words)
            first = False
    return table


def _lines(found: Sequence[Finding], now: str) -> Iterator[tuple[str, Text]]:
    """A line a finding, the worst first; of many files that differ the first ones, and how many more."""
    ordered = sorted(found, key=lambda one: (list(_MARKS).index(one.severity), list(Subject).index(one.subject)))
    drift = [one for one in ordered if one.subject is Subject.DRIFT]
    left_out = set(drift[_DRIFT:]) if len(drift) > _DRIFT + 1 else set()
    for one in ordered:
        if one not in left_out:
            yield lapse(one.since, now), _line(one.severity, one.en)
    if left_out:
        yield "", _line(Severity.WARN, f"and {len(left_out)} more differ: --json names them, --diff shows them")


def _line(severity: Severity, words: str) -> Text:
    mark, style = _MARKS[severity]
    return Text.assemble((f"{mark} ", style), words)


def _summary(audit: Audit) -> Text:
    counts: Mapping[str, int] = audit.counts()
    words = {"bad": "to be mended now", "warn": "to be looked at", "good": "as they should be"}
    parts: list[tuple[str, str]] = []
    for severity, (_, style) in _MARKS.items():
        if number := counts[severity.value]:
            parts += [(", ", ""), (f"{number} {words[severity.value]}", style)]
    hosts = len(audit.hosts)
    return Text.assemble(f"{hosts} host{'s' if hosts > 1 else ''} in {audit.seconds:.1f} s: ", *parts[1:])
