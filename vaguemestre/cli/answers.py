"""What hosts answer, shown by host, as tables for people. Pure but for printing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from vaguemestre.cli.board import LOG_WIDTH
from vaguemestre.verbs.asking import Answers, Said, alike


def print_by_host(answers: Answers, by_result: Mapping[str, Callable[[Said], RenderableType]]) -> None:
    """Hosts that say the same are shown together; those that were not reached come last, on standard error."""
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False)
    for hosts, said in alike(answers.said.items()):
        console.print(Text(", ".join(hosts), style="bold"))
        console.print(by_result.get(said["result"], _message)(said))
        console.print()
    for name, failure in answers.away.items():
        print(f"{name}: {failure.message}", file=sys.stderr)


class Pairs:
    """A table of names and values; values come from afar, so none of them is taken for markup."""

    def __init__(self) -> None:
        self.table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        self.table.add_column(style="dim", no_wrap=True)
        self.table.add_column(overflow="fold")

    def add(self, name: str, value: str, style: str = "") -> None:
        self.table.add_row(name, Text(value, style=style))


def moment(text: str | None) -> str:
    """A time of ISO 8601, to the minute."""
    return text[:16].replace("T", " ") if text else "never"


def _message(said: Said) -> RenderableType:
    return Text(f"{said['result']}: {said.get('message', '')}", style="red")
