"""The benchmark's list is one that both programs take, and its figures are of that list."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from benchmark import white_list
from benchmark.measure import FailedError

pytestmark = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")


@pytest.mark.slow
def test_both_programs_are_measured_on_one_list(tmp_path: Path) -> None:
    white_list.make(tmp_path, entries=40)
    runs = white_list.measured(tmp_path, times=2)
    assert runs.entries == 40
    assert runs.size == (tmp_path / "list.xml").stat().st_size
    assert len(runs.ours) == len(runs.theirs) == 2
    assert min(*runs.ours, *runs.theirs) > 0


def test_a_list_that_does_not_hold_has_no_figures(tmp_path: Path) -> None:
    white_list.make(tmp_path, entries=3)
    (tmp_path / "list.xml").write_bytes((tmp_path / "list.xml").read_bytes().replace(b"fictif", b"Fictif"))
    with pytest.raises(FailedError, match="exited 1"):
        white_list.measured(tmp_path, times=1)
