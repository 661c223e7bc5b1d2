"""Commands about the files: write the first one, check them all, teach editors, compare with another revision."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaguemestre.errors import Exit, InventoryError

if TYPE_CHECKING:
    from vaguemestre.establishment import Fleet
    from vaguemestre.host.activator.plan import Change

Inventory = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        "-i",
        envvar="VAGUEMESTRE_INVENTORY",
        help="Folder of the inventory; without it, the rehearsal lab's.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
Answer = Annotated[str | None, typer.Option(help="Asked when not given.")]


def init(
    slug: Annotated[str | None, typer.Argument(help="Name of the file; without it, made of name and city.")] = None,
    folder: Annotated[
        Path, typer.Option("--inventory", "-i", envvar="VAGUEMESTRE_INVENTORY", help="Folder of the inventory.")
    ] = Path("inventories/production"),
    name: Answer = None,
    city: Answer = None,
    region: Answer = None,
    department: Annotated[str | None, typer.Option(help="As certificates write it: 'Eure (27)'.")] = None,
    finess: Answer = None,
    mode: Annotated[str | None, typer.Option(help="operator, hosted or individual.")] = None,
    operator: Annotated[str | None, typer.Option(help="Who serves a hosted establishment.")] = None,
    domain: Annotated[str | None, typer.Option(help="Its mail domain.")] = None,
    host: Annotated[str | None, typer.Option(help="Full name of an operator's host.")] = None,
    address: Annotated[str | None, typer.Option(help="IPv4 address of that host.")] = None,
    responsible: Annotated[str | None, typer.Option(help="Name of the responsible person.")] = None,
    phone: Answer = None,
    mail: Answer = None,
    wave: Annotated[int, typer.Option(min=1, help="Rollout wave.")] = 1,
) -> None:
    """Write an establishment's first file, commented and as small as it can be.

    Asks what the options do not say. Refuses to overwrite, and writes nothing that would not be valid.
    """
    from vaguemestre.cli.questions import answers
    from vaguemestre.inventory.beginning import write

    given = {
        "name": name, "city": city, "region": region, "department": department, "finess": finess, "mode": mode,
        "operator": operator, "domain": domain, "host": host, "address": address, "responsible": responsible,
        "phone": phone, "mail": mail,
    }  # fmt: skip
    for written in write(folder, answers(given, slug, wave)):
        typer.echo(f"wrote {written}")
    typer.echo(f"next: read it, then `vaguemestre validate -i {folder}`")


def validate(inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Check all files of the inventory, each alone and together.

    Reports everything that is wrong at once: file, line, field, what is wrong and the way out. No host is contacted.
    """
    from vaguemestre.inventory import read, whereabouts

    try:
        fleet = read(inventory)
    except InventoryError as error:
        if not as_json:
            raise
        typer.echo(_json({"valid": False, "problems": [asdict(one) for one in error.problems]}))
        raise typer.Exit(Exit.INVALID) from None
    typer.echo(_json({"valid": True, "problems": []}) if as_json else f"{whereabouts(inventory)}: {_counted(fleet)}")


def schema(
    shared: Annotated[bool, typer.Option("--inventory", help="Of inventory.yml, not of an establishment.")] = False,
) -> None:
    """Print the JSON Schema of an establishment's file, for editors that complete and check while you write.

    Editors with the YAML language server find it by the first line of a file:
    # yaml-language-server: $schema=../schema/establishment.json
    """
    from vaguemestre.inventory import schema

    typer.echo(schema.text(schema.inventory() if shared else schema.establishment()), nl=False)


def diff(
    inventory: Inventory = None,
    against: Annotated[str, typer.Option(help="Git revision; compared is where this branch left it.")] = "main",
    new_files: Annotated[bool, typer.Option(help="Show new files whole.")] = False,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, to be the comment on a merge request.")
    ] = False,
) -> None:
    """Show what this branch changes on hosts: files, units, packages. No host is contacted.

    Compares the releases made by the files as they are now, committed or not (inventory, roles, templates), with
    those of the revision. Secrets are not looked at.

    Exit code 0: no change. 3: something changes.
    """
    from vaguemestre import preview, revision
    from vaguemestre.inventory import read, whereabouts
    from vaguemestre.plan import diff as difference

    fleet = read(inventory)
    place = whereabouts(inventory)
    old = revision.releases_at(place, revision.branching_point(place, against), called=against)
    new = preview.releases(fleet)
    changed = {host: difference(old.get(host), release) for host, release in new.items()}
    gone = sorted(old.keys() - new.keys())
    if markdown:
        from vaguemestre.cli.diff_comment import comment

        typer.echo(comment(changed, gone), nl=False)
    else:
        typer.echo(_json(_as_data(changed, gone))) if as_json else _show(changed, gone, new_files)
    raise typer.Exit(Exit.CHANGES if gone or any(changed.values()) else Exit.OK)


def packages(inventory: Inventory = None) -> None:
    """Print the Debian packages that the inventory's hosts want, one a line: what an offline site must bring along."""
    from vaguemestre.inventory import read
    from vaguemestre.rehearsal import packages as wanted

    typer.echo("\n".join(wanted(read(inventory))))


def inventory(
    inventory: Inventory = None,
    _: Annotated[bool, typer.Option("--list", help="All hosts, as Ansible asks for them; the default.")] = True,
    host: Annotated[str | None, typer.Option(help="The variables of one host, as Ansible asks for them.")] = None,
) -> None:
    """Print the inventory as Ansible reads it: hosts, groups by establishment, role and wave, how to reach each."""
    from vaguemestre.engines.ansible import ansible_inventory
    from vaguemestre.inventory import load

    answer = ansible_inventory(load(inventory))
    typer.echo(_json(answer["_meta"]["hostvars"].get(host, {}) if host else answer))


def _show(changed: dict[str, tuple[Change, ...]], gone: list[str], new_files: bool) -> None:
    from rich.console import Console

    from vaguemestre.cli.changes import shown
    from vaguemestre.plan import summary

    console = Console(highlight=False, soft_wrap=True)
    for host, changes in changed.items():
        console.print(f"[bold]{host}[/]: {summary(changes)}")
        if changes:
            console.print(shown(changes, new_files=new_files))
    for host in gone:
        console.print(f"[bold]{host}[/]: no longer in the inventory; it is left as it is")


def _as_data(changed: dict[str, tuple[Change, ...]], gone: list[str]) -> dict[str, Any]:
    return {"hosts": {host: [asdict(one) for one in some] for host, some in changed.items()}, "gone": gone}


def _counted(fleet: Fleet) -> str:
    parts = (
        _many(len(fleet.establishments), "establishment"),
        _many(len(list(fleet.hosts())), "host"),
        _many(sum(len(one.domains) for one in fleet.establishments), "domain"),
    )
    return f"{', '.join(parts)}: valid"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
