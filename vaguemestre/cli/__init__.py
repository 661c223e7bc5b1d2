"""The command line: which commands there are, and how an error meant for a person ends the program.

Modules of commands import what is heavy inside their functions, so that `vaguemestre --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import cleandoc
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from vaguemestre.cli.coercion import lightened
from vaguemestre.errors import InventoryError, VaguemestreError

_PANELS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Declare", "inventory", ("init", "validate", "schema", "diff")),
    ("Make it so", "apply", ("bootstrap", "plan", "apply", "status", "rollback")),
    ("Make it so", "upgrade", ("upgrade",)),
    ("Make it so", "move", ("move",)),
    ("Prove it", "verify", ("verify",)),
    ("Prove it", "audit_trust", ("audit_trust",)),
    ("Prove it", "report", ("report",)),
    ("For other tools", "inventory", ("inventory", "packages")),
    ("For other tools", "ci", ("ci",)),
)
_GROUPS = (
    ("Prove it", "audit"),
    ("Make it so", "rollout"),
    ("Serve people", "mailbox"),
    ("Serve people", "directory"),
    ("Serve people", "redlist"),
    ("Serve people", "publication"),
    ("Be trusted", "pki"),
    ("Be trusted", "trust"),
    ("Rehearse", "lab"),
)

_SETTINGS = {"help_option_names": ["-h", "--help"]}


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code; errors raised on purpose are printed without a traceback."""
    try:
        app(arguments, prog_name="vaguemestre")
    except VaguemestreError as error:
        _complain(error)
        raise SystemExit(int(error.exit_code)) from None


def _complain(error: VaguemestreError) -> None:
    """Red is for the eye only: a pipe gets the plain text."""
    text = _listed(error) if isinstance(error, InventoryError) else f"vaguemestre: {error}"
    typer.secho(text, err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)


def _listed(error: InventoryError) -> str:
    """Problems stand at the beginning of the line, where editors and CI look for `file:line:`."""
    number = len(error.problems)
    return f"{error}\n\nvaguemestre: {number} problem{'s' if number > 1 else ''} in the inventory; nothing was done"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"vaguemestre {version('vaguemestre')}")
        raise typer.Exit


def _vaguemestre(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")] = False,
) -> None:
    """From one YAML file and bare Debian hosts to a verified operator of MSSanté, the secure health messaging.

    Each establishment is one file of an inventory, a folder: -i FOLDER, else $VAGUEMESTRE_INVENTORY, else the
    rehearsal lab's own, so that everything can be tried at once: [bold]vaguemestre lab up[/], then plan, apply, verify.

    Exit codes: 0 done, 1 failed on a host, 2 a file or option is wrong and nothing was tried, 3 there is something to
    change, 4 a host could not be reached, 5 another run holds the lock.
    """


class Commands(TyperGroup):
    """The commands of the tables above; a module is imported when one of its commands is asked for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        lightened(self, ctx)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's
        return list(_PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        wanted = [cmd_name] if cmd_name in _PLACES else _PLACES  # a name that is none is compared with all there are
        if missing := [name for name in wanted if name not in self.commands]:
            self.commands.update(get_group(registered(missing)).commands)
            lightened(self, ctx)
        return self.commands.get(cmd_name)


def registered(names: Iterable[str]) -> typer.Typer:
    """These commands and groups of the kit, imported."""
    found = typer.Typer(rich_markup_mode="rich", context_settings=_SETTINGS)
    for name in names:
        panel, module, command = _PLACES[name]
        if command:
            function = getattr(_module(module), command)
            found.command(name, help=_flowing(function.__doc__), rich_help_panel=panel)(function)
        else:
            group = _module(module).app
            for one in group.registered_commands:
                one.help = _flowing(one.callback.__doc__)
            found.add_typer(group, name=name, rich_help_panel=panel)
    return found


def _flowing(docstring: str | None) -> str:
    """Paragraphs on one line each, for the terminal to wrap."""
    return "\n\n".join(" ".join(part.split()) for part in cleandoc(docstring or "").split("\n\n"))


def _module(name: str) -> ModuleType:
    return import_module(f"vaguemestre.cli.{name}")


def _places() -> Iterator[tuple[str, tuple[str, str, str | None]]]:
    for panel, module, names in _PANELS:
        yield from ((name.replace("_", "-"), (panel, module, name)) for name in names)
    yield from ((module, (panel, module, None)) for panel, module in _GROUPS)


_PLACES = dict(_places())
"""Command or group -> its panel in the help, its module here, its function there (None: a group)."""

app = typer.Typer(
    name="vaguemestre",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)
app.callback(help=_flowing(_vaguemestre.__doc__))(_vaguemestre)
