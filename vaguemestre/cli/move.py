"""`vaguemestre move`: an establishment goes from one stack to another."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit

if TYPE_CHECKING:
    from vaguemestre.moving.course import Course, Standing


def move(
    establishment: Annotated[str, typer.Argument(help="Who moves; its file says `moving_from:`.")],
    inventory: Inventory = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how things stand; nothing is done.")] = False,
    back_out: Annotated[bool, typer.Option("--back-out", help="Give up what has not moved yet.")] = False,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds for the old stack to finish what it has accepted.")
    ] = 300,
    as_json: AsJson = False,
) -> None:
    """Bring an establishment's mailboxes from the stack that has them to the one that is to have them.

    In its file, write what it is to be (mode: operator with hosts, or mode: hosted with its operator) and in
    moving_from: whose stack has its mailboxes now; keep the hosts of its own old stack. Apply, then run this: mail,
    folders, flags, filters, passwords and rules of the red list are copied while people work; then, for as long as the
    last changes take, other operators are asked to come again and nobody can log in; then the new stack is in charge.
    Killed anywhere, the same command goes on. docs/hosted.md tells what to change in DNS and in the white list.

    Exit code 0: it has moved (--dry-run: it can). 1: it has not.
    """
    from vaguemestre.inventory import load
    from vaguemestre.moving.course import Course
    from vaguemestre.moving.stacks import pair

    course = Course(pair(load(inventory), establishment), _say, patience)
    found = course.standing() if dry_run else course.back_out() if back_out else course.run()
    typer.echo(json.dumps([asdict(one) for one in found], indent=2)) if as_json else _tell(course, found)
    fine = all(one.listed for one in found) if dry_run else all(one.moved is not back_out for one in found)
    raise typer.Exit(Exit.OK if fine else Exit.FAILED)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _tell(course: Course, found: tuple[Standing, ...]) -> None:
    source, target = course.pair.source, course.pair.target
    for one in found:
        if one.moved:
            typer.echo(f"{one.domain}: {target.name} is in charge")
            typer.echo(_FOLLOWS if one.way == "mx" else _MX.format(old=source.operator.slug, new=target.operator.slug))
        else:
            said = "is in charge" if one.here else "has let go, nobody is in charge"
            typer.echo(f"{one.domain}: {source.name} {said}; {one.mailboxes} mailboxes")
        if not one.listed:
            typer.echo(f"    the white list that {target.name} holds does not name its certificate for {one.domain}")


_MX = (
    "    next: in DNS, let MX and SRV records name {new}'s hosts only; then run this again, so that {old}'s own\n"
    "    people are led there too (until then their mail waits)"
)
_FOLLOWS = (
    "    DNS leads there. After a week (senders' queues) remove `moving_from:`, and the hosts of an own stack that is\n"
    "    no longer needed, and apply; then ask the ANS to take the old certificate off the domain"
)
