"""Options of `mailbox add` and `mailbox set`: what is said of a mailbox."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[str | None, typer.Option(help="Name to show; without it, given name and family name.")]
Surname = Annotated[str | None, typer.Option(help="Family name of a person.")]
Given = Annotated[str | None, typer.Option(help="Given name of a person.")]
Service = Annotated[str | None, typer.Option(help="Ward or service.")]
Responsible = Annotated[str | None, typer.Option(help="Who answers for it; never published.")]
Description = Annotated[str | None, typer.Option(help="What it is for; CAB needs it.")]
Quota = Annotated[int | None, typer.Option(min=0, help="Storage in MiB; without it, what the establishment gives.")]
Profession = Annotated[
    str | None, typer.Option(metavar="CODE", help="National code, such as 60 for nurses; it may tell the domain.")
]
Speciality = Annotated[str | None, typer.Option(metavar="CODE", help="National code of the speciality (savoir-faire).")]
Paperless = Annotated[
    str | None, typer.Option(metavar="O|N", help="Dematerialisation: O, no more paper duplicates; N, paper as well.")
]
By = Annotated[
    str | None, typer.Option(metavar="holder|administrator", help="Who said so about paper; administrator if not said.")
]
Rank = Annotated[int | None, typer.Option(min=0, max=99, help="Among one holder's mailboxes: 1 is preferred.")]
Sender = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS", help="Who may send as it, for ORG and CAB; once for each, an empty one for nobody."
    ),
]


def options(said: dict[str, object], senders: list[str] | None) -> list[str]:
    """The host's options for what was said; what was not is left away."""
    given = [f"--{name}={value}" for name, value in said.items() if value is not None]
    return given + [f"--sender={one}" for one in senders or ()]
