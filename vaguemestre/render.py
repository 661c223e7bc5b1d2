"""The only Jinja environment: strict about missing variables, no HTML escaping, templates named by host path."""

from __future__ import annotations

import traceback
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError

from vaguemestre.errors import ReleaseError
from vaguemestre.release import File

TEMPLATES = Path(__file__).parent.parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text(template: str, **values: Any) -> str:
    """`template` (a path below ``templates/``) filled with `values`.

    Raises:
        ReleaseError: the template is missing, does not parse, or names a variable that was not given.
    """
    try:
        return _environment().get_template(template).render(values)
    except TemplateError as error:
        line = _line(error)
        where = f"templates/{template}" + (f":{line}" if line else "")
        raise ReleaseError(f"{where}: {error.message or type(error).__name__}") from error


def _line(error: TemplateError) -> int | None:
    """The template's line: a syntax error carries it, any other has it in the traceback that Jinja rewrites."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename.endswith(".j2")), None)


def file(role: str, path: str, *, owner: str = "root", group: str = "root", mode: int = 0o644, **values: Any) -> File:
    """The file at `path` on the host, from ``templates/<role><path>.j2``.

    Raises:
        ReleaseError: as `text`.
    """
    content = text(f"{role}{path}.j2", **values)
    return File(path, content.encode(), owner, group, mode)
