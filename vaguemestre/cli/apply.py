"""Commands that deal with hosts through the pyinfra door: bootstrap, plan, apply, status, audit, rollback."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.board import board
from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit

if TYPE_CHECKING:
    from vaguemestre.engines.pyinfra import Outcome
    from vaguemestre.engines.sessions import OnText
    from vaguemestre.establishment import Fleet

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Establishments or hosts; without any, all of them.")
]
Allow = Annotated[
    list[str] | None,
    typer.Option(help="What may go beyond the usual limits: removals, services, secrets, trust. May be repeated."),
]

ShowDiffs = Annotated[bool, typer.Option("--diff", help="Show each change, and files as diffs.")]
_LOG_WIDTH = 180


def bootstrap(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Prepare bare Debian hosts: Python, sudo, the kit's own user with the controller's key.

    The first contact is made as settings.ssh.bootstrap_user. `apply` does this by itself when a host is bare; a host
    that is prepared is left alone.
    """
    from vaguemestre.engines import pyinfra
    from vaguemestre.engines.sessions import Failure

    fleet, hosts = _chosen(inventory, names)
    with board(hosts, quiet=as_json) as told:
        done = pyinfra.bootstrap(fleet, hosts, told)
    failed = [one for one in done.values() if isinstance(one, Failure)]
    if as_json:
        typer.echo(json.dumps({host: _prepared(one) for host, one in done.items()}, indent=2))
    for host, one in done.items() if not as_json else ():
        typer.echo(one.message if isinstance(one, Failure) else f"{host}: {', '.join(one) or 'prepared already'}")
    raise typer.Exit(max((Exit.FAILED if one.trouble == "failed" else Exit.UNREACHABLE for one in failed), default=0))


def _prepared(one: object) -> dict[str, object]:
    from vaguemestre.engines.sessions import Failure

    if isinstance(one, Failure):
        return {"result": "failure", "trouble": one.trouble.value, "message": one.message}
    return {"result": "prepared", "changed": one}


