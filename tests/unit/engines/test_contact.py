"""What a bare host is given first."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from golden.hosts import context

from vaguemestre.engines.contact import KeyFileError, public_key, wanted
from vaguemestre.engines.targets import Target
from vaguemestre.synthesis import synthesise

TARGET = Target("mail.example.test", "192.0.2.1", 22, "vaguemestre", "root", None, None)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def test_the_public_half_lies_beside_the_key(key: Path) -> None:
    assert public_key(replace(TARGET, key=str(key))) == key.with_suffix(".pub").read_text().strip()


def test_without_it_the_key_is_asked(key: Path) -> None:
    expected = key.with_suffix(".pub").read_text().split()[:2]
    key.with_suffix(".pub").unlink()
    assert public_key(replace(TARGET, key=str(key))).split()[:2] == expected


def test_no_key_in_the_inventory_is_said_with_the_setting_to_write() -> None:
    with pytest.raises(KeyFileError, match=r"settings\.ssh\.key"):
        public_key(TARGET)


def test_a_key_that_cannot_be_read_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="absent"):
        public_key(replace(TARGET, key=str(tmp_path / "absent")))


def test_what_is_written_at_first_contact_is_what_the_release_will_own(key: Path) -> None:
    release = synthesise(context("fullest", "mail.ch-lens"))
    given = wanted(replace(TARGET, key=str(key)), release)
    owned = {(one.path, f"{one.mode:o}", one.content) for one in release.files}
    assert {(path, mode, text.encode()) for path, mode, text in given["sources"] + given["rules"]} <= owned
    assert any(path == "/etc/sudoers.d/vaguemestre" and mode == "440" for path, mode, _ in given["rules"])
    assert given["debian"] == "trixie"
