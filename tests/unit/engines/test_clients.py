"""Many hosts are asked at once by OpenSSH's client, and each failure is told with its way out.

A stand-in plays `ssh`: it does what the host's address says.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vaguemestre.engines import clients
from vaguemestre.engines.clients import Answered, Question, arguments
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble

STAND_IN = r"""#!/bin/sh
while [ "$1" != -l ]; do shift; done
case "$2 $3" in
    *" echo") cat; echo told >&2; exit 3 ;;
    *" dead") echo "ssh: connect to host dead port 22: Connection timed out" >&2; exit 255 ;;
    *" full") echo "kex_exchange_identification: banner exchange: Connection reset by peer" >&2; exit 255 ;;
    *" other") printf 'IDENTIFICATION HAS CHANGED!\nThe fingerprint is\nSHA256:abc/d+.\n' >&2
               echo "Host key verification failed." >&2; exit 255 ;;
    *" unknown") echo "Host key verification failed." >&2; exit 255 ;;
    *" refused" | "kit bare") echo "me@x: Permission denied (publickey)." >&2; exit 255 ;;
    "root bare") exit 0 ;;
    *" cut") echo half; exit 255 ;;
    *" slow") exec sleep 20 ;;
    *" brief") sleep 0.2 ;;
esac
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text(STAND_IN)
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def target(address: str, *, user: str = "kit", key: str | None = None) -> Target:
    return Target(f"{address}.test", address, 22, user, "root", key, "/book")


def ask(*addresses: str, **more: float) -> dict[str, Answered]:
    questions = [Question(target(one), "true") for one in addresses]
    return {one.target.address: one for one in clients.ask(questions, b"a question\n", **more)}  # type: ignore[arg-type]


def test_each_host_reads_the_whole_question_and_its_answer_is_told() -> None:
    found = ask("echo", "brief")
    assert found["echo"].outcome == Ran(b"a question\n", b"told\n", 3)
    assert found["brief"].outcome == Ran(b"", b"", 0)
    assert 0.2 <= found["brief"].received - found["brief"].asked < 5


@pytest.mark.parametrize(
    ("address", "trouble", "words"),
    [
        ("dead", Trouble.UNREACHABLE, "does not answer by SSH: Connection timed out"),
        ("full", Trouble.UNREACHABLE, "PerSourcePenalties"),
        ("other", Trouble.CHANGED_KEY, "its host key SHA256:abc/d+ is not the one in /book"),
        ("unknown", Trouble.UNKNOWN_KEY, "ssh-keyscan -p 22 unknown"),
        ("refused", Trouble.REFUSED, "the user kit and for the user root"),
        ("bare", Trouble.BARE, "vaguemestre bootstrap bare.test"),
        ("cut", Trouble.LOST, "the link was cut"),
    ],
)
def test_a_failure_is_told_with_its_way_out(address: str, trouble: Trouble, words: str) -> None:
    outcome = ask(address)[address].outcome
    assert isinstance(outcome, Failure)
    assert outcome.trouble is trouble
    assert words in outcome.message


def test_a_host_that_never_ends_its_answer_holds_nobody_up() -> None:
    began = time.monotonic()
    found = ask("slow", "echo", patience=0.3)
    assert time.monotonic() - began < 5
    assert isinstance(found["echo"].outcome, Ran)
    slow = found["slow"].outcome
    assert isinstance(slow, Failure)
    assert (slow.trouble, "no answer in time" in slow.message) == (Trouble.UNREACHABLE, True)


def test_hosts_are_asked_side_by_side_but_not_all_at_once() -> None:
    began = time.monotonic()
    assert len(ask(*(f"{number} brief" for number in range(4)), at_once=2)) == 4
    assert time.monotonic() - began >= 0.4


def test_a_caller_who_stops_listening_leaves_no_client_behind() -> None:
    answers = clients.ask([Question(target("echo"), "true"), Question(target("slow"), "true")], b"")
    next(answers)
    began = time.monotonic()
    answers.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 5


def test_nobody_is_asked_for_a_password_and_nothing_is_taken_on_trust() -> None:
    told = arguments(Question(target("mail", key="/a key"), "sudo -n true"))
    assert told[-6:] == ["-p", "22", "-l", "kit", "mail", "sudo -n true"]
    for option in ("BatchMode=yes", 'StrictHostKeyChecking="yes"', 'UserKnownHostsFile="/book"', "ControlPath=none"):
        assert told[told.index(option) - 1] == "-o"
    assert told[told.index("-i") + 1] == "/a key"
