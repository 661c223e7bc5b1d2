"""Settings that a role has written for a program of this host: read in one way, refused in one way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Settings = TypeVar("Settings")


class LayoutError(Exception):
    """The settings of this host are missing or damaged; the text says which file, and the way out."""


def read(path: Path, role: str, parse: Callable[[dict[str, Any]], Settings]) -> Settings:
    """What `parse` makes of the JSON in `path`, which the role of that name writes.

    Raises:
        LayoutError: it is not there, no JSON, or something in it is missing or of another kind.
    """
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LayoutError(
            f"{path}: {error.strerror}\n    has this host the role {role}? vaguemestre apply brings it"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LayoutError(
            f"{path}: cannot be used: {error!r}\n    the role {role} writes it; vaguemestre apply puts it right"
        ) from error
