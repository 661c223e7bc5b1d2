"""`vaguemestre rollout`: the fleet, wave by wave, by Ansible; and what is known of rollouts, past and under way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from vaguemestre.cli.board import board
from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from vaguemestre.establishment import Fleet

_PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


class AnsibleMissingError(VaguemestreError):
    """ansible-playbook is not installed beside the kit."""

    exit_code = Exit.INVALID


class Allowed(StrEnum):
    """What a rollout lets pass only when it is named: `vaguemestre.plan.Limits`, and the share of hosts at once."""

    REMOVALS = "removals"
    SERVICES = "services"
    SECRETS = "secrets"
    TRUST = "trust"
    MAILBOXES = "mailboxes"
    SHARE = "share"


class StartsByItself(TyperGroup):
    """`rollout`, alone or with names and options, is `rollout start`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "-h", "--help"):
            args = ["start", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=StartsByItself,
    help="Bring the inventory's releases to the fleet, wave by wave. `vaguemestre rollout`, alone or with the names of "
    "establishments, starts one: see `vaguemestre rollout start --help`.",
)

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all.")]
Forks = Annotated[int, typer.Option(min=1, help="Hosts dealt with at once.")]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Pass -v on to Ansible.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Its ID, or the beginning of it; without it, the last one.")]


@app.command()
def start(
    names: Names = None,
    wave: Annotated[list[int] | None, typer.Option(min=1, help="Only this wave. May be repeated.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change where; change nothing, claim nothing.")
    ] = False,
    behaviour: Annotated[
        bool, typer.Option("--verify", help="Run `vaguemestre verify` on each mail host that was changed too.")
    ] = False,
    allow: Annotated[
        list[Allowed] | None, typer.Option(help="What may go beyond the usual limits. May be repeated.")
    ] = None,
    outside_window: Annotated[
        bool, typer.Option("--outside-window", help="Let waves begin outside their maintenance windows.")
    ] = False,
    forks: Forks = 20,
    inventory: Inventory = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run, print JSON for other programs.")] = False,
    verbose: Verbose = 0,
) -> None:
    """Bring the inventory's releases to many establishments, one wave after the other, with Ansible.

    All releases are made at the beginning, and hosts are claimed: another rollout, from wherever, is refused. A wave
    begins only if all its hosts answer; its first host goes alone, the others follow when it is verified. If one
    fails, the previous release is put back on the hosts of that wave that had changed, and later waves are not touched.

    With --dry-run all hosts are asked what would change; what is the same on many is shown once, and what goes further
    than is done unasked is refused, as it would be then.

    The same as `ansible-playbook -i playbooks/inventory.py playbooks/rollout.yml`, which AWX runs as it is.
    """
    from vaguemestre.engines.ansible import host_pattern
    from vaguemestre.inventory import load

    fleet = load(inventory)
    pattern = host_pattern(fleet, tuple(names or ()), tuple(wave or ()))
    hosts = pattern.split(",") if pattern else [host.name for _, host in fleet.hosts()]
    allowed = tuple(one.value for one in allow or ())
    if dry_run:
        _dry_run(fleet, hosts, allowed, as_json)
    from vaguemestre.rollouts import course
    from vaguemestre.rollouts.process import Process
    from vaguemestre.rollouts.record import Options

    typer.echo(f"making the releases of {len(hosts)} hosts, and claiming them", err=True)
    options = Options(behaviour, outside_window, allowed)
    _carried_out(fleet, course.begin(fleet, hosts, options, Process.of(os.getpid())), forks, verbose)


@app.command()
def resume(
    rollout: Id = "",
    forks: Forks = 20,
    inventory: Inventory = None,
    verbose: Verbose = 0,
) -> None:
    """Go on with a rollout that was interrupted or has failed: with the releases that it began with.

    Without an ID it is the last one that began. Waves that are through are left alone; hosts that are done are no
    change. What was edited in the inventory since belongs to the next rollout, except how hosts are reached and where
    secrets lie.
    """
    from vaguemestre.inventory import load
    from vaguemestre.records import Kind, folder
    from vaguemestre.rollouts import course
    from vaguemestre.rollouts.process import Process
    from vaguemestre.rollouts.record import find, last_begun

    fleet = load(inventory)
    place = folder(fleet, Kind.ROLLOUTS)
    path = find(place, rollout) if rollout else last_begun(place)
    course.resume(fleet, path, Process.of(os.getpid()))
    _carried_out(fleet, path, forks, verbose)


