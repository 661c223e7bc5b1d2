"""The kit as it was at the last release, beside this one: its own code, roles and templates, from this repository."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from terminal import Typed

ROOT = Path(__file__).parents[2]
# A clone may have the history without the tag.
BEFORE = ("v0.1.0", "f2dc3a03d84ca80403a0199e4b3dd8af40e3e4c4")


@dataclass(frozen=True)
class OldKit:
    """Types `vaguemestre ...` with the older kit, unpacked at `root`, on an inventory."""

    root: Path
    inventory: Path

    def __call__(self, *words: str) -> Typed:
        done = subprocess.run(
            [sys.executable, "-m", "vaguemestre", *words],
            cwd=self.root,  # `-m` looks here first
            env=os.environ | {"VAGUEMESTRE_INVENTORY": str(self.inventory), "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return Typed(f"older vaguemestre {' '.join(words)}", done.returncode, done.stdout, done.stdout + done.stderr)


def unpacked(folder: Path, inventory: Path) -> OldKit:
    """The older kit in this folder; fails the test where the repository's history does not reach back to it."""
    for revision in BEFORE:
        packed = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=False)
        if not packed.returncode:
            subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
            return OldKit(folder, inventory)
    pytest.fail(f"this clone has no {' and no '.join(BEFORE)}: git fetch --unshallow --tags")
