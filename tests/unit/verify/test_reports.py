"""Reports are handed to others: what a failed behaviour leaves in them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vaguemestre import inventory, verify

FAILS = '''
def log_in(password):
    raise OSError("no answer")


def test_fails():
    """Somebody logs in."""
    log_in("s3cret-of-a-probe")
'''


@pytest.mark.slow
def test_a_failed_behaviour_shows_its_reason_and_no_password(tmp_path: Path) -> None:
    behaviour, junit = tmp_path / "test_it.py", tmp_path / "report.xml"
    behaviour.write_text(FAILS.replace('"s3cret-of-a-probe"', '"s3cret" + "-of-a-probe"'))
    command = [*verify._pytest(inventory.read(), [])[:-1], str(behaviour), f"--junitxml={junit}"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 1, said.stdout + said.stderr
    assert "no answer" in junit.read_text()
    assert "s3cret-of-a-probe" not in junit.read_text() + said.stdout + said.stderr
