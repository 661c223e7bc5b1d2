"""What is remembered of an extraction: sorted, whole or not believed."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaguemestre.host.annuaire import digest
from vaguemestre.host.annuaire.digest import DigestError, Record
from vaguemestre.host.annuaire.runs import Runs

MADE = datetime(2026, 10, 9, 3, 13, tzinfo=UTC)
RECORDS = [Record(f"p{one:05}@clinique.mssante.test", f"0{one:032x}") for one in range(12_000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    digest.write(tmp_path / "held", RECORDS, MADE)
    return tmp_path / "held"


def test_what_was_written_is_read(path: Path) -> None:
    assert list(digest.records(path)) == RECORDS
    assert (digest.facts(path).generated, digest.facts(path).mailboxes) == (MADE, 12_000)
    assert digest.is_digest(path)


def test_nobody_else_may_read_the_addresses(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_equal_extractions_have_equal_digests(path: Path) -> None:
    again = digest.write(path.with_name("again"), iter(RECORDS), MADE)
    assert again.sha256 == digest.facts(path).sha256


def test_an_extraction_may_be_empty_and_undated(tmp_path: Path) -> None:
    digest.write(tmp_path / "none", [], None)
    assert list(digest.records(tmp_path / "none")) == []
    assert digest.facts(tmp_path / "none").generated is None


def test_one_that_was_cut_at_a_line_or_altered_is_found_out(path: Path) -> None:
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for content in (b"".join(lines[:-5_000]), whole[:-1], whole[:900] + b"z" + whole[901:], whole + lines[-1]):
        path.write_bytes(content)
        with pytest.raises(DigestError, match="cut or altered"):
            list(digest.records(path))


def test_one_whose_writer_was_killed_is_none(tmp_path: Path) -> None:
    def killed() -> object:
        yield from RECORDS[:6_000]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        digest.write(tmp_path / "begun", killed(), MADE)  # type: ignore[arg-type]
    assert (tmp_path / "begun").stat().st_size > 0
    assert not digest.is_digest(tmp_path / "begun")
    with pytest.raises(DigestError, match="did not come to an end"):
        digest.facts(tmp_path / "begun")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b'{"format": "vaguemestre annuaire 0"}', b"[1]", b'{"format": 1}']
)
def test_another_file_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(DigestError, match=r"no digest|another format"):
        digest.facts(tmp_path / "other")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=6), max_size=60),
    st.integers(1, 9),
)
def test_more_than_memory_holds_is_sorted_as_in_memory(lines: list[str], length: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Runs(Path(folder), length) as runs:
            for line in lines:
                runs.add(line)
            assert list(runs.sorted()) == sorted(lines)
        assert list(Path(folder).iterdir()) == []
