"""`vaguemestre rollout`: the fleet, wave by wave, by Ansible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from vaguemestre.cli.inventory import Inventory
from vaguemestre.errors import Exit, VaguemestreError

_PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
_UNREACHABLE = 4  # ansible-playbook(1): RUN_UNREACHABLE_HOSTS, alone


class AnsibleMissingError(VaguemestreError):
    """ansible-playbook is not installed beside the kit."""

    exit_code = Exit.INVALID


def rollout(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Establishments or hosts; without any, all.")
    ] = None,
    wave: Annotated[list[int] | None, typer.Option(min=1, help="Only this wave. May be repeated.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, wave by wave; change nothing.")
    ] = False,
    behaviour: Annotated[
        bool, typer.Option("--verify", help="After each wave, run `vaguemestre verify` on its establishments too.")
    ] = False,
    forks: Annotated[int, typer.Option(min=1, help="Hosts dealt with at once.")] = 20,
    inventory: Inventory = None,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Pass -v on to Ansible.")] = 0,
) -> None:
    """Bring the inventory's releases to many establishments, one wave after the other, with Ansible.

    A wave begins only if all its hosts answer, and ends well only if all are verified. If one fails, the previous
    release is put back on the hosts of that wave that had changed, and later waves are not touched. The same as
    `ansible-playbook -i playbooks/inventory.py playbooks/rollout.yml`, which AWX runs as it is.
    """
    from vaguemestre.engines.ansible import host_pattern
    from vaguemestre.inventory import load

    fleet = load(inventory)
    limit = host_pattern(fleet, tuple(names or ()), tuple(wave or ()))
    command = arguments(limit=limit, dry_run=dry_run, behaviour=behaviour, forks=forks, verbose=verbose)
    done = subprocess.run(command, env=_environment(fleet.root), check=False)
    raise typer.Exit({0: Exit.OK, _UNREACHABLE: Exit.UNREACHABLE}.get(done.returncode, Exit.FAILED))


def arguments(*, limit: str | None, dry_run: bool, behaviour: bool, forks: int, verbose: int) -> list[str]:
    """The command line of ansible-playbook.

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
        *([f"--limit={limit}"] if limit else []),
        *(["--check", "--diff"] if dry_run else []),
        *(["--extra-vars={behaviour: true}"] if behaviour else []),
        *(["-" + "v" * verbose] if verbose else []),
        str(_PLAYBOOKS / "rollout.yml"),
    ]


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
