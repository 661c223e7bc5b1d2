"""A whole file inspected, with invented nations: what is fit, what is refused, what is held back."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from entries import DOCTOR, TEAM, file, persons, read, text

from vaguemestre.host.annuaire import churn, digest, examination
from vaguemestre.host.annuaire.digest import DigestError
from vaguemestre.host.annuaire.inspection import Inspection, Limits, inspect
from vaguemestre.lab.extraction import FIRST_DAY, NATIONAL, Nation, file_name, write

NATION = Nation(lines=4_000, seed=7)
LIMITS = Limits(examination.Limits(mailboxes=100))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The extraction of the first day, and its digest."""
    folder = tmp_path_factory.mktemp("first")
    path = write(folder / file_name(0), NATION.extraction())
    inspect(path, folder / "digest", None, LIMITS)
    return path, folder / "digest"


def lines_of(path: Path) -> list[str]:
    return ["|".join(one) for one in read(path)[0]]


def inspected(tmp_path: Path, lines: list[str], held: Path | None, name: str = file_name(1, ".txt")) -> Inspection:
    return inspect(file(tmp_path, text(*lines), name), tmp_path / "new", held, LIMITS)


def test_what_is_in_a_file_is_counted(first: tuple[Path, Path], tmp_path: Path) -> None:
    found = inspect(first[0], tmp_path / "new", None, LIMITS).found
    lines = read(first[0])[0]
    kinds = dict(Counter({one.address: one.kind for one in lines}.values()))
    assert (found.lines, found.mailboxes, found.kinds) == (4_000, len({one.address for one in lines}), kinds)
    assert found.domains == Counter(one.rpartition("@")[2] for one in {one.address for one in lines})
    assert found.generated == FIRST_DAY
    assert not found.faults
    assert [one.address for one in digest.records(tmp_path / "new")] == sorted({one.address for one in lines})


def test_addresses_on_several_lines_are_one_mailbox_and_told(tmp_path: Path) -> None:
    elsewhere = DOCTOR._replace(structure="990000002")
    found = inspect(file(tmp_path, text(DOCTOR, TEAM, elsewhere)), tmp_path / "new", None, Limits()).found
    assert (found.lines, found.mailboxes, found.merged_number) == (3, 2, 1)
    assert found.merged == {DOCTOR.address}


def test_the_next_day_would_be_applied(first: tuple[Path, Path], tmp_path: Path) -> None:
    day = inspect(write(tmp_path / file_name(1), NATION.extraction(1)), tmp_path / "new", first[1], LIMITS)
    assert not day.refused
    assert day.churn
    assert day.churn.balance.changed > 0


def test_another_order_and_other_spellings_change_nothing(first: tuple[Path, Path], tmp_path: Path) -> None:
    lines = lines_of(first[0])
    random.Random(1).shuffle(lines)  # noqa: S311 - a test
    other = inspected(tmp_path, [f"{one}|".replace("|", " |") for one in lines], first[1])
    assert other.found.digest.sha256 == digest.facts(first[1]).sha256
    assert other.churn
    assert (other.churn.balance.changed, other.refused) == (0, False)


def test_half_a_file_is_held_back(first: tuple[Path, Path], tmp_path: Path) -> None:
    lines = lines_of(first[0])
    half = inspected(tmp_path, lines[:2_000], first[1])
    assert not half.unfit
    assert half.churn
    assert half.churn.held_back


def test_yesterdays_file_is_held_back(first: tuple[Path, Path], tmp_path: Path) -> None:
    old = inspected(tmp_path, lines_of(first[0]), first[1], file_name(-1, ".txt"))
    assert old.churn
    assert "older" in old.churn.why[0]


def test_a_file_without_mailboxes_is_unfit(tmp_path: Path) -> None:
    assert inspected(tmp_path, [], None).unfit == ("it has no usable mailbox",)


def test_a_file_with_too_few_is_unfit(tmp_path: Path) -> None:
    short = inspected(tmp_path, ["|".join(DOCTOR)], None)
    assert short.unfit == ("it has 1 mailbox; 100 are the least",)


def test_a_file_cut_short_is_unfit(first: tuple[Path, Path], tmp_path: Path) -> None:
    content = text(*lines_of(first[0]))[:-40]
    cut = inspect(file(tmp_path, content), tmp_path / "new", first[1], LIMITS)
    assert cut.unfit == ("it is cut short: its last line is not whole",)


def test_a_few_bad_lines_are_lived_with_and_many_are_not(tmp_path: Path) -> None:
    good = ["|".join(one) for one in persons(f"p{number}@clinique.mssante.test" for number in range(1_000))]
    assert not inspected(tmp_path, [*good, *["bad"] * 20], None).unfit
    (why,) = inspected(tmp_path, [*good, *["bad"] * 21], None).unfit
    assert why == "21 of 1,021 (2.1 %) lines cannot be used; 0.5 % is the limit"


def test_every_line_twice_is_unfit(first: tuple[Path, Path], tmp_path: Path) -> None:
    lines = lines_of(first[0])
    (why,) = inspected(tmp_path, [*lines, *lines], first[1]).unfit
    assert "stand on several lines" in why


def test_what_is_held_must_be_whole(first: tuple[Path, Path], tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.write_bytes(first[1].read_bytes()[:-100])
    with pytest.raises(DigestError, match="cut or altered"):
        inspected(tmp_path, lines_of(first[0]), held)


def test_the_differences_are_what_a_loader_would_apply(first: tuple[Path, Path], tmp_path: Path) -> None:
    lines = lines_of(first[0])
    moved = lines[5].replace("|FRANCE", "|BELGIQUE") if lines[5].endswith("FRANCE") else f"{lines[5]}FRANCE"
    new = [lines[0], *lines[2:5], moved, *lines[6:], "|".join(DOCTOR)]
    inspected(tmp_path, new, first[1])
    found = list(churn.differences(digest.records(first[1]), digest.records(tmp_path / "new")))
    expected = ((lines[1], "removed"), (lines[5], "changed"), ("|".join(DOCTOR), "added"))
    assert {(one, change.value) for one, change in found} == {(one.split("|")[1], what) for one, what in expected}


def test_an_invented_nation_is_of_the_real_ones_shape() -> None:
    lines = list(Nation(lines=30_000).extraction())
    cells = [one.split("|") for one in lines[1:]]
    domains = Counter(one[1].rpartition("@")[2].lower() for one in cells)
    assert len(lines) == 30_001
    assert len(domains) == round(5_018 * 30_000 / NATIONAL)
    assert all(one.endswith(".test") for one in domains)
    assert 0.80 < sum(one[0] == "PER" for one in cells) / 30_000 < 0.87
    assert domains.most_common(1)[0][1] > 2_000
    assert 150 < sum(len(one.encode()) + 1 for one in lines) / 30_000 < 185
    assert {one[0] for one in cells} == {"PER", "ORG"}


def test_the_same_seed_makes_the_same_nation_and_another_another() -> None:
    assert list(Nation(300, 1).extraction()) == list(Nation(300, 1).extraction())
    assert list(Nation(300, 1).extraction()) != list(Nation(300, 2).extraction())


def test_all_lines_of_an_invented_nation_can_be_used(tmp_path: Path) -> None:
    lines, reading = read(write(tmp_path / file_name(3, ".txt"), NATION.extraction(3)))
    assert len(lines) == reading.lines
    assert not reading.faults
    assert not reading.remarks
