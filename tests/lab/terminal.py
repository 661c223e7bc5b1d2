"""The command line typed by a test: a process of its own, as administrators start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Typed:
    """What a command answered. `screen` is both its outputs, for people; `out` standard output alone."""

    command: str
    code: int
    out: str
    screen: str

    def succeeded(self) -> Typed:
        """Itself; fails the test, showing the screen, unless the exit code is 0."""
        assert self.code == 0, f"`{self.command}` exited {self.code}:\n{self.screen}"
        return self

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    """Types `vaguemestre ...` on an inventory, in this process's environment."""

    inventory: Path
    patience: float = 900

    def __call__(self, *words: str, stdin: str = "", inventory: Path | None = None, **environment: str) -> Typed:
        """Run a command to its end. `environment` adds variables; `inventory` replaces the terminal's own."""
        done = subprocess.run(
            [sys.executable, "-m", "vaguemestre", *words],
            env=os.environ | {"VAGUEMESTRE_INVENTORY": str(inventory or self.inventory)} | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self.patience,
            check=False,
        )
        return Typed(f"vaguemestre {' '.join(words)}", done.returncode, done.stdout, done.stdout + done.stderr)