@app.command()
def history(inventory: Inventory = None, as_json: AsJson = False) -> None:
    """List the rollouts of this controller, the last first: who, when, from which revision, how they ended."""
    from vaguemestre.cli.rollout_showing import plain, show_history
    from vaguemestre.inventory import load
    from vaguemestre.records import Kind, folder
    from vaguemestre.rollouts.record import history as recorded

    found = recorded(folder(load(inventory), Kind.ROLLOUTS))
    if as_json:
        typer.echo(json.dumps([plain(one) for one in found], ensure_ascii=False, indent=2))
    else:
        show_history(found)


@app.command()
def show(rollout: Id = "", inventory: Inventory = None, as_json: AsJson = False) -> None:
    """Show one rollout: which release each host got, what was live there before, and what came of it."""
    from vaguemestre.cli.rollout_showing import plain, show_record
    from vaguemestre.inventory import load
    from vaguemestre.records import Kind, folder
    from vaguemestre.rollouts.record import find, read

    record = read(find(folder(load(inventory), Kind.ROLLOUTS), rollout))
    if as_json:
        typer.echo(json.dumps(plain(record), ensure_ascii=False, indent=2))
    else:
        show_record(record)


@app.command("release-claim")
def release_claim(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Establishments or hosts.")],
    inventory: Inventory = None,
    as_json: AsJson = False,
) -> None:
    """Give up the claim that a rollout has on these hosts: of a controller that died and will not come back.

    A claim ends by itself two hours after its rollout's last wave began, and on the same controller a new rollout
    takes the place of one that died. Do not use this while a rollout is at work.
    """
    from vaguemestre.cli.outcomes import code
    from vaguemestre.cli.showing import show as show_outcomes
    from vaguemestre.cli.showing import show_json
    from vaguemestre.engines.targets import select, target
    from vaguemestre.inventory import load
    from vaguemestre.rollouts import claims

    fleet = load(inventory)
    left = claims.leave({host.name: target(fleet, one, host) for one, host in select(fleet, tuple(names))})
    show_json(left) if as_json else show_outcomes(left)
    raise typer.Exit(code(left.values()))


def arguments(*, rollout: str, limit: Collection[str], forks: int, verbose: int) -> list[str]:
    """The command line of ansible-playbook for a rollout that has begun.

    Raises:
        AnsibleMissingError: it is not beside this Python.
    """
    program = Path(sys.executable).with_name("ansible-playbook")
    if not program.exists():
        raise AnsibleMissingError(f"{program} is missing\n    install the kit with its dependencies: pip install .")
    return [
        str(program),
        f"--inventory={_PLAYBOOKS / 'inventory.py'}",
        f"--forks={forks}",
        f"--limit={','.join(limit)}",
        f"--extra-vars={json.dumps({'rollout': rollout})}",
        *(["-" + "v" * verbose] if verbose else []),
        str(_PLAYBOOKS / "rollout.yml"),
    ]


def _carried_out(fleet: Fleet, path: Path, forks: int, verbose: int) -> None:
    """Let Ansible do what is left of this rollout, and tell how it ended."""
    from vaguemestre.cli.rollout_showing import show_record
    from vaguemestre.rollouts.course import left
    from vaguemestre.rollouts.record import read

    record = read(path)
    if not record.ended:
        command = arguments(rollout=record.id, limit=left(record), forks=forks, verbose=verbose)
        with suppress(KeyboardInterrupt):  # Ansible was interrupted as well: what is left is told below
            subprocess.run(command, env=_environment(fleet.root), check=False)
        record = read(path)
    show_record(record)
    raise typer.Exit(record.exit_code)


def _dry_run(fleet: Fleet, hosts: list[str], allowed: Collection[str], as_json: bool) -> None:
    """Ask all hosts, side by side, by the other door: it takes seconds where Ansible's check mode takes minutes."""
    from vaguemestre.cli.outcomes import code
    from vaguemestre.cli.rollout_showing import show_outlook
    from vaguemestre.engines import pyinfra
    from vaguemestre.engines.targets import select
    from vaguemestre.plan import Limits
    from vaguemestre.rollouts.outlook import outlook

    with board(hosts, quiet=as_json) as told:
        plans = pyinfra.plan(fleet, hosts, told)
    found = outlook(fleet, select(fleet, tuple(hosts)), plans, Limits(frozenset(allowed)))
    if as_json:
        typer.echo(json.dumps(found.plain(), ensure_ascii=False, indent=2))
    else:
        show_outlook(found, plans)
    raise typer.Exit(Exit.INVALID if found.refused else code(plans.values()))


def _environment(root: Path) -> dict[str, str]:
    """Ansible's own variables, set only where the administrator has not."""
    beside = str(Path(sys.executable).parent)
    wanted = {
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
        "ANSIBLE_HOST_KEY_CHECKING": "true",
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
    }
    path = os.pathsep.join((beside, os.environ.get("PATH", "")))
    return {**wanted, **os.environ, "PATH": path, "VAGUEMESTRE_INVENTORY": str(root)}
