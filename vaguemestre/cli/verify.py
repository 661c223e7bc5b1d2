"""`vaguemestre verify`: ask running operators whether they behave."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Establishments, or hosts with all that they serve; without any, all of the inventory.",
        ),
    ] = None,
    inventory: Inventory = None,
    reports: Annotated[Path, typer.Option(help="Folder for verification.xml (JUnit) and verification.txt.")] = Path(
        "reports"
    ),
    as_json: AsJson = False,
) -> None:
    """Verify by real mail and from outside that operators do what they must.

    Each establishment is asked the same questions: does mail to colleagues and to other operators arrive, is
    mail from strangers refused, is nothing offered before TLS, does nothing else answer. A mailbox named
    verification@ is opened for the time of the run and suspended afterwards. Hosts are not changed.

    What was found is kept beside the inventory; vaguemestre report makes a signed document of it.

    Exit code 0: all behaviours verified. 1: at least one failed, or a host is no operator yet. 4: a host cannot be
    reached; then nothing is asked of any.
    """
    from rich.console import Console

    from vaguemestre import inventory as door
    from vaguemestre.verify import run
    from vaguemestre.verify.verdict import count

    fleet = door.load(inventory)
    console = Console(stderr=as_json, highlight=False)
    outcome = run(fleet, names or [], reports, console.out)
    if as_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in outcome.verdicts], ensure_ascii=False, indent=2))
    console.print(f"\n[bold]{count(outcome.verdicts)}[/]\nReports: {outcome.junit} and {outcome.text}")
    raise typer.Exit(Exit.OK if outcome.passed else Exit.FAILED)
