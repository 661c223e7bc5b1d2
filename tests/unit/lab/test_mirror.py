"""The mirror is the one the machine's own apt uses, whatever format its sources are written in."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaguemestre.lab import LabError
from vaguemestre.lab.mirror import Mirror, cacheable, keyring

DEB822 = """\
Types: deb deb-src
# where snapshots are: http://never.example/
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main contrib
"""
ONE_LINE = """\
# deb http://old.example/debian stretch main
deb [arch=amd64 signed-by=/x.gpg] https://mirror.example/debian/ trixie main non-free # ours
deb http://mirror.example/security trixie-security main
"""
STRANGERS = "deb https://packages.example/apt cloud-sdk-bookworm main\ndeb https://other.example nodistro main\n"


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("VAGUEMESTRE_APT_MIRROR", raising=False)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "strangers.list").write_text(STRANGERS)
    return tmp_path


def test_deb822_sources_are_read(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822)
    assert Mirror.of_machine(apt) == Mirror("http://mirror.example/debian", "http://mirror.example/debian-security")


def test_one_line_sources_are_read(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    assert Mirror.of_machine(apt) == Mirror("https://mirror.example/debian", "http://mirror.example/security")


def test_disabled_sources_are_not(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text("Enabled: no\n" + DEB822.split("\n\n")[0])
    with pytest.raises(LabError, match="no Debian archive"):
        Mirror.of_machine(apt)


def test_a_machine_without_debian_is_told_what_to_do(apt: Path) -> None:
    with pytest.raises(LabError, match="VAGUEMESTRE_APT_MIRROR"):
        Mirror.of_machine(apt)


def test_the_environment_may_name_a_mirror(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAGUEMESTRE_APT_MIRROR", "http://here.example/debian")
    assert Mirror.of_machine(apt) == Mirror("http://here.example/debian", None)


def test_a_suite_brings_its_updates_and_its_security() -> None:
    assert Mirror("http://m.example/d", "http://m.example/s").lines("trixie") == [
        "deb http://m.example/d trixie main",
        "deb http://m.example/d trixie-updates main",
        "deb http://m.example/s trixie-security main",
    ]


def test_an_archive_behind_tls_is_cached_too() -> None:
    assert cacheable("https://m.example/debian") == "http://HTTPS///m.example/debian"


def test_a_keyring_too_old_for_the_suite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "debian-archive-keyring.gpg").touch()
    (tmp_path / "debian-archive-bookworm-stable.gpg").touch()
    assert keyring("bookworm", tmp_path).name == "debian-archive-keyring.gpg"
    with pytest.raises(LabError, match="does not hold the keys of trixie"):
        keyring("trixie", tmp_path)
