"""What is typed becomes a value without pydantic where it is text, a path, or nothing at all.

typer builds a pydantic adapter for every option of a command, used or not: a fifth of a second, most of the start of a
command that needs no model, such as `audit`. Here an adapter is built when a value needs one. With a typer that is made
otherwise nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    from typer import _coercion as typers
except ImportError:  # before 0.29 there were no adapters
    typers = None  # type: ignore[assignment]

_Way: Any = typers.RuntimeParam if typers else object
_PLAIN = (str, list[str])


@dataclass(frozen=True)
class WhenNeeded(_Way):  # type: ignore[misc]
    """A parameter's way from what is typed to its value; typer's own, but for what needs no rule."""

    descriptor: Any

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        if self.annotation in _PLAIN:
            return list(value) if isinstance(value, tuple) else value
        if self.annotation is Path and isinstance(value, str) and not _ruled(self.parameter_info):
            return Path(value)
        return typers.build_runtime_param(self.descriptor)._coerce_value(value, param=param, ctx=ctx)


def lightened(command: Any, ctx: Any) -> None:
    """Let a command, and those of a group, build adapters only for the values that need one; `ctx` is the caller's."""
    if typers is None:
        return
    for one in command.get_params(ctx):
        if getattr(one, "_runtime_param", one) is None:
            known = one.type_descriptor
            one._runtime_param = WhenNeeded(known.parameter_info, known.annotation, known)
    commands: Iterable[Any] = getattr(command, "commands", {}).values()
    for each in commands:
        lightened(each, ctx)


def _ruled(info: Any) -> bool:
    """Whether the path must be so or so; none of the kit's does, errors of its own say more."""
    names = ("exists", "resolve_path", "writable", "allow_dash", "path_type", "parser", "click_type")
    return any(getattr(info, name, None) for name in names)
