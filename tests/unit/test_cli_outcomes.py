"""What became of a host: its words and its exit code."""

from __future__ import annotations

import json

import pytest

from vaguemestre.cli.outcomes import Outcome, code, findings, plain, verdict
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.trouble import Trouble
from vaguemestre.engines.wire import Applied, Change, Failed, PlanResult, Status
from vaguemestre.errors import Exit

FILE = Change("file", "/etc/postfix/main.cf", "update", "--- a\n+++ b\n")
STAYS = PlanResult("aa", "aa", ())
CHANGES = PlanResult("aa", None, (FILE,))
DONE = Applied("aa", None, True, (FILE,), 2.0)
IDLE = Applied("aa", None, False, (), 0.0)
JUDGED = Failed("judge", "postfix says no", True, "bb")
BROKEN = Failed("probe", "port 25 is silent", False, "bb")
BUSY = Failed("lock", "somebody else", True, "bb")
GONE = Failure(Trouble.UNREACHABLE, "it does not answer")
BARE = Failure(Trouble.BARE, "not prepared")
WELL = Status("aa", "2026-01-01T00:00:00Z", None, "aa", units={"postfix.service": "active"})


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], Exit.OK),
        ([STAYS, IDLE, DONE, WELL, ("python3",)], Exit.OK),
        ([STAYS, CHANGES], Exit.CHANGES),
        ([BARE], Exit.CHANGES),
        ([BUSY, CHANGES], Exit.BUSY),
        ([GONE, BUSY, DONE], Exit.UNREACHABLE),
        ([Failure(Trouble.LOST, "")], Exit.UNREACHABLE),
        ([GONE, JUDGED], Exit.FAILED),
        ([Failure(Trouble.FAILED, ""), GONE], Exit.FAILED),
    ],
)
def test_the_worst_host_gives_the_exit_code(outcomes: list[Outcome], expected: Exit) -> None:
    assert code(outcomes) is expected


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Status(None, None, None, "aa", drift=(FILE,)), "no release is live yet (1 file to come)"),
        (Status("bb", None, None, "aa"), "release bb is live, the inventory says aa"),
        (Status("aa", None, None, "aa", drift=(FILE,)), "differs: 1 file"),
        (Status("aa", None, None, "aa", stale=("nginx.service",)), "not running with what is on disk: nginx.service"),
        (Status("aa", None, None, "aa", units={"slapd.service": "failed"}), "failed: slapd.service"),
        (Status("aa", None, None, "aa", interrupted=True), "an activation was cut short"),
    ],
)
def test_whatever_keeps_a_host_from_being_as_it_should_is_found(wrong: Status, words: str) -> None:
    assert words in "; ".join(findings(wrong))
    assert code([wrong]) is Exit.CHANGES


def test_a_host_that_is_as_it_should_be_gives_no_finding() -> None:
    assert findings(WELL) == ()


def test_a_judge_that_refused_left_everything_live_as_it_was() -> None:
    assert "nothing live was changed" in verdict(JUDGED).words
    assert verdict(JUDGED).message == "postfix says no"


def test_a_host_that_could_not_be_put_back_is_said_loudly() -> None:
    assert "NOT back" in verdict(BROKEN).words


@pytest.mark.parametrize("outcome", [STAYS, CHANGES, DONE, JUDGED, WELL, GONE, ("python3",)])
def test_every_outcome_is_plain_json_that_says_what_it_is(outcome: Outcome) -> None:
    assert json.loads(json.dumps(plain(outcome)))["result"]
