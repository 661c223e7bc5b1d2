"""The record of a rollout: what is kept, found again, and said of it as a whole."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from vaguemestre.errors import Exit
from vaguemestre.records import RecordsError
from vaguemestre.rollouts.process import Process
from vaguemestre.rollouts.record import (
    Ending,
    HostRecord,
    Options,
    Record,
    Result,
    RolloutError,
    find,
    history,
    is_id,
    new_id,
    note,
    now,
    read,
    write,
)

RECORD = Record(
    id="20261123T140501Z-1f0c",
    by="agency@controller.test",
    kit="0.1.0",
    revision="0123abc+",
    began="2026-11-23T14:05:01Z",
    noted="2026-11-23T14:05:01Z",
    process=Process.of(os.getpid()),
    options=Options(behaviour=True, allow=("trust",)),
    hosts=(
        HostRecord("a.example.test", "site-a", 1, "aa" * 32, Result.DONE, before="00" * 32, changed=True),
        HostRecord("b.example.test", "site-b", 2, "bb" * 32),
    ),
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / f"{RECORD.id}.json"
    write(path, RECORD)
    return path


def ended(*results: Result) -> Record:
    hosts = tuple(HostRecord(f"{n}.example.test", "site", 1, "aa", one) for n, one in enumerate(results))
    return replace(RECORD, ended="2026-11-23T14:09:00Z", hosts=hosts)


def test_what_is_kept_is_read_again_as_it_was(kept: Path) -> None:
    assert replace(read(kept), noted=RECORD.noted) == RECORD


def test_hosts_that_end_at_the_same_time_are_all_noted(tmp_path: Path) -> None:
    names = [f"{n}.example.test" for n in range(20)]
    path = tmp_path / f"{RECORD.id}.json"
    write(path, replace(RECORD, hosts=tuple(HostRecord(name, "site", 1, "aa") for name in names)))
    with ThreadPoolExecutor(20) as many:
        list(many.map(lambda name: note(path, name, result=Result.DONE), names))
    assert {one.result for one in read(path).hosts} == {Result.DONE}


def test_a_host_that_is_not_part_of_it_is_refused(kept: Path) -> None:
    with pytest.raises(RolloutError, match=r"c\.example\.test is not part of rollout 20261123T140501Z-1f0c"):
        note(kept, "c.example.test", result=Result.DONE)


def test_a_rollout_whose_process_lives_is_under_way() -> None:
    assert RECORD.ending is Ending.UNDER_WAY


def test_a_rollout_whose_process_is_gone_was_interrupted() -> None:
    process = subprocess.Popen(["sleep", "60"])
    record = replace(RECORD, process=Process.of(process.pid))
    assert record.ending is Ending.UNDER_WAY
    process.kill()
    process.wait()
    assert record.ending is Ending.INTERRUPTED


def test_a_rollout_on_another_machine_counts_as_under_way_while_it_may_have_a_claim() -> None:
    elsewhere = replace(Process.of(os.getpid()), host="elsewhere.test")
    assert replace(RECORD, process=elsewhere, noted=now()).ending is Ending.UNDER_WAY
    assert replace(RECORD, process=elsewhere, noted="2026-11-01T00:00:00Z").ending is Ending.INTERRUPTED


def test_what_a_process_starts_is_its_own() -> None:
    assert Process.of(os.getppid()).is_ancestor(os.getpid())
    assert not Process.of(os.getpid()).is_ancestor(os.getppid())


def test_a_process_that_has_the_number_of_another_is_not_taken_for_it() -> None:
    other = replace(Process.of(os.getpid()), started=1)
    assert replace(RECORD, process=other).ending is Ending.INTERRUPTED


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ((Result.DONE, Result.DONE), Exit.OK),
        ((Result.UNREACHABLE, Result.NOT_BEGUN), Exit.UNREACHABLE),
        ((Result.UNREACHABLE, Result.FAILED, Result.PUT_BACK), Exit.FAILED),
        ((Result.BUSY, Result.NOT_BEGUN), Exit.BUSY),
        ((Result.REFUSED, Result.NOT_BEGUN), Exit.INVALID),
    ],
)
def test_the_exit_code_is_the_worst_that_befell_a_host(results: tuple[Result, ...], code: Exit) -> None:
    assert ended(*results).exit_code is code


def test_the_last_rollout_is_found_without_its_id_and_any_by_the_beginning_of_it(tmp_path: Path) -> None:
    for id in ("20261122T100000Z-aaaa", "20261123T100000Z-bbbb"):
        write(tmp_path / f"{id}.json", replace(RECORD, id=id))
    assert find(tmp_path).stem == "20261123T100000Z-bbbb"
    assert find(tmp_path, "20261122").stem == "20261122T100000Z-aaaa"
    assert [one.id for one in history(tmp_path)] == ["20261123T100000Z-bbbb", "20261122T100000Z-aaaa"]
    with pytest.raises(RolloutError, match="2 rollouts begin so"):
        find(tmp_path, "2026")
    with pytest.raises(RolloutError, match="none is recorded"):
        find(tmp_path, "2025")


def test_what_is_no_record_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(RecordsError, match=r"x\.json: no record of a rollout"):
        history(tmp_path)
    (tmp_path / "x.json").write_text('{"format": 1, "id": 7}')
    with pytest.raises(RecordsError, match=r"x\.json: damaged"):
        history(tmp_path)


def test_an_id_of_ours_is_known() -> None:
    assert is_id(new_id())
    assert not is_id("../20261123T140501Z-1f0c")
