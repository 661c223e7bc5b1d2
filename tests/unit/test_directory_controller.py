"""The national directory asked from the controller: exit codes, one extraction approved where it waits, tables."""

from __future__ import annotations

from typing import Any

import pytest
from declared import OPERATOR, fleet

from vaguemestre.cli.directory_tables import print_answers
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit
from vaguemestre.verbs.asking import command
from vaguemestre.verbs.directory import VERB, Answers, DirectoryError, ask, waiting

AWAY = Failure(Trouble.UNREACHABLE, "mail.c.test: no route")
SHOWN: dict[str, Any] = {
    "result": "shown", "held": None, "coming": None, "waiting": None, "applied": None, "looked": None, "refused": 0,
    "trouble": "", "sources": [], "alarms": [],
}  # fmt: skip
REFRESHED: dict[str, Any] = {
    "result": "refreshed", "events": [], "failing": {}, "trouble": "", "waiting": None, "load": False, "alarms": [],
}  # fmt: skip


def waits(digest: str) -> dict[str, Any]:
    one = {"sha256": digest, "generated": "2026-10-09T03:13", "mailboxes": 5, "since": "2026-10-09T04:00",
           "summary": "50 removed of 100 mailboxes", "why": ["domain a.test loses 50 of 60 mailboxes"]}  # fmt: skip
    return {**SHOWN, "waiting": one}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (SHOWN, Exit.OK),
        ({**SHOWN, "alarms": [{}]}, Exit.CHANGES),
        (waits("a"), Exit.CHANGES),
        (REFRESHED, Exit.OK),
        ({**REFRESHED, "failing": {"u": "away"}}, Exit.FAILED),
        ({**REFRESHED, "trouble": "disk"}, Exit.FAILED),
        ({**REFRESHED, "waiting": {}, "alarms": [{}]}, Exit.CHANGES),
        ({"result": "refused", "message": "no extraction waits"}, Exit.INVALID),
        ({"result": "failed", "message": "disk"}, Exit.FAILED),
    ],
)
def test_each_answer_has_its_exit_code(said: dict[str, Any], code: Exit) -> None:
    assert Answers({"a": said}, {}).code is code


def test_one_extraction_that_waits_is_approved_where_it_waits() -> None:
    answers = Answers({"a": waits("d" * 64), "b": SHOWN, "c": waits("d" * 64)}, {})
    assert waiting(answers) == ("d" * 64, ("a", "c"))


def test_different_extractions_are_not_approved_in_one_breath() -> None:
    with pytest.raises(DirectoryError, match="--digest"):
        waiting(Answers({"a": waits("d" * 64), "b": waits("e" * 64)}, {}))


def test_nothing_to_approve_is_said_and_a_host_that_is_away_is_not_one_where_nothing_waits() -> None:
    with pytest.raises(DirectoryError, match="no extraction waits") as nothing:
        waiting(Answers({"a": SHOWN}, {}))
    assert nothing.value.exit_code is Exit.INVALID
    with pytest.raises(DirectoryError, match="no route") as away:
        waiting(Answers({}, {"c": AWAY}))
    assert away.value.exit_code is Exit.UNREACHABLE


def test_who_has_no_such_host_is_told(tmp_path: Any) -> None:
    with pytest.raises(DirectoryError, match="has the role directory"):
        ask(fleet(tmp_path, pasteur=OPERATOR), (), ["show"])


def test_what_is_asked_cannot_become_a_command() -> None:
    assert "annuaire approve 'a; reboot' --json" in command(VERB, ["approve", "a; reboot"])


def test_who_loses_how_much_is_shown_before_anybody_approves(capsys: pytest.CaptureFixture[str]) -> None:
    print_answers(Answers({"mail.a.test": waits("d" * 64), "mail.b.test": {**REFRESHED, "trouble": "[red]"}}, {}))
    shown = capsys.readouterr().out
    assert "50 removed of 100 mailboxes" in shown
    assert "domain a.test loses 50 of 60 mailboxes" in shown
    assert "[red]" in shown
