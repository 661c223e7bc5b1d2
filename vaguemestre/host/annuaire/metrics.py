"""Numbers of the national directory for Prometheus (text format 0.0.4), in a file: the job runs now and then.

The trust daemon shows it on its own page where it is; the textfile collector of a node exporter can read it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from vaguemestre.host.annuaire.state import State
from vaguemestre.host.trust import durable
from vaguemestre.host.trust.alarms import Alarm

_PREFIX = "vaguemestre_directory"


def write(path: Path, state: State, standing: Iterable[Alarm], now: datetime) -> None:
    """Replace the file, which everybody on the host may read; raises OSError."""
    durable.write(path, ("\n".join(page(state, standing, now)) + "\n").encode())
    path.chmod(0o644)


def page(state: State, standing: Iterable[Alarm], now: datetime) -> Iterator[str]:
    """The file's lines; pure."""
    yield from _gauge("refreshed_seconds", "When the last run was", now.timestamp())
    yield from _gauge("waiting", "1 while an extraction waits for approval", float(state.waiting is not None))
    yield from _gauge("entries_refused", "National mailboxes that slapd refused", float(state.refused))
    if held := state.held:
        made = held.generated or held.taken
        yield from _gauge("generated_seconds", "When the extraction that is held was made", made.timestamp())
        yield from _gauge("mailboxes", "Mailboxes of the extraction that is held", float(held.mailboxes))
    yield from _head("alarm", "Alarms that stand")
    for one in standing:
        yield f'{_PREFIX}_alarm{{name="{one.name}",stage="{one.stage}"}} 1'


def _gauge(name: str, told: str, value: float) -> Iterator[str]:
    yield from _head(name, told)
    yield f"{_PREFIX}_{name} {value:.15g}"


def _head(name: str, told: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}_{name} {told}"
    yield f"# TYPE {_PREFIX}_{name} gauge"
