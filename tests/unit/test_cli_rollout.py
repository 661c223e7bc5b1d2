"""How `vaguemestre rollout` calls Ansible, and what it tells of rollouts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from declared import OPERATOR, write

from vaguemestre.cli import main
from vaguemestre.cli.rollout import arguments
from vaguemestre.rollouts import record as recorded
from vaguemestre.rollouts.record import HostRecord, Record, Result

HOSTS = (
    HostRecord("a.test", "site-a", 1, "aa" * 32, Result.PUT_BACK, "put back, because of b.test", "00" * 32, began="x"),
    HostRecord("b.test", "site-b", 1, "bb" * 32, Result.FAILED, "postfix says no", "11" * 32, "11" * 32, began="x"),
    HostRecord("c.test", "site-c", 2, "cc" * 32, Result.NOT_BEGUN, "its wave was not reached"),
)
FAILED = Record(
    id="20261123T140501Z-1f0c",
    by="agency@controller.test",
    kit="0.1.0",
    revision="0123456789abcdef+",
    began="2026-11-23T14:05:01Z",
    noted="2026-11-23T14:06:11Z",
    ended="2026-11-23T14:06:11Z",
    hosts=HOSTS,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An inventory whose controller has made one rollout, which failed."""
    found = write(tmp_path, pasteur=OPERATOR)
    recorded.write(found / "records/rollouts" / f"{FAILED.id}.json", FAILED)
    return found


@contextmanager
def ends_with(code: int) -> Iterator[None]:
    with pytest.raises(SystemExit) as ended:
        yield
    assert (ended.value.code or 0) == code


def test_ansible_is_told_which_rollout_goes_on_and_with_which_hosts() -> None:
    called = arguments(rollout=FAILED.id, limit=["a.test", "b.test"], forks=5, verbose=2)
    assert {"--limit=a.test,b.test", "--forks=5", "-vv", f'--extra-vars={{"rollout": "{FAILED.id}"}}'} <= set(called)
    assert called[-1].endswith("playbooks/rollout.yml")


def test_the_history_says_who_when_and_how_it_ended(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ends_with(0):
        main(["rollout", "history", "-i", str(root)])
    (row,) = (line for line in capsys.readouterr().out.splitlines() if FAILED.id in line)
    assert row.split() == [
        FAILED.id, "agency@controller.test", "2026-11-23", "14:05:01", "1", "min", "10", "s", "0123456789+", "0.1.0",
        "3", "failed",
    ]  # fmt: skip


def test_one_rollout_is_shown_host_by_host_with_the_reason_and_the_way_on(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ends_with(0):
        main(["rollout", "show", "-i", str(root)])
    printed = capsys.readouterr().out
    assert "b.test   bbbbbbbbbbbb   111111111111   failed, what was before is live" in printed
    assert "b.test: postfix says no" in printed
    assert f"vaguemestre rollout resume {FAILED.id}" in printed


def test_programs_get_the_record_and_how_it_stands(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ends_with(0):
        main(["rollout", "show", "20261123", "--json", "-i", str(root)])
    told = json.loads(capsys.readouterr().out)
    assert (told["ending"], told["hosts"][1]["result"], told["hosts"][1]["live"]) == ("failed", "failed", "11" * 32)


def test_a_name_alone_starts_a_rollout_of_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ends_with(2):
        main(["rollout", "pasteurr", "-i", str(root)])
    assert "did you mean pasteur?" in capsys.readouterr().err


def test_a_rollout_that_is_not_recorded_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ends_with(2):
        main(["rollout", "resume", "2025", "-i", str(root)])
    assert "none is recorded" in capsys.readouterr().err
