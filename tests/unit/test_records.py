"""Records are kept whole, and a damaged one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import OPERATOR, fleet

from vaguemestre import records
from vaguemestre.records import Kind, RecordsError


def test_each_kind_has_its_folder_beside_the_inventory(tmp_path: Path) -> None:
    found = fleet(tmp_path, pasteur=OPERATOR)
    assert records.folder(found, Kind.ROLLOUTS) == tmp_path / "records" / "rollouts"


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    where = tmp_path / "audits"
    records.keep(where / "b.json", {"name": "Évreux"})
    records.keep(where / "a.json", {})
    assert [path.name for path in records.names(where)] == ["a.json", "b.json"]
    assert records.read(where / "b.json") == {"name": "Évreux"}


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "one.json"
    records.keep(place, {"kept": True})
    with pytest.raises(TypeError):
        records.keep(place, {"not": object()})
    assert records.read(place) == {"kept": True}


@pytest.mark.parametrize(("text", "words"), [("{", "damaged, line 1"), ("[]", "no record of this kit")])
def test_a_damaged_record_is_named(tmp_path: Path, text: str, words: str) -> None:
    place = tmp_path / "one.json"
    place.write_text(text)
    with pytest.raises(RecordsError, match=words) as told:
        records.read(place)
    assert str(place) in str(told.value)


def test_a_record_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"absent\.json: No such file"):
        records.read(tmp_path / "absent.json")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordsError, match="could not be written"):
        records.keep(tmp_path / "file" / "one.json", {})
