"""`vaguemestre lab`: the rehearsal trust space on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from vaguemestre.lab import GuestStatus, Lab

Name = Annotated[str, typer.Option("--name", envvar="VAGUEMESTRE_LAB", help="Which lab; several may be up at once.")]

app = typer.Typer(
    no_args_is_help=True,
    help="A rehearsal trust space on this machine: real Debian hosts in containers on a network of their own, with "
    "DNS, a test authority and an outside world that no mail may reach.",
)


@app.command()
def up(
    part: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ESTABLISHMENT]...", help="Only these, whoever serves them, and all that those serve."),
    ] = None,
    inventory: Inventory = None,
    name: Name = "lab",
) -> None:
    """Boot the hosts of a lab inventory, bare, and what they need around them. Needs root; again is a no-op.

    With establishments, only that part of the inventory is booted, and every command knows that part only; a later
    `lab up` with others, or with none, changes it. The first time builds images (minutes, with downloads); later it
    takes seconds.
    """
    from vaguemestre.inventory import read
    from vaguemestre.rehearsal import lab_plan

    plan = lab_plan(read(inventory), name, part or ())
    with _progress() as say:
        state = _lab(name).up(plan, say)
    for guest in state.guests:
        typer.echo(f"{guest.name}  {guest.address}")


@app.command("copy")
def copied(
    to: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    part: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ESTABLISHMENT]...", help="Only these, whoever serves them, and all that those serve."),
    ] = None,
    inventory: Inventory = None,
) -> None:
    """Copy a real inventory for the lab: the same establishments and settings, with addresses of the lab.

    Then `lab up`, `apply`, `verify` work on the copy (-i FOLDER) as they would on the real hosts. Secrets, keys and
    records are not copied; the lab has its own.
    """
    from vaguemestre.engines.targets import refuse_unknown
    from vaguemestre.inventory import read
    from vaguemestre.rehearsed import copy

    fleet = read(inventory)
    refuse_unknown(fleet, part or ())
    copy(fleet, tuple(part or ()), to)
    read(to)
    typer.echo(f"wrote {to}\nnext: vaguemestre lab up -i {to}")


@app.command()
def down(
    name: Name = "lab",
    purge: Annotated[bool, typer.Option(help="Remove cached images and packages too.")] = False,
) -> None:
    """Remove the lab and everything in it: hosts, their mail, network, keys."""
    with _progress() as say:
        _lab(name).down(purge=purge, progress=say)
    typer.echo(f"lab {name} is gone")


@app.command()
def status(name: Name = "lab", as_json: AsJson = False) -> None:
    """Show the lab's hosts as they are now.

    Exit code 0: all answer. 1: one does not, or the lab is not up.
    """
    found = _lab(name).status()
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in found], indent=2))
    else:
        _table(name, found)
    raise typer.Exit(Exit.OK if found and all(one.ssh for one in found) else Exit.FAILED)


@app.command()
def shell(guest: Annotated[str, typer.Argument(help="Full name of the host.")], name: Name = "lab") -> None:
    """Open a root shell on one of the lab's hosts."""
    _lab(name).shell(guest)


def _lab(name: str) -> Lab:
    from vaguemestre.lab import Lab

    return Lab.open(name)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """On a terminal one moving line over the steps done; else one line a step."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: console.print(text, markup=False)
        return
    with console.status("") as status:

        def say(text: str) -> None:
            console.print(f"  {text}", style="dim", markup=False)
            status.update(text)

        yield say


def _table(name: str, found: list[GuestStatus]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not found:
        typer.echo(f"lab {name} is not up: vaguemestre lab up")
        return
    table = Table("host", "address", "container", "SSH", title=f"lab {name}", title_justify="left", box=None)
    for one in found:
        table.add_row(one.name, str(one.address), one.container, "answers" if one.ssh else "[red]silent[/]")
    Console().print(table)


def _plain(one: GuestStatus) -> dict[str, object]:
    return {"name": one.name, "address": str(one.address), "container": one.container, "ssh": one.ssh}
