"""What is remembered of whom our people write to: on the disk, for a time, and readable by nobody."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vaguemestre.host.redlist import correspondents
from vaguemestre.host.redlist.correspondents import Correspondents, purge

ANNE, PAUL, LABO = "anne@ch-ici.test", "paul@clinique.test", "labo@analyses.test"


class Clock:
    """Days since 1970."""

    def __init__(self) -> None:
        self.day = 20_000

    def __call__(self) -> int:
        return self.day


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "redlist" / "correspondents.db"


@pytest.fixture
def opened(path: Path, clock: Clock) -> Iterator[Callable[[], Correspondents]]:
    made: list[Correspondents] = []

    def make() -> Correspondents:
        made.append(Correspondents(path, _unwanted, clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _unwanted(where: str, why: str) -> None:
    raise AssertionError(f"{where}: {why}")


def test_who_was_written_to_is_known_at_once_and_after_a_restart(opened: Callable[[], Correspondents]) -> None:
    first = opened()
    first.remember(ANNE, PAUL)
    assert first.wrote(ANNE, PAUL, 180)
    first.close()
    again = opened()
    assert again.wrote(ANNE, PAUL, 180)
    assert not again.wrote(PAUL, ANNE, 180)
    assert not again.wrote(ANNE, LABO, 180)
    assert again.domains(ANNE, 180) == {"clinique.test"}


def test_it_is_forgotten_when_its_days_are_over(opened: Callable[[], Correspondents], clock: Clock) -> None:
    one = opened()
    one.remember(ANNE, PAUL)
    one.write()
    clock.day += 30
    assert one.wrote(ANNE, PAUL, 30)
    assert not one.wrote(ANNE, PAUL, 29)
    one.remember(ANNE, PAUL)
    one.write()
    assert one.wrote(ANNE, PAUL, 0)


def test_what_is_too_old_for_anybody_is_removed_from_the_disk(
    opened: Callable[[], Correspondents], clock: Clock, path: Path
) -> None:
    one = opened()
    one.remember(ANNE, PAUL)
    one.write()
    clock.day += 10
    one.remember(ANNE, LABO)
    one.write()
    assert purge(path, clock.day) == 1
    assert one.wrote(ANNE, LABO, 180)
    assert not one.wrote(ANNE, PAUL, 180)
    assert one.domains(ANNE, 180) == {"analyses.test"}


def test_nobodys_address_is_in_the_file(opened: Callable[[], Correspondents], path: Path) -> None:
    one = opened()
    one.remember(ANNE, PAUL)
    one.close()
    held = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"anne" not in held
    assert b"paul" not in held
    assert path.stat().st_mode & 0o077 == 0


def test_each_host_hashes_with_a_key_of_its_own(tmp_path: Path, clock: Clock) -> None:
    rows = []
    for name in ("a", "b"):
        one = Correspondents(tmp_path / name / "c.db", _unwanted, clock)
        one.remember(ANNE, PAUL)
        one.close()
        with closing(sqlite3.connect(tmp_path / name / "c.db")) as connection:
            rows.append(connection.execute("SELECT mailbox, other FROM pairs").fetchone())
    assert rows[0] != rows[1]


def test_a_spoilt_file_is_put_aside_and_what_it_held_is_not_believed(
    opened: Callable[[], Correspondents], path: Path
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 1000)
    one = opened()
    assert not one.wrote(ANNE, PAUL, 180)
    one.remember(ANNE, PAUL)
    one.write()
    assert one.wrote(ANNE, PAUL, 180)
    assert path.with_name("correspondents.db.spoilt").exists()


def test_a_disk_that_takes_nothing_costs_no_answer(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    one = Correspondents(path, lambda where, _: told.append(where), clock)
    refused = "INSERT INTO nowhere VALUES (?, ?, ?)"
    monkeypatch.setattr(correspondents, "_PAIR", refused)
    one.remember(ANNE, PAUL)
    with pytest.raises(sqlite3.Error):
        one.write()
    assert one.wrote(ANNE, PAUL, 180)
    monkeypatch.undo()
    one.write()
    one.close()
    assert Correspondents(path, _unwanted, clock).wrote(ANNE, PAUL, 180)


def test_who_is_written_to_all_day_is_written_down_once(opened: Callable[[], Correspondents], clock: Clock) -> None:
    one = opened()
    one.remember(ANNE, PAUL)
    one.write()
    one.remember(ANNE, PAUL)
    assert not one._pairs
    clock.day += 1
    one.remember(ANNE, PAUL)
    assert one._pairs
