"""`vaguemestre audit`: where the fleet stands, in one round trip a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from vaguemestre.cli.inventory import AsJson, Inventory

if TYPE_CHECKING:
    from vaguemestre.audit.run import Audited


class AsksAtOnce(TyperGroup):
    """`audit`, alone or with names and options, --help too, is `audit now`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if args and args[0] in self.commands else ["now", *args])


app = typer.Typer(cls=AsksAtOnce, help="Where the fleet stands, and since when; see also `audit history`.")

Since = Annotated[
    str | None, typer.Option(metavar="MOMENT", help="Only what began since: 2h, 3d, or a date such as 2026-11-20.")
]


@app.command(epilog="What began and ended when: vaguemestre audit history --help")
def now(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all.")
    ] = None,
    inventory: Inventory = None,
    diffs: Annotated[bool, typer.Option("--diff", help="Show what was changed on hosts, as diffs.")] = False,
    since: Since = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page to hand over, French and English.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask every host what it is, and list what is not as it should be, the worst first, with since when.

    One round trip a host, side by side, and nothing is changed: what differs from its release, file by file; units that
    failed or do not run with what is on the disk; certificates, white list, revocation and national directory by their
    age; the queue, disks, the clock, a restart that is due; hosts that do not answer. It may run every five minutes.

    Exit codes: 0 all is well, 3 something is to be looked at, 4 a host could not be reached, 1 a host's answer is of no
    use, 5 another audit is under way.
    """
    from vaguemestre.audit.run import audited

    after = _moment(since)
    with _progress() as told:
        done = audited(inventory, tuple(names or ()), told)
    _show(done, as_json=as_json, diffs=diffs, after=after)
    if html:
        from vaguemestre.audit.page import written

        written(html, done.audit)
        typer.echo(f"written: {html}", err=True)
    if done.unkept:
        typer.echo(f"vaguemestre: nothing of this audit is kept: {done.unkept}", err=True)
    raise typer.Exit(done.code)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="A host or an establishment; without, all.")] = None,
    inventory: Inventory = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Show what audits saw begin, change and end, oldest first. No host is asked."""
    import json
    from dataclasses import asdict

    from vaguemestre import records
    from vaguemestre.audit.history import events
    from vaguemestre.inventory import load

    fleet, after = load(inventory), _moment(since)
    if name:
        from vaguemestre.engines.targets import refuse_unknown

        refuse_unknown(fleet, (name,))
    found = [one for one in events(records.folder(fleet, records.Kind.AUDITS), name) if one.at >= (after or "")]
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
    else:
        from vaguemestre.cli.audit_table import told

        told(found)


def _moment(since: str | None) -> str | None:
    from vaguemestre.audit.moments import moment

    return moment(since) if since else None


def _show(done: Audited, *, as_json: bool, diffs: bool, after: str | None) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(done.audit.plain(), indent=2, ensure_ascii=False))
        return
    if not any(one.findings for one in done.audit.hosts):
        typer.echo(_all_well(done))
        return
    from vaguemestre.cli.audit_table import show

    show(done, diffs=diffs, after=after)


def _all_well(done: Audited) -> str:
    """The one line there is to say when there is nothing to look at."""
    hosts, sites = len(done.audit.hosts), len({one.establishment for one in done.audit.hosts})
    many = f"{hosts} hosts of {sites} establishments are" if hosts > 1 else "1 host is"
    return f"{many} as they should be ({done.audit.seconds:.1f} s)".replace("is as they", "is as it")


@contextmanager
def _progress() -> Iterator[Callable[[str], object]]:
    """One line on a terminal that changes; nothing anywhere else: an audit may run every five minutes."""
    import sys

    if not sys.stderr.isatty():
        yield str
        return
    from rich.console import Console

    with Console(stderr=True).status("reading the inventory") as status:
        yield lambda text: status.update(text)
