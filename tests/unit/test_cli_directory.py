"""`vaguemestre directory check`: what it says of an extraction, to people and to programs; its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vaguemestre.cli import main
from vaguemestre.cli.extractions import reading_shown
from vaguemestre.lab.extraction import Nation, file_name, write

NATION = Nation(lines=1_500, seed=3)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("days") / file_name(0), NATION.extraction())


@pytest.fixture
def next_day(first: Path) -> Path:
    return write(first.with_name(file_name(1)), NATION.extraction(1))


@pytest.fixture
def half(tmp_path: Path) -> Path:
    lines = list(NATION.extraction())[:700]
    path = write(tmp_path / file_name(1, ".txt"), [*lines, "PER|camille.fictif@cut"])
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    return path


def check(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["directory", "check", *map(str, arguments)])
    return int(caught.value.code or 0)


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = check(*arguments, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_a_good_extraction_is_counted(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(first) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{first.name}, made on 2026-10-09 03:13 UTC\n    1,500 lines, ")
    assert "1,499 mailboxes (" in said
    assert said.endswith("could be used\n")


def test_the_next_day_would_be_applied(first: Path, next_day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = told(capsys, next_day, "--against", first)
    assert (code, answer["usable"], answer["against"]["held_back"]) == (0, True, False)
    assert answer["against"]["removed"] == 1
    assert answer["generated"] == "2026-10-10T03:13:00+00:00"


def test_a_file_cut_in_half_is_refused_and_the_guard_tells_why(
    first: Path, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(half, "--against", first) == 1
    said = capsys.readouterr().out
    assert "would be refused:\n    it is cut short: its last line is not whole" in said
    assert "would be held back until a person has looked:\n    8" in said
    assert "domain " in said
    assert "applied" not in said


def test_lines_are_named_by_number_and_people_not_at_all(
    first: Path, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = told(capsys, half, "--against", first)
    assert code == 1
    assert answer["passed_over"] == {
        "truncated": {"what": "cut short, at the end of the file", "lines": 1, "first": [701]}
    }
    said = json.dumps(answer)
    assert "@" not in said
    assert "fictif" not in said.lower()


def test_a_digest_stands_for_the_extraction_it_was_made_of(
    first: Path, next_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = tmp_path / "held"
    assert told(capsys, first, "--keep", digest)[0] == 0
    assert digest.stat().st_mode & 0o777 == 0o600
    with_digest = told(capsys, next_day, "--against", digest)
    assert with_digest == told(capsys, next_day, "--against", first)


def test_the_digest_of_an_unfit_file_is_not_kept(half: Path, tmp_path: Path) -> None:
    assert check(half, "--keep", tmp_path / "held") == 1
    assert not (tmp_path / "held").exists()


def test_a_file_with_fewer_mailboxes_than_wanted_is_refused(first: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = told(capsys, first, "--at-least", 400_000)
    assert (code, answer["unfit"]) == (1, ["it has 1,499 mailboxes; 400,000 are the least"])


def test_what_cannot_be_read_is_named_with_the_way_out(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.zip"
    page.write_text("<!DOCTYPE html>Maintenance")
    assert check(page) == 2
    assert f"{page}: it is a web page or XML, not an extraction\n    download it again" in capsys.readouterr().err
    assert check(first, "--against", page) == 2
    assert f"{page}: it is a web page" in capsys.readouterr().err
    assert check(first, "--against", tmp_path / "none") == 2
    assert f"{tmp_path / 'none'}: No such file or directory" in capsys.readouterr().err


def test_a_digest_that_was_cut_is_named(first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = tmp_path / "held"
    check(first, "--keep", digest)
    digest.write_bytes(digest.read_bytes()[:-50])
    assert check(first, "--against", digest) == 2
    assert f"{digest}: it was cut or altered" in capsys.readouterr().err


def test_a_digest_that_cannot_be_kept_is_said(first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(first, "--keep", tmp_path / "none" / "held") == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_a_log_hears_of_reading_only_when_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("vaguemestre.cli.extractions.monotonic", lambda: clock[0])
    with reading_shown(quiet=False) as on_read:
        for clock[0] in (101.0, 102.5, 103.0, 108.0):
            on_read("national.zip", int(clock[0]) - 100, 8)
    assert capsys.readouterr().err == "national.zip: read 25 %\nnational.zip: read, now sorting\n"
