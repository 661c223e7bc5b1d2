"""`vaguemestre directory search`: look somebody up in the address book."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit

if TYPE_CHECKING:
    from rich.table import Table

_PAPER = {"O": "no paper", "N": "", "": ""}


def search(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="A name, or its beginning; accents do not count.")
    ] = None,
    profession: Annotated[str, typer.Option(help="Profession or speciality, in words or by its national code.")] = "",
    place: Annotated[str, typer.Option(help="Town, postal code or department.")] = "",
    establishment: Annotated[str, typer.Option(help="Name of the establishment, or its FINESS.")] = "",
    on: Annotated[str, typer.Option(help="The establishment or host to ask; without it, the first.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100, help="Show so many.")] = 20,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Look somebody up among the nation's mailboxes and our own, as any mail program on the network may.

    Names are found by their beginning, without accents, as they sound, and with one letter wrong: the nearest first.
    Words may also be a profession, a town or an establishment. Who is on the red list is not found, by nobody.

    Examples: vaguemestre directory search dupont cardiologue lille

              vaguemestre directory search --profession sage-femme --place 62

    Exit codes: 0 somebody was found, 1 nobody, or the host failed; 2 the question says too little.
    """
    from vaguemestre.inventory import load
    from vaguemestre.verbs import searching

    question = {
        "name": " ".join(words or ()),
        "profession": profession,
        "place": place,
        "establishment": establishment,
        "limit": limit,
    }
    found = searching.search(load(inventory), question, on)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _print(found)
    raise typer.Exit(Exit.OK if found["mailboxes"] else Exit.FAILED)


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    from vaguemestre.cli.board import LOG_WIDTH

    if not found["mailboxes"]:
        return typer.echo("Nobody was found.", err=True)
    Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False).print(_table(found["mailboxes"]))
    if found["more"]:
        typer.echo("There are more: add a word, a place or an establishment.", err=True)
    return None


def _table(mailboxes: list[dict[str, Any]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "what", "where", "address", "", "found"):
        table.add_column(heading, overflow="fold")
    for one in mailboxes:
        where = ", ".join(filter(None, (one.get("establishment"), one.get("place"))))
        what = one.get("title") or one.get("service") or one["kind"]
        paper = _PAPER.get(one.get("paperless", ""), "")
        table.add_row(*map(Text, (one["name"], what, where, one["address"], paper, one["match"])))
    return table
