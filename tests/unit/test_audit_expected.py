"""What was worked out is used again only while nothing that decides it has changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from declared import LAB, OPERATOR, SECOND, STATE, write

from vaguemestre.audit import inputs, remembered
from vaguemestre.audit.expected import Expectation, parsed
from vaguemestre.lab import Lab
from vaguemestre.lab.state import save_state
from vaguemestre.overlay import VARIABLE

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VAGUEMESTRE_STATE", str(tmp_path / "labs"))
    (tmp_path / "inventory").mkdir()
    root = write(tmp_path / "inventory", inventory=LAB, pasteur=OPERATOR, lens=SECOND)
    (root / "trust").mkdir(exist_ok=True)
    shutil.copy(ROOT / "inventories/lab/trust/national.pem", root / "trust/national.pem")
    return root.resolve()


def asked(root: Path) -> tuple[Expectation, int]:
    """What is expected, and how many hosts had to be worked out for it."""
    told: list[str] = []
    return remembered.expected(root, told.append), len(told)


def test_what_nothing_has_changed_is_not_worked_out_again(root: Path) -> None:
    first, worked = asked(root)
    again, none = asked(root)
    assert (worked, none) == (2, 0)
    assert first == again == parsed(first.plain())


CHANGES: dict[str, Callable[[Path, pytest.MonkeyPatch], object]] = {
    "an establishment": lambda root, _: (root / "pasteur.yml").write_text(OPERATOR + "\n# a comment\n"),
    "one more establishment": lambda root, _: shutil.copy(root / "lens.yml", root / "cholet.yaml"),
    "the trust anchors": lambda root, _: (root / "trust/national.pem").open("a").write("\n"),
    "a secret": lambda root, _: _secret(root),
    "the lab": lambda root, patch: patch.setenv("VAGUEMESTRE_LAB", "other"),
    "the kit's templates": lambda root, patch: patch.setattr(inputs, "_PARTS", ("vaguemestre", "roles")),
    "a library": lambda root, patch: patch.setattr(inputs, "_libraries", lambda: iter(["jinja2-9.dist-info"])),
    "the Python": lambda root, patch: patch.setattr(sys, "version", "4.0"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_of_what_decides_is_seen(root: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = (str(root), str(root / "secrets"), str(root / "trust/national.pem"))
    before = inputs.digest(root, files)
    CHANGES[what](root, monkeypatch)
    assert inputs.digest(root, files) != before


def _secret(root: Path) -> None:
    (root / "secrets/mail.test").mkdir(parents=True)
    (root / "secrets/mail.test/tls.key").write_text("a key")


def test_a_lab_that_was_made_anew_has_other_secrets(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    home = Lab.open("lab").home
    home.mkdir(parents=True)
    anchors = shutil.copy(ROOT / "inventories/lab/trust/national.pem", home / "anchors.pem")
    save_state(home / "state.json", replace(STATE, secrets=home / "secrets", anchors=Path(anchors)))
    first, worked = asked(root)
    assert (worked, asked(root)[1]) == (2, 0)
    made_anew = home / "secrets/mail.pasteur.mssante.test/tls.key"
    made_anew.parent.mkdir(parents=True)
    made_anew.write_text("a key")
    again, worked = asked(root)
    assert worked == 2
    assert [one.target for one in again.hosts] == [one.target for one in first.hosts]


def test_who_may_read_a_secret_decides_too(root: Path) -> None:
    _secret(root)
    files = (str(root / "secrets"),)
    before = inputs.digest(root, files)
    (root / "secrets/mail.test/tls.key").chmod(0o604)
    assert inputs.digest(root, files) != before


def test_every_file_that_is_read_is_among_what_decides(root: Path) -> None:
    """Python itself tells what is opened (sys.addaudithook) while all is worked out, in a process of its own."""
    program = f"""
import sys
from pathlib import Path
root = Path({str(root)!r})
opened = set()
sys.addaudithook(lambda event, given: opened.add(given[0]) if event == "open" and isinstance(given[0], str) else None)
from vaguemestre.audit import inputs
from vaguemestre.audit.expected import expectation
from vaguemestre.inventory import read
fleet = read(root)
expectation(fleet, str)
decide = [str(inputs._KIT / part) for part in inputs._PARTS] + [one for one in inputs.files_of(fleet)]
ours = {{path for path in opened if path.startswith((str(inputs._KIT), str(root))) and "/.venv/" not in path}}
print(sorted(one for one in ours if not one.endswith(".pyc") and not one.startswith(tuple(decide))), len(ours))
"""
    told = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT).rpartition(" ")
    assert told[0] == "[]"
    assert int(told[2]) > 50


def test_a_memory_that_others_could_have_written_is_not_believed(root: Path) -> None:
    asked(root)
    path = remembered._file(root)
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o660)
    assert asked(root)[1] == 2


def test_a_damaged_memory_costs_time_and_nothing_else(root: Path) -> None:
    asked(root)
    remembered._file(root).write_text("{")
    assert asked(root)[1] == 2
    assert asked(root)[1] == 0
