"""Rollouts by ansible-runner, which is what AWX calls on its execution nodes: projects as they are documented."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from terminal import Typed

from vaguemestre.overlay import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = Path(__file__).parent / "inventory"
BIN = Path(sys.executable).parent
PATIENCE = 400  # seconds; alone on a machine it takes 30
A, B = "a.scratch.test", "b.scratch.test"


@dataclass(frozen=True)
class Node:
    """An execution node: its own copy of the runner's folder, the inventory shared with the others."""

    folder: Path

    def start(self, limit: str, ident: str) -> subprocess.Popen[str]:
        program = ["ansible-runner", "run", self.folder, "--playbook", "playbooks/rollout.yml", "--ident", ident]
        return subprocess.Popen(
            [str(word) for word in (*program, "--limit", limit)],
            env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, words: str, ident: str, job: subprocess.Popen[str]) -> None:
        """Until the job says this."""
        told = self.folder / "artifacts" / ident / "stdout"
        while job.poll() is None and not (told.exists() and words in told.read_text()):
            time.sleep(0.1)

    def events(self, ident: str) -> Iterator[dict[str, object]]:
        """What AWX would show of the job."""
        for file in (self.folder / "artifacts" / ident / "job_events").glob("*.json"):
            yield json.loads(file.read_text())


def ended(job: subprocess.Popen[str]) -> Typed:
    """What it said; one that does not end is ended, and what it said until then is in the failure."""
    try:
        screen, _ = job.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGTERM)
        screen, _ = job.communicate()
    return Typed("ansible-runner run", job.returncode, screen, screen)


@pytest.fixture
def nodes(tmp_path: Path) -> tuple[Node, Node]:
    return node(tmp_path / "one"), node(tmp_path / "two")


def node(folder: Path) -> Node:
    """A runner's folder as docs/ansible.md describes it: the project is this repository."""
    for name in ("env", "inventory"):
        (folder / name).mkdir(parents=True)
    (folder / "project").symlink_to(ROOT)
    variables = {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "playbooks/collections"),
        VARIABLE: os.environ[VARIABLE],  # only the lab needs to be named
    }
    (folder / "env" / "envvars").write_text(yaml.safe_dump(variables))
    source = {"plugin": "vaguemestre.mssante.establishments", "folder": str(SCRATCH)}
    (folder / "inventory" / "production.vaguemestre.yml").write_text(yaml.safe_dump(source))
    return Node(folder)


def test_two_nodes_bring_on_an_establishment_each_from_one_inventory(
    nodes: tuple[Node, Node], scratch: tuple[str, ...], vaguemestre: Callable[..., Typed]
) -> None:
    one, two = nodes
    jobs = one.start(A, "a"), two.start(B, "b")
    for job in jobs:
        ended(job).succeeded()
    vaguemestre("audit", inventory=SCRATCH).succeeded()
    assert {"playbook_on_stats", "runner_on_ok"} <= {event["event"] for event in one.events("a")}


def test_of_two_nodes_on_the_same_hosts_the_second_is_refused_and_told_who_has_them(
    nodes: tuple[Node, Node], scratch: tuple[str, ...]
) -> None:
    first, second = nodes
    working = first.start("all", "first")
    first.wait_for("PLAY [Rollout] ", "first", working)
    refused = ended(second.start("all", "second"))
    ended(working).succeeded()
    assert refused.code != 0
    assert "part of rollout" in refused.screen
    assert "What will change" not in refused.screen
