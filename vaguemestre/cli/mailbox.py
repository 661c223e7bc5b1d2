"""`vaguemestre mailbox`: open mailboxes (BAL), change and list them, give passwords, suspend, close and restore."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.cli.mailbox_add import Address, OwnPassword, add, holding, set_
from vaguemestre.cli.mailbox_import import import_
from vaguemestre.cli.mailbox_showing import merged, printed, show_counts, show_one, table, told, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vaguemestre.verbs.mailbox import Answer, MailboxError, Mailboxes

app = typer.Typer(
    no_args_is_help=True,
    help="Mailboxes (BAL) of the people, teams and programs served: they are data on the operator's host, not "
    "configuration, so no command here changes a release and no apply touches a mailbox.",
)
app.command("add")(add)
app.command("set")(set_)


@app.command()
def show(address: Address, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show all that is known of a mailbox, and when it goes on to its next state."""
    answer = holding(inventory, address).show(address)
    printed([answer]) if as_json else show_one(answer)


@app.command("list")
def listing(
    state: Annotated[
        str, typer.Option(help="Only those requested, active, suspended, closed, quarantined or purged.")
    ] = "",
    domain: Annotated[str, typer.Option(help="Only those of one domain.")] = "",
    count: Annotated[bool, typer.Option("--count", help="Only how many: by state, type, red list and paper.")] = False,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Show the mailboxes of all operators of the inventory, closed ones too: their addresses stay taken."""
    from vaguemestre.inventory import load
    from vaguemestre.verbs.mailbox import MailboxError, holders, serving

    fleet = load(inventory)
    asked = (serving(fleet, f"@{domain}"),) if domain else holders(fleet)
    answers, missing = _asked(asked, lambda one: one.list(state, domain, count=count))
    if count:
        numbers = merged(one.facts["counts"] for one in answers)
        typer.echo(json.dumps(numbers, indent=2)) if as_json else show_counts(numbers)
    elif as_json:
        printed(answers)
    else:
        table(box for one in answers for box in one.mailboxes)
    if missing:
        raise MailboxError(
            "\n".join([*map(str, missing), "    what is there is not in the list"]), missing[0].exit_code
        )


@app.command()
def passwd(
    address: Address, password_stdin: OwnPassword = False, inventory: Inventory = None, as_json: AsJson = False
) -> None:
    """Give a mailbox a new password: made and shown this once, or read with --password-stdin."""
    holder, password = holding(inventory, address), typed(password_stdin)
    told(holder.passwd(address, password), as_json)


@app.command()
def suspend(address: Address, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Shut a mailbox for its holder: no login, no sending, sessions ended. Its mail still arrives and waits."""
    told(holding(inventory, address).move("suspend", address), as_json)


@app.command()
def activate(
    address: Address, password_stdin: OwnPassword = False, inventory: Inventory = None, as_json: AsJson = False
) -> None:
    """Open a requested mailbox, with a password, or a suspended one, whose password is what it was."""
    told(holding(inventory, address).move("activate", address, typed(password_stdin)), as_json)


@app.command()
def close(address: Address, inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Close a mailbox: no login, and writers are told that it is closed.

    Its mail stays on the host until the inventory's delays are over (`retention`), and so long `restore` brings it back
    to the same holder. Its address is not given to anybody else for years.
    """
    told(holding(inventory, address).move("close", address), as_json)


@app.command()
def restore(
    address: Address, password_stdin: OwnPassword = False, inventory: Inventory = None, as_json: AsJson = False
) -> None:
    """Open what was closed or quarantined, for the same holder, with its mail and a new password."""
    told(holding(inventory, address).move("restore", address, typed(password_stdin)), as_json)


app.command("import")(import_)


def _asked(holders: Iterable[Mailboxes], ask: Callable[[Mailboxes], Answer]) -> tuple[list[Answer], list[MailboxError]]:
    """What each holder answers; one that is away does not hide what the others hold."""
    from vaguemestre.errors import Exit
    from vaguemestre.verbs.mailbox import MailboxError

    answers: list[Answer] = []
    missing: list[MailboxError] = []
    for one in holders:
        try:
            answers.append(ask(one))
        except MailboxError as error:
            if error.exit_code is Exit.INVALID:  # the question is wrong, not the host
                raise
            missing.append(error)
    return answers, missing
