"""`vaguemestre ci`: a ready pipeline for the repository that holds an inventory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from vaguemestre.pipelines import System


def ci(
    system: Annotated[System, typer.Argument(help="Where it will run.")],
    inventory: Annotated[
        Path, typer.Option("--inventory", "-i", help="Folder of the inventory, from the top of the repository.")
    ] = Path("inventories/production"),
    rehearse: Annotated[
        list[str] | None,
        typer.Option(help="An establishment to provision in the lab; may be repeated. Without it, the first operator."),
    ] = None,
    kit: Annotated[Path, typer.Option(help="Where the kit is: the repository itself, or a submodule in it.")] = Path(),
    branch: Annotated[str, typer.Option(help="What branches are compared with.")] = "main",
    runner: Annotated[str, typer.Option(help="GitLab: tag of runners whose containers are privileged.")] = "privileged",
) -> None:
    """Print a pipeline that validates the inventory, comments what a branch changes on hosts, and rehearses it.

    Every step is a command of the kit that can be typed by hand. No secret and no host of the establishments is
    needed: the rehearsal boots hosts in the lab, provisions them and verifies them by real mail.

        vaguemestre ci github > .github/workflows/vaguemestre.yml
    """
    from vaguemestre.engines.targets import refuse_unknown
    from vaguemestre.inventory import read
    from vaguemestre.pipelines import Place, first_operator, pipeline

    place = Place(PurePosixPath(inventory), PurePosixPath(kit), branch, runner)
    fleet = read(inventory)
    refuse_unknown(fleet, rehearse or ())
    typer.echo(pipeline(system, place, rehearse or [first_operator(fleet)]), nl=False)
