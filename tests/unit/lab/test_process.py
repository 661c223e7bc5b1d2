"""Only a process that the lab started is ever ended: the pid alone proves nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vaguemestre.lab import LabError
from vaguemestre.lab.process import Process, lock, run, start


def test_a_started_process_is_found_again_and_ended(tmp_path: Path) -> None:
    started = start(["sleep", "60"], tmp_path / "record", tmp_path / "log")
    assert Process.load(tmp_path / "record") == started
    started.end()
    assert Process.load(tmp_path / "record") is None


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    stubborn = start(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], tmp_path / "record", tmp_path / "log")
    stubborn.end(patience=0.3)
    assert Process.of(stubborn.pid) is None


def test_another_process_with_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        found = Process.of(stranger.pid)
        assert found is not None
        Process(found.pid, found.started - 1).save(tmp_path / "record")
        assert Process.load(tmp_path / "record") is None
        Process(found.pid, found.started - 1).end()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("spoilt", ["", "12", "x y", "1 2 3"])
def test_a_spoilt_record_names_nobody(tmp_path: Path, spoilt: str) -> None:
    (tmp_path / "record").write_text(spoilt)
    assert Process.load(tmp_path / "record") is None


def test_a_command_that_fails_is_quoted_with_its_last_words() -> None:
    with pytest.raises(LabError, match=r"`sh -c .*failed \(3\):\n.*nobody home"):
        run(["sh", "-c", "echo nobody home >&2; exit 3"])


def test_a_program_that_is_missing_has_a_way_out() -> None:
    with pytest.raises(LabError, match="script/lab-requirements"):
        run(["vaguemestre-no-such-program"])


def test_who_waits_for_a_lock_says_so(tmp_path: Path) -> None:
    holder = subprocess.Popen(["flock", tmp_path / "lock", "sh", "-c", "echo held; sleep 0.5"], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    said: list[str] = []
    with lock(tmp_path / "lock", said.append, "the images"):
        assert said == ["waiting for another process to finish with the images"]
    holder.communicate()
