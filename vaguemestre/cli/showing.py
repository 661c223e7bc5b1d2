"""Outcomes on a terminal: a line a host with what matters below it, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import indent

import typer
from rich.console import Console
from rich.text import Text

from vaguemestre.cli.changes import shown
from vaguemestre.cli.outcomes import Outcome, changes_of, plain, verdict
from vaguemestre.engines import wire


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


def show_json(outcomes: Mapping[str, Outcome]) -> None:
    typer.echo(json.dumps({host: plain(one) for host, one in outcomes.items()}, indent=2, ensure_ascii=False))


def _circumstances(outcome: Outcome) -> str:
    if not isinstance(outcome, wire.Status) or outcome.live is None:
        return ""
    return f"since {outcome.since}, before it {(outcome.previous or 'nothing')[:12]}"
