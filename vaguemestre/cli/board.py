"""Hosts at work, as seen from a terminal: one line a host with what it is doing; plain lines when nobody watches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from vaguemestre.engines.sessions import OnText

LOG_WIDTH = 180  # columns of a table that goes to a file
_LOG_EVERY = 2.0  # seconds


@contextmanager
def board(hosts: Sequence[str], *, quiet: bool = False) -> Iterator[OnText]:
    """Show what the hosts say while the block lasts; gives the function to be told. All of it on standard error.

    `quiet` is for other programs: nothing is said, unless a person watches.
    """
    import sys

    if sys.stderr.isatty():
        with _live(hosts) as told:
            yield told
    elif quiet:
        yield lambda _host, _text: None
    else:
        yield _plain()


def _plain() -> OnText:
    """Lines for a log: of each host at most one every few seconds, so that packages do not drown the rest."""
    from time import monotonic

    said: dict[str, float] = {}

    def told(host: str, text: str) -> None:
        if monotonic() - said.get(host, -_LOG_EVERY) >= _LOG_EVERY:
            said[host] = monotonic()
            typer.echo(f"{host}: {text}", err=True)

    return told


@contextmanager
def _live(hosts: Sequence[str]) -> Iterator[OnText]:
    with _progress() as progress:
        lines = {host: progress.add_task(host, total=None, step="connecting") for host in hosts}
        yield lambda host, text: progress.update(lines[host], step=text)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
