"""Under what circumstances something is done: by whom, from which revision of the inventory, with which kit."""

from __future__ import annotations

import getpass
import socket
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def by(named: str | None = None) -> str:
    """user@controller; `named` is who asked for it where the account is a service's, as AWX's is."""
    return f"{named or _account()}@{socket.gethostname()}"


def kit() -> str:
    """The kit's version."""
    try:
        return version("vaguemestre")
    except PackageNotFoundError:  # a checkout that nobody installed
        return "unknown"


def revision(inventory: Path) -> str | None:
    """The commit of the inventory's folder, with a + when files in it differ; None when it is not under git."""
    commit = _git(inventory, "rev-parse", "HEAD")
    if commit is None:
        return None
    return f"{commit}+" if _git(inventory, "status", "--porcelain", "--", ".") else commit


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return "unknown"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
