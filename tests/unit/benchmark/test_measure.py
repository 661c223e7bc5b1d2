"""The watch and the eye on memory, on processes that are really run."""

from __future__ import annotations

import sys

import pytest
from benchmark.measure import FailedError, measure

MIB = 1024 * 1024
GRANDCHILD = "import time; held = bytearray(64 * 2**20); time.sleep(0.6)"
CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GRANDCHILD!r}], start_new_session=True)"


def test_memory_is_that_of_all_a_command_starts_even_in_a_session_of_its_own() -> None:
    measured = measure([sys.executable, "-c", CHILD], watch=True)
    assert 64 * MIB < measured.memory < 160 * MIB
    assert measured.seconds > 0.6


def test_a_trial_that_fails_is_no_measurement() -> None:
    with pytest.raises(FailedError, match="exited 3:\nnot there"):
        measure([sys.executable, "-c", "import sys; print('not there'); sys.exit(3)"])
