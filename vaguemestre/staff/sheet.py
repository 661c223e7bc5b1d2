"""A list of staff as both formats give it: named columns, and entries with the line they begin at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One person or team: the 1-based line it begins at; by column, all its values. An absent column is not said."""

    line: int
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Sheet:
    """`columns` as the file writes them, in its order; `kind` is csv or ldif."""

    kind: str
    columns: tuple[str, ...]
    entries: tuple[Entry, ...]
