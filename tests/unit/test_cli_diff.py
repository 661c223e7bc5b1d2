"""`vaguemestre diff`: what a branch changes on hosts, asked of git revisions of a whole project or of an inventory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest
from declared import OPERATOR, SECOND, write

from vaguemestre.cli import main
from vaguemestre.inventory import EMBEDDED

pytestmark = pytest.mark.slow

PASTEUR, LENS = "mail.pasteur.mssante.test", "mail.ch-lens.mssante.test"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """An inventory in a repository of its own, as an establishment that installed the kit would keep it."""
    root = write(tmp_path / "mine", pasteur=OPERATOR)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    return root


def test_files_as_they_were_committed_change_nothing(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff(inventory, capsys) == (0, {"hosts": {PASTEUR: []}, "gone": []})


def test_a_new_host_and_one_that_is_gone_are_told(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inventory / "pasteur.yml").unlink()
    write(inventory, lens=SECOND)
    code, answer = diff(inventory, capsys)
    assert code == 3
    assert answer["gone"] == [PASTEUR]
    assert {one["action"] for one in answer["hosts"][LENS]} <= {"install", "create", "enable", "start", "mask"}


def test_what_others_committed_meanwhile_is_not_this_branchs_change(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(inventory, "checkout", "--quiet", "-b", "mine")
    git(inventory, "checkout", "--quiet", "main")
    write(inventory, lens=SECOND)
    commit(inventory)
    git(inventory, "checkout", "--quiet", "mine")
    assert diff(inventory, capsys)[0] == 0


def test_an_inventory_that_was_broken_then_is_told_as_it_would_have_been_then(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(inventory, pasteur=OPERATOR.replace("wave: 1", "wave: 0"))
    commit(inventory)
    write(inventory, pasteur=OPERATOR)
    assert run("diff", "-i", str(inventory)) == 2
    assert "the files of main make no releases; they say:" in capsys.readouterr().err


def test_an_unknown_revision_is_told_in_gits_words(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", "-i", str(inventory), "--against", "nowhere") == 2
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.slow
def test_an_edited_template_is_shown_as_the_file_it_changes(tmp_path: Path) -> None:
    for name in ("vaguemestre", "roles", "templates"):
        copytree(EMBEDDED.parent.parent / name, tmp_path / name, ignore=ignore_patterns("__pycache__"))
    write(tmp_path / "inventories" / "mine", pasteur=OPERATOR)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    template = tmp_path / "templates/base/etc/chrony/chrony.conf.j2"
    template.write_text(template.read_text() + "# edited\n")
    program = [sys.executable, "-c", "from vaguemestre.cli import main; main()", "diff", "-i", "inventories/mine"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith(f"{PASTEUR}: 1 file, 1 unit\n~ update file /etc/chrony/chrony.conf\n")
    assert "+# edited\n" in done.stdout
    assert done.stdout.endswith("~ restart unit chrony.service\n")


def diff(inventory: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = run("diff", "-i", str(inventory), "--json")
    return code, json.loads(capsys.readouterr().out)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "-c", "user.name=Test", "-c", "user.email=test@example.test", "commit", "--quiet", "-m", "as it is")