def plan(
    names: Names = None,
    inventory: Inventory = None,
    diffs: Annotated[bool, typer.Option("--diff/--no-diff", help="Show how each file would change.")] = True,
    new: Annotated[bool, typer.Option("--new", help="Show the whole text of new files too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what `apply` would change on the hosts, as true diffs. Changes nothing.

    Secrets are never shown. Exit code 0: nothing to do. 3: there is something to change.
    """
    from vaguemestre.engines import pyinfra

    _each(names, inventory, as_json, pyinfra.plan, detail=_changes(diffs, new))


def apply(
    names: Names = None,
    inventory: Inventory = None,
    allow: Allow = None,
    diffs: ShowDiffs = False,
    as_json: AsJson = False,
) -> None:
    """Make the hosts what the inventory says; a bare host is prepared first.

    On each host the new configuration is judged by its own daemons before anything live changes, switched, and
    probed; when any of that fails the previous state is put back. A host that is as it should be is not touched.

    What goes unusually far (many removals, a service stopped for good, other national authorities) is refused on all
    hosts unless allowed by name. One host's failure never stops another's; `rollout` goes wave by wave instead.
    """
    from vaguemestre.engines import pyinfra
    from vaguemestre.plan import Limits

    limits = Limits(allow=frozenset(allow or ()))
    _each(
        names,
        inventory,
        as_json,
        lambda fleet, hosts, told: pyinfra.apply(fleet, hosts, told, limits),
        _changes() if diffs else _nothing,
    )


def status(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show which release is live on each host, since when, and what differs there from what the inventory says.

    Exit code 3 when something differs.
    """
    from vaguemestre.engines import pyinfra

    _each(names, inventory, as_json, pyinfra.status, detail=_circumstances)


def audit(inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Ask every host of the inventory whether it still is what the inventory says, and list those that are not.

    One round trip a host, all side by side: files, owners and modes, packages, units and what they run with.
    Exit code 0: all are. 3: some are not. 4: some could not be reached.
    """
    from vaguemestre.cli.outcomes import code
    from vaguemestre.engines import pyinfra

    fleet, hosts = _chosen(inventory, None)
    with board(hosts, quiet=as_json) as told:
        outcomes = pyinfra.status(fleet, hosts, told)
    _print_json(outcomes) if as_json else _print_audit(fleet, outcomes)
    raise typer.Exit(code(outcomes.values()))


def rollback(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Establishments or hosts.")],
    release: Annotated[
        str | None, typer.Option(help="Id of the release to put back; without it, the previous.")
    ] = None,
    inventory: Inventory = None,
    diffs: ShowDiffs = False,
    as_json: AsJson = False,
) -> None:
    """Put the previous release back on the named hosts, or an older one by its id.

    Judged, switched and probed like any other. Packages keep their version. The inventory still says what it said: the
    next `apply` would bring the newer release again.
    """
    from vaguemestre.engines import pyinfra

    _each(
        names,
        inventory,
        as_json,
        lambda fleet, hosts, told: pyinfra.rollback(fleet, hosts, release, told),
        _changes() if diffs else _nothing,
    )


Detail = Callable[["Outcome"], object]


def _each(
    names: list[str] | None,
    inventory: Path | None,
    as_json: bool,
    work: Callable[[Fleet, list[str], OnText], dict[str, Outcome]],
    detail: Detail,
) -> None:
    """Do `work` on the chosen hosts with progress, show what became of each, and exit with the code for all."""
    from vaguemestre.cli.outcomes import code

    fleet, hosts = _chosen(inventory, names)
    with board(hosts, quiet=as_json) as told:
        outcomes = work(fleet, hosts, told)
    _print_json(outcomes) if as_json else _print(outcomes, detail)
    raise typer.Exit(code(outcomes.values()))


def _chosen(inventory: Path | None, names: list[str] | None) -> tuple[Fleet, list[str]]:
    from vaguemestre.engines.targets import select
    from vaguemestre.inventory import load

    fleet = load(inventory)
    return fleet, [host.name for _, host in select(fleet, tuple(names or ()))]


def _nothing(_: Outcome) -> object:
    return None


def _changes(diffs: bool = True, new: bool = False) -> Detail:
    def detail(outcome: Outcome) -> object:
        from vaguemestre.cli.changes import shown

        changes = getattr(outcome, "changes", ())
        return shown(changes, diffs=diffs, new_files=new) if changes else None

    return detail


def _circumstances(outcome: Outcome) -> object:
    from vaguemestre.engines import wire

    if not isinstance(outcome, wire.Status) or outcome.live is None:
        return None
    lines = [f"since {outcome.since}, before it {(outcome.previous or 'nothing')[:12]}"]
    return "\n".join(lines + [f"{change.action} {change.kind} {change.key}" for change in outcome.drift])


def _print(outcomes: Mapping[str, Outcome], detail: Detail) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from vaguemestre.cli.outcomes import verdict

    console = Console(highlight=False, markup=False)
    for host, outcome in outcomes.items():
        told = verdict(outcome)
        console.print(Text.assemble((host, "bold"), "  ", told.line()), soft_wrap=True)
        for more in filter(None, (told.message, detail(outcome))):
            console.print(Padding.indent(more, 4) if isinstance(more, str) else more, soft_wrap=True)


def _print_audit(fleet: Fleet, outcomes: Mapping[str, Outcome]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from vaguemestre.cli.outcomes import verdict

    table = Table(box=box.SIMPLE)
    for title in ("establishment", "host", "live", "since"):
        table.add_column(title, no_wrap=True)
    table.add_column("finding")
    for establishment, host in fleet.hosts():
        outcome = outcomes[host.name]
        live, since = (getattr(outcome, name, None) or "-" for name in ("live", "since"))
        moment = since[:16].replace("T", " ")
        table.add_row(establishment.slug, host.name, live[:12], moment, verdict(outcome).line())
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)
    console.print(table)
    for outcome in outcomes.values():
        if message := verdict(outcome).message:
            console.print(message, markup=False, soft_wrap=True)


def _print_json(outcomes: Mapping[str, Outcome]) -> None:
    from vaguemestre.cli.outcomes import plain

    typer.echo(json.dumps({host: plain(outcome) for host, outcome in outcomes.items()}, indent=2, ensure_ascii=False))
