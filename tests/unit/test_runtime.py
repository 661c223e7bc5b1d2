"""The host's runtime: the same sources give the same bytes, and they run with nothing but Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vaguemestre import runtime


def test_the_same_sources_give_the_same_archive() -> None:
    first = runtime.archive()
    runtime.archive.cache_clear()
    assert runtime.archive() == first


def test_the_archive_runs_alone_and_says_what_it_can_do(tmp_path: Path) -> None:
    archive = tmp_path / "host.pyz"
    archive.write_bytes(runtime.archive())
    ran = subprocess.run([sys.executable, "-I", archive, "juggle"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "mailbox" in ran.stderr
