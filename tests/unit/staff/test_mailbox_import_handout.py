"""Passwords for handing out: in a new file of one's own, before they are set, and only those that were set after."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaguemestre.staff.handout import HandoutError, begun, settled, writable

ADDRESSES = ("anne@pasteur.test", "paul@pasteur.test")


def kept(file: Path) -> dict[str, str]:
    header, *lines = file.read_text().splitlines()
    assert header == "address;password"
    return dict(line.split(";") for line in lines)


def test_passwords_are_on_disk_for_the_owner_alone_before_they_are_used(tmp_path: Path) -> None:
    made = begun(tmp_path / "new", ADDRESSES)
    assert kept(tmp_path / "new") == made
    assert len(set(made.values())) == 2
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_what_was_not_set_is_taken_out_again(tmp_path: Path) -> None:
    made = begun(tmp_path / "new", ADDRESSES)
    assert settled(tmp_path / "new", made, ADDRESSES[:1]) == 1
    assert kept(tmp_path / "new") == {ADDRESSES[0]: made[ADDRESSES[0]]}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


def test_a_file_with_nobody_in_it_is_not_left_behind(tmp_path: Path) -> None:
    assert settled(tmp_path / "new", begun(tmp_path / "new", ADDRESSES), ()) == 0
    assert not list(tmp_path.iterdir())


def test_nothing_that_is_there_is_written_over_nor_followed(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("older passwords")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("there", "link"):
        with pytest.raises(HandoutError, match="there already"):
            writable(tmp_path / name)
        with pytest.raises(HandoutError, match="no password was made"):
            begun(tmp_path / name, ADDRESSES)
    assert (tmp_path / "there").read_text() == "older passwords"
    with pytest.raises(HandoutError, match="no folder"):
        writable(tmp_path / "nowhere" / "new")
