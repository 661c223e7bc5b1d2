"""The only Jinja environment: strict about missing variables, templates of hosts' files named by host path.

Configuration files come out as they are written (`text`, `file`); pages for people are escaped (`page`).
"""

from __future__ import annotations

import base64
import hashlib
import traceback
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from markupsafe import Markup

from vaguemestre.errors import ReleaseError
from vaguemestre.release import File

TEMPLATES = Path(__file__).parent.parent / "templates"
_STYLE = "report/style.css.j2"
_UNSEEN = ("Cc", "Cf", "Co", "Cs")
"""Categories (Unicode 4.5) of what nobody sees: controls, and what turns the writing direction of a whole line."""


@cache
def _environment(*, escaping: bool = False) -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=escaping,  # noqa: S701 - off for configuration files, on for pages
        finalize=_visible if escaping else None,
        auto_reload=False,  # the kit's own files do not change under it
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text(template: str, **values: Any) -> str:
    """`template` (a path below ``templates/``) filled with `values`.

    Raises:
        ReleaseError: the template is missing, does not parse, or names a variable that was not given.
    """
    return _filled(_environment(), template, values)


def page(template: str, **values: Any) -> str:
    """A self-contained HTML page: as `text`, but every value is escaped and what cannot be seen is replaced.

    The template is given two values more: `style`, the style sheet that all pages share, for its one `style` element;
    and `policy`, a Content Security Policy (CSP level 3, by hash) under which the page loads and runs nothing else.

    Raises:
        ReleaseError: as `text`.
    """
    style = text(_STYLE)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    given = values | {"style": Markup(style), "policy": policy}  # noqa: S704 - the kit's own file, no value in it
    return _filled(_environment(escaping=True), template, given)


def _visible(value: Any) -> Any:
    """A name that hides something, shown with a mark where it does; markup of our own is left alone."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _UNSEEN and one not in "\n\t" else one
        for one in value
    )


def _filled(environment: Environment, template: str, values: dict[str, Any]) -> str:
    try:
        return environment.get_template(template).render(values)
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


def file(
    role: str,
    path: str,
    *,
    owner: str = "root",
    group: str = "root",
    mode: int = 0o644,
    variant: str = "",
    **values: Any,
) -> File:
    """The file at `path` on the host, from ``templates/<role><path>.j2``; a `variant` has a folder of its own there.

    Raises:
        ReleaseError: as `text`.
    """
    folder = f"{role}/{variant}" if variant else role
    content = text(f"{folder}{path}.j2", **values)
    return File(path, content.encode(), owner, group, mode)
