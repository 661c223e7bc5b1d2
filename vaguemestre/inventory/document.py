"""One YAML file as plain data, with the line of everything in it.

Stricter than YAML where YAML surprises: a key twice is an error, and so are aliases and tags, which nothing here needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vaguemestre.errors import InventoryError, Problem

Loc = tuple[str | int, ...]
"""The way to a value: keys of mappings and 0-based places in sequences, as pydantic gives it."""

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "timestamp")}
_UNREADABLE = (yaml.YAMLError, ValueError, OverflowError, KeyError, AttributeError)  # what SafeLoader lets escape


@dataclass(frozen=True)
class Document:
    """`data` is the file's mapping; `lines` and `written` hold the 1-based line and the text of each value."""

    file: Path
    data: dict[str, Any]
    lines: dict[Loc, int] = field(default_factory=dict)
    written: dict[Loc, str] = field(default_factory=dict)

    def line(self, loc: Loc) -> int:
        """The line of `loc` or, when that is not in the file, of the nearest thing around it."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def problem(self, loc: Loc, wrong: str, way_out: str) -> Problem:
        return Problem(self.file, self.line(loc), ".".join(map(str, loc)) or "(file)", wrong, way_out)


def read(file: Path) -> Document:
    """The mapping in `file`; an empty file is an empty mapping.

    Raises:
        InventoryError: not readable, not UTF-8, not YAML, not a mapping, or a key, alias or tag that is refused.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(file, 1, f"not UTF-8 at byte {error.start}", "save the file as UTF-8") from error
    except OSError as error:
        raise _refusal(file, 1, f"cannot be read: {error.strerror}", "check the path and its permissions") from error
    return parse(file, text)


def parse(file: Path, text: str) -> Document:
    """The mapping in `text`, which is or will be in `file`; raises as `read`."""
    try:
        loader = _Loader(text)
        return _Walk(file, loader).document(loader.get_single_node())
    except yaml.MarkedYAMLError as error:
        raise _refusal(file, _line(error.problem_mark or error.context_mark), *_syntax(error)) from error
    except yaml.YAMLError as error:
        raise _refusal(file, 1, f"not YAML: {error}", "remove control characters from the file") from error
    except RecursionError as error:
        raise _refusal(file, 1, "nested too deeply to be read", "an inventory is at most a few levels deep") from error


class _AliasError(yaml.MarkedYAMLError):
    """``*name``: it can make a small file enormous, or endless."""


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise _AliasError(problem=f"the alias *{event.anchor}", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _syntax(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    if isinstance(error, _AliasError):
        return str(error.problem), "write the value out: no aliases here"
    problem = str(error.problem or error.context)
    wrong = f"not YAML: {error.context}, {problem}" if problem.startswith("but ") else f"not YAML: {problem}"
    if "\\t" in wrong:
        return wrong, "write spaces, never tabs"
    return wrong, "check the indentation, the colons and the quotes on this line and the one before"


class _Walk:
    """Turns nodes into plain data and notes every line on the way."""

    def __init__(self, file: Path, loader: yaml.SafeLoader) -> None:
        self._file = file
        self._loader = loader
        self._lines: dict[Loc, int] = {}
        self._written: dict[Loc, str] = {}
        self._problems: list[Problem] = []

    def document(self, root: yaml.Node | None) -> Document:
        data = {} if root is None else self._plain(root, ())
        if not isinstance(data, dict):
            if data is not None:
                self._problem(root, (), "the file is not a mapping", "write `key: value` lines")
            data = {}
        if self._problems:
            raise InventoryError(self._problems)
        return Document(self._file, data, self._lines, self._written)

    def _plain(self, node: yaml.Node, loc: Loc) -> Any:
        self._lines.setdefault(loc, _line(node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return {key: self._plain(value, (*loc, key)) for key, value in self._pairs(node, loc)}
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(value, (*loc, place)) for place, value in enumerate(node.value)]
        return self._scalar(node, loc)

    def _pairs(self, node: yaml.MappingNode, loc: Loc) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "(no plain key)"
            if key in seen:
                first = f"it already stands in line {seen[key]}"
                self._problem(key_node, (*loc, key), f"the key {key} is here twice", f"keep one: {first}")
                continue
            seen[key] = self._lines[*loc, key] = _line(key_node.start_mark)
            yield key, value

    def _scalar(self, node: yaml.Node, loc: Loc) -> Any:
        self._written[loc] = str(node.value)
        try:
            if node.tag in _PLAIN:
                return self._loader.construct_object(node)
        except _UNREADABLE:
            self._problem(node, loc, f"{node.value!r} cannot be read", "put it in quotes if it is text")
            return None
        self._problem(node, loc, f"the tag {node.tag}", "remove it: values here are plain text, numbers, lists")
        return None

    def _problem(self, node: yaml.Node | None, loc: Loc, wrong: str, way_out: str) -> None:
        line = _line(node.start_mark if node else None)
        self._problems.append(Problem(self._file, line, ".".join(map(str, loc)) or "(file)", wrong, way_out))


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 1


def _refusal(file: Path, line: int, wrong: str, way_out: str) -> InventoryError:
    return InventoryError([Problem(file, line, "(file)", wrong, way_out)])
