"""`vaguemestre mailbox add` and `set`: a mailbox begins, and its details change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vaguemestre.cli import mailbox_details as details
from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.cli.mailbox_showing import told, typed

if TYPE_CHECKING:
    from pathlib import Path

    from vaguemestre.verbs.mailbox import Mailboxes

Address = Annotated[str, typer.Argument(help="The whole address; its domain tells which operator holds it.")]
OwnPassword = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin (12 characters at least).")
]


def add(
    address: Annotated[
        str,
        typer.Argument(help="The whole address, or what stands before the @ where the profession tells the domain."),
    ],
    kind: Annotated[
        str, typer.Option("--type", help="PER a person, ORG a team, APP a program, CAB a practice. Never changes.")
    ],
    rpps: Annotated[str | None, typer.Option(help="National number of the person, 11 digits; PER needs it.")] = None,
    staff_id: Annotated[
        str | None, typer.Option(help="Instead of the RPPS: the establishment's own number of a person without one.")
    ] = None,
    structure: Annotated[
        str | None,
        typer.Option(help="1 and a FINESS or 3 and a SIRET; ORG and APP without it: the establishment's own."),
    ] = None,
    establishment: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who equips the person, when the domain is another's.")
    ] = None,
    name: details.Name = None,
    surname: details.Surname = None,
    given: details.Given = None,
    service: details.Service = None,
    responsible: details.Responsible = None,
    description: details.Description = None,
    quota: details.Quota = None,
    profession: details.Profession = None,
    speciality: details.Speciality = None,
    paperless: details.Paperless = None,
    by: details.By = None,
    rank: details.Rank = None,
    sender: details.Sender = None,
    redlist: Annotated[
        str | None, typer.Option(help="none, unlisted or secretariat; without it, what the establishment says.")
    ] = None,
    secretariat: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The secretariat's mailbox.")] = None,
    requested: Annotated[
        bool,
        typer.Option("--requested", help="Only prepare it: nothing arrives, nobody logs in, until it is activated."),
    ] = False,
    password_stdin: OwnPassword = False,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Open a mailbox.

    Without --password-stdin a password is made and shown this once. Adding the same again changes nothing; an address
    that was given to somebody else is refused, also for years after it was closed.

    A person whose establishment has no domain of its own is placed by profession:
    vaguemestre mailbox add camille.fictif --type PER --rpps 10009990010 --profession 60 --establishment SLUG

    Example: vaguemestre mailbox add camille.fictif@pasteur-evreux.mssante.test --type PER --rpps 10009990010
    --name "Dr Camille FICTIF"
    """
    from vaguemestre.inventory import load
    from vaguemestre.placing import establishment as named
    from vaguemestre.placing import placed
    from vaguemestre.verbs.mailbox import serving

    fleet = load(inventory)
    whole = placed(fleet, address, profession or "", establishment)
    if establishment:
        structure = structure or named(fleet, establishment).structure_id
    said: dict[str, object] = {
        "type": kind, "rpps": rpps, "staff-id": staff_id, "structure": structure, "name": name, "surname": surname,
        "given": given, "service": service, "responsible": responsible, "description": description, "quota": quota,
        "profession": profession, "speciality": speciality, "paperless": paperless, "by": by, "rank": rank,
        "redlist": redlist, "secretariat": secretariat,
    }  # fmt: skip
    options, holder = details.options(said, sender), serving(fleet, whole)
    if requested:
        told(holder.request(whole, *options), as_json)
    else:
        told(holder.add(whole, *options, password=typed(password_stdin)), as_json)


def set_(
    address: Address,
    name: details.Name = None,
    surname: details.Surname = None,
    given: details.Given = None,
    service: details.Service = None,
    responsible: details.Responsible = None,
    description: details.Description = None,
    quota: details.Quota = None,
    profession: details.Profession = None,
    speciality: details.Speciality = None,
    paperless: details.Paperless = None,
    by: details.By = None,
    rank: details.Rank = None,
    sender: details.Sender = None,
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Change what may change of a mailbox; what is not named stays, an empty text clears.

    The address, the type, the person and the structure never change. The red list has its own command.

    Examples: vaguemestre mailbox set camille.fictif@pasteur-evreux.mssante.test --service Urgences

    vaguemestre mailbox set camille.fictif@pasteur-evreux.mssante.test --paperless O --by holder
    """
    said: dict[str, object] = {
        "name": name, "surname": surname, "given": given, "service": service, "responsible": responsible,
        "description": description, "quota": quota, "profession": profession, "speciality": speciality,
        "paperless": paperless, "by": by, "rank": rank,
    }  # fmt: skip
    told(holding(inventory, address).set(address, *details.options(said, sender)), as_json)


def holding(inventory: Path | None, address: str) -> Mailboxes:
    """The host that holds the mailbox; raises MailboxError when none does."""
    from vaguemestre.inventory import load
    from vaguemestre.verbs.mailbox import serving

    return serving(load(inventory), address)
