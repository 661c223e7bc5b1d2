"""`vaguemestre mailbox`: open mailboxes (BAL), list them, give passwords, suspend and close."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.cli.mailbox_import import import_

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vaguemestre.mailbox import Answer, MailboxError, Mailboxes

app = typer.Typer(
    no_args_is_help=True,
    help="Mailboxes (BAL) of the people, teams and programs served: they are data on the operator's host, not "
    "configuration, so no command here changes a release and no apply touches a mailbox.",
)

Address = Annotated[str, typer.Argument(help="The whole address; its domain tells which operator holds it.")]
OwnPassword = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin (12 characters at least).")
]


@app.command()
def add(
    address: Address,
    kind: Annotated[
        str, typer.Option("--type", help="PER a person, ORG a team, APP a program, CAB a practice. Never changes.")
    ],
    rpps: Annotated[str, typer.Option(help="National number of the person, 11 digits; PER needs it.")] = "",
    name: Annotated[str, typer.Option(help="Name to show.")] = "",
    surname: Annotated[str, typer.Option(help="Family name of a person.")] = "",
    given: Annotated[str, typer.Option(help="Given name of a person.")] = "",
    structure: Annotated[
        str, typer.Option(help="1 and a FINESS or 3 and a SIRET; ORG and APP without it: the establishment's own.")
    ] = "",
    service: Annotated[str, typer.Option(help="Ward or service.")] = "",
    responsible: Annotated[str, typer.Option(help="Who answers for it; never published.")] = "",
    description: Annotated[str, typer.Option(help="What it is for; CAB needs it.")] = "",
    quota: Annotated[int, typer.Option(min=0, help="Storage in MiB; 0: what the establishment gives.")] = 0,
    password_stdin: OwnPassword = False,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Open a mailbox.

    Without --password-stdin a password is made and shown this once. Adding the same again changes nothing; an
    address that was ever given to somebody else is refused, also long after it was closed.

    Example: vaguemestre mailbox add camille.fictif@pasteur-evreux.mssante.test --type PER --rpps 10009990001
    --name "Dr Camille FICTIF"
    """
    details = {
        "type": kind, "rpps": rpps, "name": name, "surname": surname, "given": given, "structure": structure,
        "service": service, "responsible": responsible, "description": description, "quota": str(quota),
    }  # fmt: skip
    options = [f"--{option}={value}" for option, value in details.items() if value]
    holder, password = _holder(inventory, address), _typed(password_stdin)
    _print(holder.add(address, *options, password=password), as_json)


@app.command("list")
def listing(
    state: Annotated[
        str, typer.Option(help="Only those requested, active, suspended, closed, quarantined or purged.")
    ] = "",
    domain: Annotated[str, typer.Option(help="Only those of one domain.")] = "",
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Show the mailboxes of all operators of the inventory, closed ones too: their addresses stay taken."""
    from vaguemestre.inventory import load
    from vaguemestre.mailbox import MailboxError, holders, serving

    fleet = load(inventory)
    asked = (serving(fleet, f"@{domain}"),) if domain else holders(fleet)
    answers, missing = _asked(asked, state, domain)
    _print_json(answers) if as_json else _table(answers)
    if missing:
        raise MailboxError(
            "\n".join([*map(str, missing), "    what is there is not in the list"]), missing[0].exit_code
        )


@app.command()
def passwd(
    address: Address, password_stdin: OwnPassword = False, inventory: Inventory = None, as_json: AsJson = False
) -> None:
    """Give a mailbox a new password: made and shown this once, or read with --password-stdin."""
    holder, password = _holder(inventory, address), _typed(password_stdin)
    _print(holder.passwd(address, password), as_json)


@app.command()
def suspend(address: Address, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Shut a mailbox for its holder: no login, no sending, sessions ended. Its mail still arrives and waits."""
    _print(_holder(inventory, address).move("suspend", address), as_json)


@app.command()
def activate(address: Address, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Open a suspended mailbox again; its password is what it was."""
    _print(_holder(inventory, address).move("activate", address), as_json)


@app.command()
def close(address: Address, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Close a mailbox for good: no login, and writers are told that it is closed. There is no way back.

    Its mail stays on the host for now, and its address is never given again.
    """
    _print(_holder(inventory, address).move("close", address), as_json)


app.command("import")(import_)


def _asked(holders: Iterable[Mailboxes], state: str, domain: str) -> tuple[list[Answer], list[MailboxError]]:
    """What each holder answers; one that is away does not hide what the others hold."""
    from vaguemestre.errors import Exit
    from vaguemestre.mailbox import MailboxError

    answers: list[Answer] = []
    missing: list[MailboxError] = []
    for one in holders:
        try:
            answers.append(one.list(state, domain))
        except MailboxError as error:
            if error.exit_code is Exit.INVALID:  # the question is wrong, not the host
                raise
            missing.append(error)
    return answers, missing


def _holder(inventory: Path | None, address: str) -> Mailboxes:
    from vaguemestre.inventory import load
    from vaguemestre.mailbox import serving

    return serving(load(inventory), address)


def _typed(wanted: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if wanted else None


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        return _print_json([answer])
    box = answer.mailbox
    typer.echo(f"{answer.result}: {box.address} ({box.kind}) is {box.state}")
    if answer.password:
        typer.echo(f"password, shown this once: {answer.password}")
    return None


def _print_json(answers: list[Answer]) -> None:
    """One mailbox as an object with `result` and, when it was made now, `password`; a list as a list."""
    from vaguemestre.host.bal import plain

    if len(answers) == 1 and answers[0].result != "listed":
        one = answers[0]
        shown = {"result": one.result, **plain(one.mailbox), **({"password": one.password} if one.password else {})}
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        boxes = [plain(box) for one in answers for box in one.mailboxes]
        typer.echo(json.dumps(boxes, indent=2, ensure_ascii=False))


def _table(answers: list[Answer]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    from vaguemestre.cli.board import LOG_WIDTH

    table = Table(Column("address", no_wrap=True), "type", "state", "name", "RPPS or structure", box=None)
    for box in (box for one in answers for box in one.mailboxes):
        table.add_row(box.address, box.kind, box.state, box.display, box.person or box.structure)
    Console(width=None if sys.stdout.isatty() else LOG_WIDTH).print(table)
