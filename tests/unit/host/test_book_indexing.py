"""What a database is indexed by: a change of it is noticed, another way to write it is none."""

from __future__ import annotations

from pathlib import Path

from vaguemestre.host.book.indexing import STAMP, databases

CONFIGURATION = """
index_substr_any_len 4
database mdb
suffix "ou=national,o=vaguemestre"
directory {folder}/national
index mail,cn eq,subinitial
index objectClass eq

database mdb
suffix "o=vaguemestre"
directory {folder}/ours
index mail eq

database monitor
"""


def both(folder: Path, text: str = CONFIGURATION) -> list[Path]:
    return [one.folder for one in databases(text.format(folder=folder)) if not one.current]


def made(folder: Path) -> None:
    for one in databases(CONFIGURATION.format(folder=folder)):
        one.folder.mkdir()
        (one.folder / "data.mdb").touch()
        one.remember()


def test_databases_are_known_by_suffix_and_folder(tmp_path: Path) -> None:
    found = list(databases(CONFIGURATION.format(folder=tmp_path)))
    assert [one.suffix for one in found] == ["ou=national,o=vaguemestre", "o=vaguemestre"]
    assert found[0].indices == "index_substr_any_len 4\ncn eq,subinitial\nmail eq,subinitial\nobjectClass eq\n"


def test_a_new_database_needs_no_indexing(tmp_path: Path) -> None:
    assert both(tmp_path) == []


def test_one_of_an_older_release_is_indexed_again(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "ours" / STAMP).unlink()
    assert both(tmp_path) == [tmp_path / "ours"]


def test_only_the_database_whose_indices_changed_is_indexed_again(tmp_path: Path) -> None:
    made(tmp_path)
    assert both(tmp_path) == []
    assert both(tmp_path, CONFIGURATION.replace("objectClass eq", "objectClass,sn eq")) == [tmp_path / "national"]


def test_a_setting_of_all_indices_concerns_all(tmp_path: Path) -> None:
    made(tmp_path)
    assert len(both(tmp_path, CONFIGURATION.replace("any_len 4", "any_len 3"))) == 2


def test_lines_in_another_order_are_no_change(tmp_path: Path) -> None:
    made(tmp_path)
    other = CONFIGURATION.replace(
        "index mail,cn eq,subinitial\nindex objectClass eq",
        "index objectClass eq\nindex cn eq,subinitial\nindex mail subinitial,eq",
    )
    assert both(tmp_path, other) == []
