"""What was found in an extraction, for people and for other programs; and that reading takes its time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from vaguemestre.host.annuaire.examination import Findings, Met
    from vaguemestre.host.annuaire.inspection import Inspection

    OnRead = Callable[[str, int, int], None]

_LATE = 2.0  # seconds without a word
_LOG_EVERY = 5.0  # seconds
_NAMED = 10  # domains


def told(file: Path, inspection: Inspection) -> str:
    """For people: what is in the file, what is wrong with it, what it would change, and what would become of it."""
    found, churn, held = inspection.found, inspection.churn, inspection.held
    lines = [f"{file.name}, {_made(found.generated)}", *_indented(_contents(found))]
    if churn and held:
        lines += [f"against what was {_made(held.generated)}", *_indented((churn.summary,))]
    if inspection.unfit:
        lines += ["would be refused:", *_indented(inspection.unfit)]
    if churn and churn.held_back:
        lines += ["would be held back until a person has looked:", *_indented(churn.why)]
    if not inspection.refused:
        lines.append("would be applied" if churn else "could be used")
    return "\n".join(lines)


def as_data(file: Path, inspection: Inspection) -> dict[str, Any]:
    """For other programs; dates are ISO 8601 in UTC or null."""
    found, churn, held = inspection.found, inspection.churn, inspection.held
    data: dict[str, Any] = {
        "file": str(file),
        "usable": not inspection.refused,
        "generated": _iso(found.generated),
        "bytes": found.size,
        "lines": found.lines,
        "mailboxes": found.mailboxes,
        "types": dict(found.kinds),
        "addresses_on_several_lines": found.merged_number,
        "domains": {"number": len(found.domains), "median": found.domain_median, "largest": _largest(found)},
        "passed_over": {kind: _met(one) for kind, one in found.faults.items()},
        "remarks": {kind: _met(one) for kind, one in found.remarks.items()},
        "digest": found.digest.sha256,
        "unfit": list(inspection.unfit),
    }
    if churn and held:
        balance = churn.balance
        data["against"] = {
            "generated": _iso(held.generated), "mailboxes": balance.held, "digest": held.sha256,
            "added": balance.added, "changed": balance.changed, "removed": balance.removed,
            "held_back": churn.held_back, "why": list(churn.why),
        }  # fmt: skip
    return data


@contextmanager
def reading_shown(*, quiet: bool) -> Iterator[OnRead]:
    """Gives the function to be told of octets read, of how many; it speaks on standard error, and only if it is late.

    `quiet` is for other programs: nothing is said, unless a person watches.
    """
    if sys.stderr.isatty():
        with _bar() as on_read:
            yield on_read
    else:
        yield _silent if quiet else _log()


def _silent(_name: str, _done: int, _size: int) -> None:
    pass


def _log() -> OnRead:
    said = monotonic() + _LATE - _LOG_EVERY

    def on_read(name: str, done: int, size: int) -> None:
        nonlocal said
        if monotonic() - said >= _LOG_EVERY:
            said = monotonic()
            typer.echo(f"{name}: {_step(done, size)}", err=True)

    return on_read


@contextmanager
def _bar() -> Iterator[OnRead]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    progress = Progress(*columns, TextColumn("{task.fields[step]}"), console=Console(stderr=True), transient=True)
    task, begun = progress.add_task("", total=None, step=""), monotonic()

    def on_read(name: str, done: int, size: int) -> None:
        progress.update(task, description=name, completed=done, total=size, step=_step(done, size))
        if monotonic() - begun >= _LATE and not progress.live.is_started:
            progress.start()

    try:
        yield on_read
    finally:
        progress.stop()


def _step(done: int, size: int) -> str:
    return f"read {100 * done // size} %" if done < size else "read, now sorting"


def _contents(found: Findings) -> Iterator[str]:
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in found.kinds.items())
    yield f"{found.lines:,} lines, {found.size:,} octets"
    yield f"{found.mailboxes:,} mailboxes ({kinds or 'none'})"
    median, most = found.domain_median, found.domain_most
    yield f"{len(found.domains):,} domains, {median:g} mailboxes in the median, {most:,} at most"
    if found.merged_number:
        yield f"{found.merged_number:,} addresses on several lines, each one mailbox with several activities"
    yield from (f"passed over: {one}" for one in found.faults.values())
    yield from (f"remark: {one}" for one in found.remarks.values())


def _made(at: datetime | None) -> str:
    return f"made on {at:%Y-%m-%d %H:%M} UTC" if at else "made nobody says when"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _largest(found: Findings) -> dict[str, int]:
    from vaguemestre.host.annuaire.churn import NAMED_FROM

    named = {domain: number for domain, number in found.domains.items() if number >= NAMED_FROM}
    return dict(sorted(named.items(), key=lambda one: (-one[1], one[0]))[:_NAMED])


def _met(one: Met) -> dict[str, Any]:
    return {"what": one.what, "lines": one.count, "first": list(one.first)}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
