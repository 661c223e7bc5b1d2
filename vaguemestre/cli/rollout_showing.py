"""Rollouts on a terminal: the list of them, one of them, and what one would change; or as plain values."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vaguemestre.cli.board import LOG_WIDTH
from vaguemestre.cli.changes import shown
from vaguemestre.cli.outcomes import Outcome, verdict
from vaguemestre.plan import summary
from vaguemestre.rollouts.outlook import Outlook, WaveOutlook
from vaguemestre.rollouts.record import Ending, HostRecord, Record, Result

_STYLES = {
    Result.DONE: "green",
    Result.WAITING: "dim",
    Result.NOT_BEGUN: "dim",
    Result.UNDER_WAY: "yellow",
    Result.PUT_BACK: "yellow",
    Ending.DONE: "green",
    Ending.UNDER_WAY: "yellow",
    Ending.INTERRUPTED: "yellow",
}


def plain(record: Record) -> dict[str, Any]:
    """The record as it is kept, with how it stands now."""
    return {"ending": record.ending.value, **asdict(record)}


def show_history(records: Sequence[Record]) -> None:
    """A row a rollout."""
    table = _table("ID", "by", "began", "took", "inventory", "kit", "hosts", "ended")
    for one in records:
        cells = (one.id, one.by, _moment(one.began), _took(one), _revision(one), one.kit, str(len(one.hosts)))
        table.add_row(*cells, _word(one.ending))
    console = _console()
    console.print(table) if records else console.print("no rollout is recorded here yet")


def show_record(record: Record) -> None:
    """Who, when and what; a row a host; the whole reasons below, and how to go on."""
    console = _console()
    console.print(
        Text.assemble(
            ("rollout ", ""),
            (record.id, "bold"),
            f", by {record.by}, began {_moment(record.began)} UTC, inventory {_revision(record)}, kit {record.kit}: ",
            _word(record.ending),
        ),
        soft_wrap=True,
    )
    table = _table("wave", "establishment", "host", "release", "before", "result")
    for one in record.hosts:
        table.add_row(str(one.wave), one.establishment, one.host, one.release[:12] or "-", _before(one), _result(one))
    console.print(table)
    for one in _told(record):
        console.print(Text.assemble((one.host, "bold"), f": {one.reason}"), soft_wrap=True)
    if record.ending in (Ending.FAILED, Ending.INTERRUPTED):
        console.print(f"mend what is said, then: vaguemestre rollout resume {record.id}", soft_wrap=True)


def show_outlook(found: Outlook, plans: Mapping[str, Outcome]) -> None:
    """A row a wave; what changes, once for all hosts on which it is the same; then what is refused."""
    console = _console()
    table = _table("wave", "hosts", "change", "bare", "as they should be", "not asked")
    for one in found.waves:
        table.add_row(str(one.wave), *_counts(one))
    console.print(table)
    for group in found.groups:
        console.print(Text(f"on {_named(group.hosts)}: {summary(group.changes)}", "bold"), soft_wrap=True)
        console.print(shown(group.changes), soft_wrap=True)
    for message in (verdict(plans[host]).message for one in found.waves for host in one.failing):
        console.print(Text(message), soft_wrap=True)
    if found.refused:
        console.print(Text("this goes further than is done unasked:", "red"))
        for sentence in found.refused:
            console.print(Text(f"  {sentence}"), soft_wrap=True)


def _told(record: Record) -> list[HostRecord]:
    """Whose reason is worth reading: of those only set aside because of others, no one's."""
    aside = (Result.DONE, Result.NOT_BEGUN, Result.PUT_BACK, Result.WAITING)
    return [one for one in record.hosts if one.reason and one.result not in aside]


def _counts(one: WaveOutlook) -> tuple[str, ...]:
    parts = (one.changing, one.bare, one.unchanged, one.failing)
    return tuple(map(str, (sum(map(len, parts)), *map(len, parts))))


def _named(hosts: Sequence[str]) -> str:
    return ", ".join(hosts) if len(hosts) <= 5 else f"{', '.join(hosts[:4])} and {len(hosts) - 4} more"


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE)
    for title in titles:
        table.add_column(title, no_wrap=title in ("ID", "host", "release", "before", "began"))
    return table


def _console() -> Console:
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else LOG_WIDTH)


def _word(word: Ending | Result) -> Text:
    return Text(word.value, _STYLES.get(word, "red"))


def _before(one: HostRecord) -> str:
    return (one.before or "nothing")[:12] if one.began else "-"


def _result(one: HostRecord) -> Text:
    if one.result is Result.DONE and not one.changed:
        return _word(one.result).append(", was so already", "dim")
    if one.result is Result.FAILED and one.before and one.live == one.before:
        return _word(one.result).append(", what was before is live", "dim")
    return _word(one.result)


def _moment(iso: str) -> str:
    return iso[:19].replace("T", " ")


def _took(record: Record) -> str:
    if record.ended is None:
        return ""
    seconds = int((datetime.fromisoformat(record.ended) - datetime.fromisoformat(record.began)).total_seconds())
    return f"{seconds // 60} min {seconds % 60:02} s"


def _revision(record: Record) -> str:
    if record.revision is None:
        return "not under git"
    return record.revision[:10] + ("+" if record.revision.endswith("+") else "")
