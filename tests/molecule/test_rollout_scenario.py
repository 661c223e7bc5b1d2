"""The rollout's rehearsal, run as molecule runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

BIN = Path(sys.executable).parent


def test_a_rollout_makes_operators_of_bare_hosts_and_changes_nothing_the_second_time() -> None:
    """create, converge, idempotence, verify, destroy; what molecule says is shown when it fails."""
    done = subprocess.run(
        [BIN / "molecule", "test"],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
