"""Outcomes on a terminal: a line a host with what matters below it, a table for the whole fleet, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from textwrap import indent

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vaguemestre.cli.board import LOG_WIDTH
from vaguemestre.cli.changes import shown
from vaguemestre.cli.outcomes import Outcome, changes_of, plain, verdict
from vaguemestre.engines import wire
from vaguemestre.establishment import Fleet


def show(
    outcomes: Mapping[str, Outcome], *, changes: bool = False, diffs: bool = True, new_files: bool = False
) -> None:
    """Each host in a line, then the message of what failed, then, if wanted, its changes."""
    console = Console(highlight=False, markup=False)
    for host, outcome in outcomes.items():
        told = verdict(outcome)
        console.print(Text.assemble((host, "bold"), "  ", told.line()), soft_wrap=True)
        for words in filter(None, (told.message, _circumstances(outcome))):
            console.print(indent(words, "    "), soft_wrap=True)  # never cut: the daemon's words may be anywhere
        if changes and (found := changes_of(outcome)):
            console.print(shown(found, diffs=diffs, new_files=new_files), soft_wrap=True)


def show_table(fleet: Fleet, outcomes: Mapping[str, Outcome]) -> None:
    """The whole fleet, a row a host in rollout order; messages of what failed below."""
    table = Table(box=box.SIMPLE)
    for title in ("establishment", "host", "live", "since"):
        table.add_column(title, no_wrap=True)
    table.add_column("finding")
    for establishment, host in fleet.hosts():
        table.add_row(establishment.slug, host.name, *_row(outcomes[host.name]))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    console.print(table)
    for message in filter(None, (verdict(one).message for one in outcomes.values())):
        console.print(message, markup=False, soft_wrap=True)


def show_json(outcomes: Mapping[str, Outcome]) -> None:
    typer.echo(json.dumps({host: plain(one) for host, one in outcomes.items()}, indent=2, ensure_ascii=False))


def _row(outcome: Outcome) -> tuple[str, str, Text]:
    known = isinstance(outcome, wire.Status) and outcome.live
    live, since = (
        (outcome.live or "", outcome.since or "") if isinstance(outcome, wire.Status) and known else ("-", "-")
    )
    return live[:12], since[:16].replace("T", " "), verdict(outcome).line()


def _circumstances(outcome: Outcome) -> str:
    if not isinstance(outcome, wire.Status) or outcome.live is None:
        return ""
    return f"since {outcome.since}, before it {(outcome.previous or 'nothing')[:12]}"
