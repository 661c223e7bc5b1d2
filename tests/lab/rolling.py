"""An inventory to roll out again and again: small sites whose hosts have the role base alone, edited as tests want."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terminal import Terminal, Typed

from vaguemestre.lab import Lab

HERE = Path(__file__).parent / "inventory"
A, B = "a.scratch.test", "b.scratch.test"


@dataclass(frozen=True)
class Rolled:
    """What a rollout's record says, as `rollout show --json` tells it."""

    plain: dict[str, Any]

    @property
    def results(self) -> dict[str, str]:
        return {one["host"]: one["result"] for one in self.plain["hosts"]}

    def host(self, name: str) -> dict[str, Any]:
        return next(one for one in self.plain["hosts"] if one["host"] == name)


@dataclass(frozen=True)
class Sites:
    """The scratch hosts' inventory in a folder of the test's; what is edited most is how large the journal may grow."""

    folder: Path
    lab: Lab

    @classmethod
    def made(cls, folder: Path, lab: Lab) -> Sites:
        shutil.copytree(HERE, folder, dirs_exist_ok=True)
        made = cls(folder, lab)
        for name in ("scratch-a", "scratch-b"):
            made.edit(name, r"roles: \[.*\]", "roles: [base]")
        made.journal("100M")
        return made

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / f"{name}.yml"
        text = path.read_text()
        assert re.search(old, text), f"{path} has no {old}"
        path.write_text(re.sub(old, new, text, count=1))

    def waves(self, a: int, b: int) -> None:
        self.edit("scratch-a", r"wave: \d", f"wave: {a}")
        self.edit("scratch-b", r"wave: \d", f"wave: {b}")

    def journal(self, size: str) -> None:
        path = self.folder / "inventory.yml"
        kept = re.sub(r"journal:\n  max_use: .*\n", "", path.read_text())
        path.write_text(f"{kept}journal:\n  max_use: {size}\n")

    def journals(self) -> tuple[str, ...]:
        """What the hosts' files say, whatever the inventory does."""
        argv = ["sed", "-n", "s/^SystemMaxUse=//p", "/etc/systemd/journald.conf.d/vaguemestre.conf"]
        return tuple(self.lab.exec(host, argv).stdout.decode().strip() for host in (A, B))

    def type(self, *words: str) -> Typed:
        return Terminal(self.folder)(*words)

    def last(self) -> Rolled:
        return Rolled(self.type("rollout", "show", "--json").succeeded().json)

    def shown(self, id: str) -> Rolled:
        return Rolled(self.type("rollout", "show", id, "--json").succeeded().json)

    def start(self) -> subprocess.Popen[bytes]:
        """A rollout that goes on beside the test; what it prints nobody reads."""
        return subprocess.Popen(
            [sys.executable, "-m", "vaguemestre", "rollout"],
            env=os.environ | {"VAGUEMESTRE_INVENTORY": str(self.folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def until(self, records: Path, so: Callable[[Rolled], bool], seconds: float = 180) -> Rolled:
        """The newest record, as soon as it says so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            newest = max(records.glob("*.json"), default=None)
            if newest and so(rolled := Rolled(json.loads(newest.read_text()))):
                return rolled
            time.sleep(0.1)
        raise AssertionError(f"no rollout went so far within {seconds:.0f} s")


def killed(process: subprocess.Popen[bytes]) -> None:
    """The controller is gone: command line and Ansible, without a word."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
