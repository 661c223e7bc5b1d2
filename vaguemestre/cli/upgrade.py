"""`vaguemestre upgrade`: hosts go to the next Debian, with their mail."""

from __future__ import annotations

from typing import Annotated

import typer

from vaguemestre.cli.apply import _dealt_with, _door, _end
from vaguemestre.cli.inventory import AsJson, Inventory

_BEFOREHAND = """\
{hosts}
will be upgraded in place to the Debian that the inventory says.

While packages are exchanged, for some minutes, mail is held: other operators find nobody at port 25 and try again, what
was taken rests in the queue, mailboxes and directory stay where they are.
There is no way back to the Debian of before: packages do not go back. Have a backup, or a snapshot of the machine.
Cut off by whatever, the host goes on by itself when it boots, or when the same command is given again."""


def upgrade(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Hosts, or establishments.")],
    inventory: Inventory = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Upgrade hosts to the Debian release that the inventory declares (`debian:` of the host), in place.

    First everything is fetched, while mail flows; then the doors are closed and packages exchanged; then the release
    for the new Debian is judged, switched and probed like any other. No message is lost. There is no way back.
    """
    if not yes:
        typer.echo(_BEFOREHAND.format(hosts=", ".join(names)), err=True)
        typer.confirm("Go on?", abort=True, err=True)
    _, done = _dealt_with(names, inventory, as_json, lambda *given: _door().upgrade(*given))
    _end(done, as_json)
