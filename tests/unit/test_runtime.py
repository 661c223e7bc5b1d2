"""The host's runtime: the same sources give the same bytes, and they run with nothing but Python."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from vaguemestre import runtime

# What is installed where the kit is, and on no host.
CONTROLLERS = {"ansible", "gevent", "jinja2", "paramiko", "pydantic", "pyinfra", "pytest", "rich", "typer", "yaml"}


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


def test_no_module_of_the_archive_imports_one_of_the_controllers_libraries(tmp_path: Path) -> None:
    archive = tmp_path / "host.pyz"
    archive.write_bytes(runtime.archive())
    names = sorted(name for name in zipfile.ZipFile(archive).namelist() if not name.endswith("__main__.py"))
    modules = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names]
    script = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); [__import__(one) for one in {modules!r}]; "
        f"print(*sorted({CONTROLLERS!r} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, ""), ran.stderr


def test_the_archive_is_entered_without_any_library_of_debians(tmp_path: Path) -> None:
    archive = tmp_path / "host.pyz"
    archive.write_bytes(runtime.archive())
    ran = subprocess.run([sys.executable, "-I", "-S", archive], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "usage" in ran.stderr
