"""Ready pipelines for those who keep an inventory in git: check it, show what a branch changes, rehearse it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from vaguemestre.establishment import Fleet

_HERE = PurePosixPath(".")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")


class PipelineError(VaguemestreError):
    """A pipeline cannot be made of this: it would have to quote what it is told, or rehearse nothing."""

    exit_code = Exit.INVALID


class System(StrEnum):
    """Where a pipeline runs."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True)
class Place:
    """Where things are in the repository that the pipeline belongs to; paths from its top."""

    inventory: PurePosixPath
    kit: PurePosixPath = _HERE
    branch: str = "main"
    runner: str = "privileged"  # GitLab: the tag of runners that may boot hosts

    def __post_init__(self) -> None:
        for word in (str(self.inventory), self.branch, self.runner, *self.kit.parts):
            if not _PLAIN.fullmatch(word) or ".." in PurePosixPath(word).parts:
                raise PipelineError(
                    f"{word!r} cannot stand in a pipeline\n    give a path from the top of the repository, in letters, "
                    "digits, dots, hyphens and underscores"
                )


def pipeline(system: System, place: Place, rehearsed: Sequence[str]) -> str:
    """The pipeline's YAML. `rehearsed` are the slugs of the establishments that are provisioned in the lab."""
    from vaguemestre.render import text

    return text(
        f"ci/{system}.yml.j2",
        inventory=place.inventory,
        kit="".join(f"{part}/" for part in place.kit.parts),
        branch=place.branch,
        runner=place.runner,
        rehearsed=" ".join(rehearsed),
    )


def first_operator(fleet: Fleet) -> str:
    """Who is rehearsed unless somebody is named: the operator that a rollout would begin with.

    Raises:
        PipelineError: nobody in the inventory has hosts.
    """
    slug = next((one.slug for one in fleet.establishments if one.hosts), None)
    if slug is None:
        raise PipelineError("nobody in this inventory has hosts: there is nothing to rehearse")
    return slug
