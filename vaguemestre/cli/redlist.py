"""`vaguemestre redlist`: who is protected how, changes, and why a message would go where it goes."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit

app = typer.Typer(
    no_args_is_help=True,
    help="The red list (liste rouge): people whom no search shows, and those whose mail a secretariat reads first. "
    "A change takes effect within a second, in searches and at every door; no apply is needed.",
)

Several = Annotated[list[str] | None, typer.Option(metavar="ADDRESS|@DOMAIN", show_default=False)]


@app.command()
def show(
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="ADDRESS", help="Only these mailboxes; without any, all on the list.")
    ] = None,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Show who is on the red list and how, and every secretariat that cannot receive.

    While a secretariat is closed or missing, mail for those behind it waits at its senders (VGM-401).

    Exit codes: 0 all is well, 3 some secretariat cannot receive.
    """
    from vaguemestre.inventory import load
    from vaguemestre.verbs import redlist

    said = redlist.show(load(inventory), addresses or ())
    if as_json:
        typer.echo(_json(said))
    else:
        for one in said:
            _print_shown(one)
    if any("trouble" in box for one in said for box in one["mailboxes"]):
        raise typer.Exit(Exit.CHANGES)


@app.command("set")
def set_(
    address: Annotated[str, typer.Argument(help="Whose rule is changed.")],
    rule: Annotated[
        str,
        typer.Argument(
            help="none: found by everybody; unlisted: found by no search, mail arrives; secretariat: found by no "
            "search, and mail of peers goes to the secretariat. Without it, the rule stays."
        ),
    ] = "",
    secretariat: Annotated[str, typer.Option(help="Mailbox of this operator that gets the mail instead.")] = "",
    allow: Several = None,
    disallow: Several = None,
    notice: Annotated[
        str, typer.Option(help="told: senders who ask for a report learn of the secretariat; silent: they do not.")
    ] = "",
    by: Annotated[str, typer.Option(help="Who asked: holder or administrator.")] = "administrator",
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Change how one person is protected. --allow and --disallow say who may write past the secretariat.

    Whoever the person wrote to lately, and the establishment's own staff if it says so, may anyway. Refused is a
    secretariat that is no open mailbox of the same operator, or is on the red list itself.

    Example: vaguemestre redlist set camille.fictif@pasteur-evreux.mssante.test secretariat
    --secretariat cardiologie@pasteur-evreux.mssante.test --allow @ch-lens.mssante.test --by holder
    """
    from vaguemestre.inventory import load
    from vaguemestre.verbs import redlist

    values = {"secretariat": secretariat, "notice": notice, "by": by}
    options = [f"--{name}={value}" for name, value in values.items() if value]
    options += [f"--allow={one}" for one in allow or ()] + [f"--disallow={one}" for one in disallow or ()]
    said = redlist.change(load(inventory), address, [*options, *([rule] if rule else [])])
    typer.echo(_json(said) if as_json else f"{said['result']}: {_line(said['mailbox'])}")


@app.command()
def explain(
    sender: Annotated[str, typer.Argument(metavar="FROM", help="An address; <> for a delivery or read report.")],
    recipient: Annotated[str, typer.Argument(metavar="TO", help="An address served by this inventory.")],
    operator_of: Annotated[
        str, typer.Option("--operator-of", metavar="DOMAIN", help="Of a report: which operator brings it.")
    ] = "",
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Tell where a message would go now, and why, from the running daemon of the recipient's operator.

    It says, among others, whether the person has written to the sender lately: ask only for who may know.

    Example: vaguemestre redlist explain labo@ch-lens.mssante.test camille.fictif@pasteur-evreux.mssante.test
    """
    from vaguemestre.inventory import load
    from vaguemestre.verbs import redlist

    said = redlist.explain(load(inventory), sender, recipient, operator_of)
    typer.echo(_json(said) if as_json else _explained(said))


_WAYS = {
    "direct": "arrives in the mailbox of {recipient}",
    "secretariat": "goes to the secretariat {secretariat}, marked with whom it was for",
    "defer": "waits at the sender's, who tries again (451)",
}


def _explained(said: dict[str, Any]) -> str:
    lines = [
        f"{said['sender'] or 'a report'} to {said['recipient']} (at {_DOORS[said['door']]}): "
        + _WAYS[said["way"]].format_map(said),
        f"    because {said['text'] or said['why']} ({said['why']})",
    ]
    if not said.get("listed", True):
        lines.append("    but the sender's domain is not on the white list: it would be refused before that")
    return "\n".join(lines)


_DOORS = {"edge": "port 25", "submission": "port 587", "inside": "the door of filters"}


def _print_shown(said: dict[str, Any]) -> None:
    counts = ", ".join(f"{number} {rule}" for rule, number in said["counts"].items())
    typer.secho(f"{said['host']}: {counts}", bold=sys.stdout.isatty())
    for box in said["mailboxes"]:
        typer.echo(f"    {_line(box)}")


def _line(box: dict[str, Any]) -> str:
    parts = [f"{box['address']}  {box.get('redlist', 'unlisted: nothing was chosen')}"]
    parts += [f"secretariat {box['secretariat']}"] if "secretariat" in box else []
    parts += [f"past it: {' '.join(box['allowed'])}"] if "allowed" in box and "secretariat" in box else []
    parts += [f"senders {box['notice']}"] if "notice" in box else []
    parts += [f"by {box['by']}"] if "by" in box else []
    parts += [f"WAITS: {box['trouble']}"] if "trouble" in box else []
    return ", ".join(parts)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
