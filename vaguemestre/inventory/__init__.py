"""The one door from YAML to the model: a folder of files in, a `Fleet` or everything that is wrong with it out.

``inventory.yml`` (optional) holds `Settings`; every other ``.yml`` file is one establishment. An establishment's own
``settings:`` are laid over the shared ones field by field. Sub-folders (trust anchors, sealed secrets) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from vaguemestre.errors import InventoryError, Problem
from vaguemestre.establishment import Establishment, Fleet, RoleName, Settings
from vaguemestre.inventory import document, wording
from vaguemestre.inventory.document import Document
from vaguemestre.inventory.rules import Reading, Source, check
from vaguemestre.whereabouts import EMBEDDED, VARIABLE, whereabouts

__all__ = ["EMBEDDED", "VARIABLE", "load", "read", "whereabouts"]

SHARED = "inventory.yml"
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NONE: Mapping[Path, str] = MappingProxyType({})
_Model = TypeVar("_Model", bound=BaseModel)


def load(path: Path | None = None) -> Fleet:
    """The fleet as it can be reached now: `read`, and over a lab inventory whose lab is up, the lab's real addresses.

    Raises:
        InventoryError: holding every problem of every file.
    """
    from vaguemestre.overlay import overlaid

    return overlaid(read(path))


def read(path: Path | None = None, drafts: Mapping[Path, str] = _NONE) -> Fleet:
    """The fleet as written in the inventory `path` (see `whereabouts`), its `root` absolute.

    `drafts` are texts that stand for establishments' files, as if they had been written.

    Raises:
        InventoryError: holding every problem of every file.
    """
    root = whereabouts(path)
    problems: list[Problem] = []
    settings = _settings(root / SHARED, problems)
    files = sorted({*_establishment_files(root, problems), *drafts})
    problems += _badly_named(files, root)
    sources = [source for file in files for source in _source(file, settings, problems, drafts.get(file))]
    broken = frozenset({file.stem for file in files} - {source.establishment.slug for source in sources})
    problems += check(Reading(tuple(sources), settings, broken, _needs))
    if problems:
        raise InventoryError(problems)
    ordered = sorted((source.establishment for source in sources), key=lambda one: (one.wave, not one.canary, one.slug))
    return Fleet(root.resolve(), settings, tuple(ordered))


def _establishment_files(root: Path, problems: list[Problem]) -> list[Path]:
    if not root.is_dir():
        wrong = "an inventory is a folder" if root.exists() else "there is no such inventory"
        problems.append(Problem(root, 1, "(folder)", wrong, "name the folder that holds the establishments' files"))
        return []
    files = sorted(file for file in root.iterdir() if file.suffix == ".yml" and file.name != SHARED)
    if not files:
        way_out = "`vaguemestre init` writes the first one"
        problems.append(Problem(root, 1, "(folder)", "no establishment is declared here", way_out))
    return files


def _badly_named(files: Sequence[Path], root: Path) -> Iterator[Problem]:
    for file in sorted(root.glob("*.yaml")):
        yield Problem(file, 1, "(file)", "only .yml files are read", f"rename it to {file.stem}.yml")
    for file in files:
        if not _SLUG.fullmatch(file.stem) or file.parent != root:
            way_out = "use lower-case letters, digits and hyphens: the name is the establishment's everywhere"
            yield Problem(file, 1, "(file)", f"{file.stem} is no name for an establishment", way_out)


def _settings(file: Path, problems: list[Problem]) -> Settings:
    read_settings = _model(file, Settings, problems) if file.exists() else None
    return read_settings[1] if read_settings else Settings()


def _source(file: Path, shared: Settings, problems: list[Problem], draft: str | None) -> Iterator[Source]:
    if found := _model(file, Establishment, problems, draft, slug=file.stem):
        where, establishment = found
        merged = _laid_over(shared, establishment.settings)
        yield Source(where, establishment.model_copy(update={"settings": merged}))


def _model(
    file: Path, model: type[_Model], problems: list[Problem], draft: str | None = None, **known: str
) -> tuple[Document, _Model] | None:
    """The file as `model`, or None and what is wrong with it added to `problems`."""
    try:
        found = document.read(file) if draft is None else document.parse(file, draft)
    except InventoryError as error:
        problems += error.problems
        return None
    problems += (
        found.problem((key,), f"{key} is the file's name", "remove the line") for key in known if key in found.data
    )
    try:
        return found, model.model_validate(found.data | known)
    except ValidationError as error:
        problems += wording.problems(found, error, model)
        return None


def _laid_over(shared: _Model, own: _Model) -> _Model:
    """`shared` with every field that `own` gives, section by section, field by field."""

    def field(name: str) -> object:
        ours, theirs = getattr(own, name), getattr(shared, name)
        both = isinstance(ours, BaseModel) and isinstance(theirs, BaseModel)
        return _laid_over(theirs, ours) if both else ours

    return shared.model_copy(update={name: field(name) for name in own.model_fields_set})


def _needs(role: RoleName) -> Sequence[str]:
    needs: Sequence[str] = import_module(f"roles.{role.value}").NEEDS
    return needs
