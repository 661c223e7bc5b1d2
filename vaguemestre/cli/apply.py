"""Commands that deal with hosts through the pyinfra door: bootstrap, plan, apply, status, rollback."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaguemestre.cli.board import board
from vaguemestre.cli.inventory import AsJson, Inventory

if TYPE_CHECKING:
    from vaguemestre.establishment import Fleet


class Beyond(StrEnum):
    """What `vaguemestre.plan.Limits` lets pass only when it is named."""

    REMOVALS = "removals"
    SERVICES = "services"
    SECRETS = "secrets"
    TRUST = "trust"
    MAILBOXES = "mailboxes"


Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all of them.")
]
Allow = Annotated[
    list[Beyond] | None,
    typer.Option(help="What may go beyond the usual limits. May be repeated."),
]
ShowDiffs = Annotated[bool, typer.Option("--diff", help="Show each change, and files as diffs.")]


def bootstrap(
    names: Names = None,
    inventory: Inventory = None,
    container: Annotated[
        str | None,
        typer.Option(metavar="podman/NAME", help="First contact by a shell in this running container, not by SSH."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prepare bare Debian hosts: Python, sudo, the kit's own user with the controller's key.

    The first contact is made as settings.ssh.bootstrap_user. `apply` does this by itself when a host is bare; a host
    that is prepared is left alone.
    """
    _, done = _dealt_with(names, inventory, as_json, lambda *given: _door().bootstrap(*given, container=container))
    _end(done, as_json)


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
    _, planned = _dealt_with(names, inventory, as_json, lambda *given: _door().plan(*given))
    _end(planned, as_json, changes=True, diffs=diffs, new_files=new)


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
    from vaguemestre.plan import Limits

    limits = Limits(allow=frozenset(allow or ()))
    _, applied = _dealt_with(names, inventory, as_json, lambda *given: _door().apply(*given, limits=limits))
    _end(applied, as_json, changes=diffs)


def status(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show which release is live on each host, since when, and what differs there from what the inventory says.

    Exit code 3 when something differs.
    """
    _, found = _dealt_with(names, inventory, as_json, lambda *given: _door().status(*given))
    _end(found, as_json, changes=True, diffs=False)


def rollback(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Establishments or hosts.")],
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
    _, done = _dealt_with(names, inventory, as_json, lambda *given: _door().rollback(*given, release=release))
    _end(done, as_json, changes=diffs)


def _door() -> ModuleType:
    """The pyinfra door; slow to import, so not before its process has been started."""
    from vaguemestre.engines import pyinfra

    return pyinfra


def _dealt_with(
    names: list[str] | None, inventory: Path | None, quiet: bool, work: Callable[..., dict[str, Any]]
) -> tuple[Fleet, dict[str, Any]]:
    """Do `work` on the chosen hosts, with progress; gives what became of each."""
    from vaguemestre.engines.sessions import Sessions

    with Sessions() as sessions:
        from vaguemestre.engines.targets import select
        from vaguemestre.inventory import load

        fleet = load(inventory)
        hosts = [host.name for _, host in select(fleet, tuple(names or ()))]
        with board(hosts, quiet=quiet) as told:
            return fleet, work(fleet, hosts, told, sessions)


def _end(outcomes: dict[str, Any], as_json: bool, **details: bool) -> None:
    """Show what became of each host and exit with the code for all."""
    from vaguemestre.cli.outcomes import code
    from vaguemestre.cli.showing import show, show_json

    show_json(outcomes) if as_json else show(outcomes, **details)
    raise typer.Exit(code(outcomes.values()))
