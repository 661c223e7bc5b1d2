"""The file that an extraction comes in: its header, its date, its wrapping; and what is no extraction at all."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from entries import DOCTOR, HEADER, NAME, TEAM, file, read, text, zipped

from vaguemestre.host.annuaire.columns import COLUMNS, date_of, wrong_header
from vaguemestre.host.annuaire.source import ExtractionError, Source


@pytest.mark.parametrize(
    ("name", "made"),
    [
        (f"{NAME}.zip", datetime(2026, 10, 9, 3, 13, tzinfo=UTC)),
        (f'"{NAME}.zip"', datetime(2026, 10, 9, 3, 13, tzinfo=UTC)),
        (
            "attachment; filename=Extraction_Correspondance_MSSante_202612010513.zip",
            datetime(2026, 12, 1, 4, 13, tzinfo=UTC),
        ),
        ("Extraction_Correspondance_MSSante_202610250230.txt", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("extraction-correspondance-mssante.txt", None),
        ("Extraction_Correspondance_MSSante_202613410513.zip", None),
        ("Extraction_Correspondance_MSSante_202610090513.zip.part", None),
    ],
)  # fmt: skip
def test_the_name_tells_the_date_by_paris_time(name: str, made: datetime | None) -> None:
    assert date_of(name) == made


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        f"\ufeff{HEADER}\r\n",
        f"{HEADER}|",
        HEADER.replace("'", "’").upper(),
        "|".join(f'"{one}"' for one in COLUMNS),
        HEADER.replace(" structure BAL", ""),
        HEADER.replace("é", "e\u0301"),
    ],
)
def test_spellings_of_the_header_are_overlooked(header: str) -> None:
    assert wrong_header(header) == ""


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "|".join((*COLUMNS[:9], COLUMNS[10], COLUMNS[9], *COLUMNS[11:])),
            "column 10 should be Nom d'exercice; Prénom d'exercice stands there",
        ),
        ("|".join(COLUMNS[:-1]), "30 columns, not 31: column 31, Pays structure BAL, is missing"),
        (f"{HEADER}|Téléphone", "32 columns, not 31"),
        (
            HEADER.replace("Service de rattachement", "Service"),
            "column 8 should be Service de rattachement; an unknown column stands there",
        ),
        ("|".join(DOCTOR), "no header"),
    ],
)  # fmt: skip
def test_another_header_is_refused_by_the_first_column_that_is_wrong(header: str, said: str) -> None:
    assert said in wrong_header(header)


def test_a_file_without_header_is_not_quoted() -> None:
    assert "FICTIF" not in wrong_header("|".join(DOCTOR))


def test_zipped_and_plain_read_the_same(tmp_path: Path) -> None:
    content = text(DOCTOR, TEAM)
    assert read(zipped(tmp_path, content))[0] == read(file(tmp_path, content))[0] == [DOCTOR, TEAM]


def test_the_date_is_taken_from_within_a_renamed_archive(tmp_path: Path) -> None:
    with Source(zipped(tmp_path, text(DOCTOR), "latest.zip")) as source:
        assert source.generated == datetime(2026, 10, 9, 3, 13, tzinfo=UTC)


def test_a_source_that_says_the_date_otherwise_is_believed_if_no_name_does(tmp_path: Path) -> None:
    made = datetime(2026, 10, 11, tzinfo=UTC)
    with Source(file(tmp_path, text(DOCTOR), "mirror.txt"), made=made) as source:
        assert source.generated == made


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with Source(file(tmp_path, text(DOCTOR)), progress=lambda *one: told.append(one)) as source:
        list(source.chunks())
    assert told == [(source.size, source.size)]


def two_files(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "")
        archive.writestr("b.txt", "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><title>Maintenance</title>", "web page"),
        (b"\xef\xbb\xbf\n<html>", "no header"),
        (text(DOCTOR).decode().encode("utf-16"), "not UTF-8"),
        (HEADER.encode("latin-1"), "not UTF-8"),
        (HEADER.encode().decode("latin-1").encode(), "column 9 should be"),
        (b"PK\x03\x04 and no more", "damaged"),
        (text(DOCTOR) + b"x" * 600_000, "a line has more than"),
    ],
)
def test_what_is_no_extraction_is_refused_whole(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ExtractionError, match=said):
        read(file(tmp_path, content))


def test_an_archive_cut_short_or_altered_is_refused(tmp_path: Path) -> None:
    whole = zipped(tmp_path, text(*[DOCTOR] * 500)).read_bytes()
    for content in (whole[:-30], whole[:200] + bytes(20) + whole[220:]):
        with pytest.raises(ExtractionError, match="damaged or cut short"):
            read(file(tmp_path, content, "bad.zip"))


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    two_files(tmp_path / "two.zip")
    with pytest.raises(ExtractionError, match="holds 2 files"):
        Source(tmp_path / "two.zip")


def test_what_is_too_large_is_refused_before_it_is_unfolded(tmp_path: Path) -> None:
    path = zipped(tmp_path, text(*[DOCTOR] * 5_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(ExtractionError, match="is the limit"):
        Source(path, max_bytes=100_000)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match="no such file"):
        Source(tmp_path / "none.zip")
    with pytest.raises(ExtractionError, match="no file"):
        Source(tmp_path)
