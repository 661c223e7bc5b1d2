"""`vaguemestre mailbox import`: a list of staff read, its plan shown, and done."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit

if TYPE_CHECKING:
    from vaguemestre.staff.importing import Done, Import, Planned


def import_(
    file: Annotated[Path, typer.Argument(help="CSV from HR, or LDIF from Active Directory (ldifde).")],
    establishment: Annotated[
        str | None, typer.Argument(help="Whose list it is; needed when several establishments could be meant.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    accept_closing: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="That exactly N mailboxes go is meant, however many it is.")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Mailboxes made by hand that the list names are the list's from now on.")
    ] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make passwords where there are none, into this new file, mode 0600."),
    ] = None,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Bring an establishment's mailboxes to a list of staff: open, change, reactivate, suspend.

    Columns are found by their usual names, or as `mailboxes.import.columns` of the inventory says. Everything that is
    wrong in the list is told at once, and then nothing is done. The plan is shown before it is done. Safe every night:
    what is already so is left alone, mailboxes made by hand are never closed, and when more than a share
    (`mailboxes.import.max_closed_percent`) would go, nothing is done.

    Exit code 0: done, or nothing to do. 1: failed, at least in part. 2: the list is wrong or too many would go,
    nothing was done. 3: dry run with changes. 4: the host could not be reached.

    Example: vaguemestre mailbox import staff.csv clinique-pasteur-evreux --dry-run
    """
    from vaguemestre.staff.errors import StaffFileError

    try:
        code = _import(file, establishment, inventory, dry_run, accept_closing, adopt, passwords, as_json)
    except StaffFileError as error:
        if not as_json:
            raise
        _print({"result": "wrong", "problems": [asdict(one) for one in error.problems]})
        code = Exit.INVALID
    raise typer.Exit(code)


def _import(
    file: Path,
    establishment: str | None,
    inventory: Path | None,
    dry_run: bool,
    accept_closing: int | None,
    adopt: bool,
    passwords: Path | None,
    as_json: bool,
) -> Exit:
    from vaguemestre.cli.board import board
    from vaguemestre.inventory import load
    from vaguemestre.staff import handout
    from vaguemestre.staff.importing import prepared, whose
    from vaguemestre.staff.reading import read

    fleet = load(inventory)
    one = whose(fleet, file, establishment)
    domains = [domain.name for domain in fleet.mail_domains(one)]
    reading = read(file, one.mailboxes.imports, domains, one.structure_id)
    if passwords is not None:
        handout.writable(passwords)
    asked = prepared(fleet, one, reading, lambda _host, _text: None, accept_closing=accept_closing, adopt=adopt)
    with board([asked.holder.host.name], quiet=True):
        planned = asked.plan()
    facts = {"establishment": one.slug, "passed_over": reading.passed_over, "disabled": reading.disabled}
    told = {**facts, "result": "planned", "too_many": planned.too_many, "plan": planned.plan}
    if not as_json:
        _show(planned, facts)
    _refuse(planned, told, as_json)
    waiting = planned.without_password if passwords else ()
    if dry_run or not (planned.steps or waiting):
        _tell(told, as_json)
        return Exit.CHANGES if planned.steps else Exit.OK
    done, given = _done(asked, planned, passwords if waiting else None)
    _tell({**told, "result": "imported", **asdict(done)}, as_json)
    if not as_json:
        _show_done(done, given, passwords)
    return Exit.FAILED if done.failures else Exit.OK


def _refuse(planned: Planned, told: dict[str, Any], as_json: bool) -> None:
    """Whoever would let too many go is shown the plan, and nothing is done.

    Raises:
        ImportRefusedError: that is so.
    """
    from vaguemestre.staff.importing import ImportRefusedError

    if planned.too_many:
        _tell({**told, "result": "refused"}, as_json)
        raise ImportRefusedError(f"{planned.too_many}\n    nothing was done")


def _done(asked: Import, planned: Planned, file: Path | None) -> tuple[Done, int]:
    """Do it, with passwords into `file`; gives also how many of them are in it."""
    from dataclasses import replace

    from vaguemestre.cli.board import board
    from vaguemestre.staff import handout

    passwords = handout.begun(file, planned.without_password) if file else {}
    with board([asked.holder.host.name]) as on_text:
        try:
            done = replace(asked, on_text=on_text).do(planned, passwords)
        except BaseException:
            if file:
                typer.echo(
                    f"{file}: which of these passwords were set is not known; run it again with another file, "
                    "which then has those that are still missing",
                    err=True,
                )
            raise
    return done, handout.settled(file, passwords, done.passwords_set) if file else 0


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print(told)


def _show(planned: Planned, facts: dict[str, Any]) -> None:
    from rich.console import Console

    from vaguemestre.cli.mailbox_plan import shown

    console = Console(highlight=False, soft_wrap=True)
    for line in shown(planned.plan, facts):
        console.print(line)


def _show_done(done: Done, given: int, file: Path | None) -> None:
    from vaguemestre.cli.mailbox_plan import summary

    typer.echo(f"done: {summary(done.done)}")
    for one in done.failures:
        typer.echo(f"failed: {one['address']}: {one['message']}", err=True)
    if done.failures:
        typer.echo(f"{len(done.failures)} failed; the rest is done, and the next run tries these again", err=True)
    if file is not None:
        said = f"{given} passwords are in {file}" if given else "nobody needed a password"
        typer.echo(f"{said}; hand them out, then delete the file" if given else said)


def _print(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
