"""`vaguemestre publication`: our mailboxes in the national directory (annuaire)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from vaguemestre.verbs.asking import Said
    from vaguemestre.verbs.publication import Answers

app = typer.Typer(
    no_args_is_help=True,
    help="Our mailboxes in the national directory (annuaire): declared when they open, hidden when they are put on the "
    "red list, withdrawn when they close.",
)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all of them.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="An establishment or a host.")]


class UnreadableError(VaguemestreError):
    """A file that was named cannot be read."""

    exit_code = Exit.INVALID


@app.command()
def show(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show how many mailboxes the nation knows of, what waits or was refused and why, and what is alarming.

    Exit codes: 0 all is well, 3 an alarm stands, 1 a host failed, 4 a host could not be reached.
    """
    _ask(inventory, names, ["show"], as_json)


@app.command()
def plan(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show what would be sent to the nation now, the urgent first, and what waits for approval. Nothing is sent.

    Exit codes: 0 the nation is up to date, 3 something is to be sent or waits.
    """
    _ask(inventory, names, ["plan"], as_json)


@app.command()
def run(names: Names = None, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Bring the nation up to date now. Hosts do so by themselves, seconds after a change and every ten minutes.

    Exit codes: 0 done, 1 the nation did not answer well and the rest waits, 3 withdrawals wait for approval.
    """
    typer.echo("Publishing; many changes take some minutes.", err=True)
    _ask(inventory, names, ["run"], as_json)


@app.command()
def report(
    name: Name,
    address: Annotated[str, typer.Argument(help="Of one mailbox only.")] = "",
    last: Annotated[int, typer.Option(min=1, help="So many lines.")] = 30,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Show what became of each operation: when it was sent, and what the nation said.

    Example: vaguemestre publication report pasteur-evreux camille.fictif@pasteur-evreux.mssante.test
    """
    _ask(inventory, [name], ["report", f"--last={last}", *(["--", address] if address else [])], as_json)


@app.command()
def retry(
    name: Name,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS", help="These, though they were handed over in a file that is lost; none: all but those."
        ),
    ] = None,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Try again what the nation refused, or what waits: once the reason is gone that lay outside of the mailbox.

    A refused mailbox is tried again by itself as soon as it changes here.
    """
    _ask(inventory, [name], ["retry", "--", *(addresses or ())], as_json)


@app.command()
def approve(
    names: Names = None,
    digest: Annotated[
        str, typer.Option(help="Digest of the withdrawals that were looked at, or its first 8 characters; see plan.")
    ] = "",
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Agree to the withdrawals that are held back, exactly these and for a day.

    Held back are mailboxes that our own directory does not know any more, not even as closed, and more of them in a
    day than settings.publication.max_removed_percent: a directory that was emptied here must not empty the nation's.
    Without --digest they are shown and asked about first.
    """
    from vaguemestre.inventory import load
    from vaguemestre.verbs import publication

    fleet, chosen = load(inventory), tuple(names or ())
    if not digest:
        digest, host = _looked_at(publication.ask(fleet, chosen, ["plan"]))
        chosen = (host,)
    _say(publication.approve(fleet, chosen, digest), as_json)


@app.command("import-report")
def import_report(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The report (compte rendu) as the nation gave it.")],
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Take in the nation's report on files that were handed over: what it took, and what it refused and why.

    Only for the writer `csv`. Its columns are settings.publication.csv.report. What is wrong with a report is told by
    line, and then nothing of it is used.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{file}: {error.strerror}") from None
    _ask(inventory, [name], ["import-report", "-"], as_json, content)


def _ask(
    inventory: Path | None, names: list[str] | None, arguments: list[str], as_json: bool, stdin: bytes = b""
) -> None:
    from vaguemestre.inventory import load
    from vaguemestre.verbs import publication

    _say(publication.ask(load(inventory), tuple(names or ()), arguments, stdin), as_json)


def _say(answers: Answers, as_json: bool) -> None:
    """By host; then end with the worst of their codes."""
    typer.echo(json.dumps(answers.plain(), ensure_ascii=False, indent=2)) if as_json else _print(answers)
    raise typer.Exit(answers.code)


def _print(answers: Answers) -> None:
    from vaguemestre.cli.answers import print_by_host
    from vaguemestre.host.annuaire.publication.wording import WORDS

    print_by_host(answers, dict.fromkeys(WORDS, _worded))


def _worded(said: Said) -> RenderableType:
    from rich.text import Text

    from vaguemestre.host.annuaire.publication.wording import text

    return Text(text(said))


def _looked_at(plans: Answers) -> tuple[str, str]:
    """The withdrawals that wait and on which host, once a person has seen them and agreed."""
    from vaguemestre.verbs.publication import PublicationError, waiting

    digest, host = waiting(plans)
    if not sys.stdin.isatty():
        raise PublicationError(f"nobody is here to look at it\n    name what was looked at: --digest {digest[:16]}")
    _print(plans)
    typer.confirm(f"Withdraw these mailboxes of {host} from the national directory?", abort=True)
    return digest, host
