"""Another revision of the project, in a folder of its own for as long as it is looked at."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from vaguemestre import preview
from vaguemestre.errors import Exit, ReleaseError, VaguemestreError
from vaguemestre.release import Release


class RevisionError(VaguemestreError):
    """There is no such revision, or what it holds cannot be made into releases."""

    exit_code = Exit.INVALID


def releases_at(inventory: Path, revision: str, *, called: str) -> dict[str, Release]:
    """The releases that the roles, templates and inventory of `revision` make; none where it had no such inventory.

    `called` is what a person calls the revision. An inventory kept apart from the project is read with the roles that
    are installed.

    Raises:
        RevisionError: not under git, no such revision, or its inventory or roles are wrong.
    """
    folder = inventory.resolve()
    top = Path(_git(folder, "rev-parse", "--show-toplevel"))
    with _exported(top, revision) as tree:
        there = tree / folder.relative_to(top)
        return _parsed(_asked(tree, there, called), called) if there.is_dir() else {}


def branching_point(inventory: Path, against: str) -> str:
    """The commit where the present branch left `against` (git merge-base).

    Raises:
        RevisionError: not under git, or no such revision.
    """
    return _git(inventory.resolve(), "merge-base", against, "HEAD")


@contextmanager
def _exported(top: Path, revision: str) -> Iterator[Path]:
    archive = _run(["git", "-C", str(top), "archive", "--format=tar", revision])
    with TemporaryDirectory(prefix="vaguemestre-") as folder, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        # Debian 12's Python 3.11.2 has no filters yet; the archive is git's own, of this repository.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, **safely)  # type: ignore[arg-type]  # noqa: S202
        yield Path(folder)


def _asked(tree: Path, inventory: Path, called: str) -> str:
    """What `preview` of that revision prints: started in its tree, Python finds that tree's modules first."""
    program = [sys.executable, "-m", "vaguemestre.preview", str(inventory)]
    try:
        return _run(program, cwd=tree).decode()
    except RevisionError as error:
        raise RevisionError(f"the files of {called} make no releases; they say:\n{error}") from error


def _parsed(text: str, called: str) -> dict[str, Release]:
    try:
        return preview.parsed(text)
    except (ReleaseError, TypeError, KeyError) as error:  # other fields than today's
        raise RevisionError(f"the releases of {called} are of another make than today's: {error}") from error


def _git(folder: Path, *arguments: str) -> str:
    try:
        return _run(["git", "-C", str(folder), *arguments]).decode().strip()
    except RevisionError as error:
        way_out = "compared is with a revision of git: `git init` and commit the inventory, or name one by --against"
        raise RevisionError(f"{folder}: {error}\n    {way_out}") from error


def _run(program: list[str], cwd: Path | None = None) -> bytes:
    done = subprocess.run(program, cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()
        raise RevisionError(words or f"{program[0]} failed with code {done.returncode}")
    return done.stdout
