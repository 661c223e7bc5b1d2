"""The trust space asked from the controller: what hosts say together, and the exit code of all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from declared import OPERATOR, SECOND, fleet

from vaguemestre.cli.trust_tables import print_answers
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit
from vaguemestre.verbs.asking import answer, command
from vaguemestre.verbs.trust import VERB, Answers, TrustError, alike, ask, waiting

AWAY = Failure(Trouble.UNREACHABLE, "mail.c.test: no route")
SHOWN: dict[str, Any] = {
    "result": "shown", "list": None, "quarantine": None, "crls": [], "sources": [], "own": [], "certificate": None,
    "alarms": [],
}  # fmt: skip


def different(digest: str) -> dict[str, Any]:
    quarantine = {"digest": digest, "generated": "2026-11-23T06:00", "since": "2026-11-23T07:00", "why": ["much"]}
    return {"result": "different", "quarantine": quarantine, "held": None, "summary": "s", "moves": []}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"result": "listed"}, Exit.OK),
        ({"result": "not_listed"}, Exit.FAILED),
        ({"result": "nothing"}, Exit.OK),
        (different("a"), Exit.CHANGES),
        ({"result": "quarantined"}, Exit.CHANGES),
        ({"result": "refused"}, Exit.INVALID),
        ({"result": "failed"}, Exit.FAILED),
        (SHOWN, Exit.OK),
        ({**SHOWN, "alarms": [{}]}, Exit.CHANGES),
        ({"result": "refreshed", "failing": {}}, Exit.OK),
        ({"result": "refreshed", "failing": {"u": "away"}}, Exit.FAILED),
    ],
)
def test_each_answer_has_its_exit_code(said: dict[str, Any], code: Exit) -> None:
    assert Answers({"a": said}, {}).code is code


def test_the_worst_of_all_hosts_is_the_exit_code() -> None:
    assert Answers({"a": different("a"), "b": {"result": "listed"}}, {}).code is Exit.CHANGES
    assert Answers({"a": different("a")}, {"c": AWAY}).code is Exit.UNREACHABLE
    assert Answers({"a": {"result": "failed"}}, {"c": AWAY}).code is Exit.FAILED


def test_programs_learn_of_hosts_that_are_away_too() -> None:
    assert Answers({"a": {"result": "listed"}}, {"c": AWAY}).plain()["c"]["result"] == "unreachable"


def test_hosts_that_say_the_same_are_shown_together() -> None:
    said = {"a": {"result": "nothing"}, "b": {"result": "listed"}, "c": {"result": "nothing"}}
    assert [hosts for hosts, _ in alike(said.items())] == [["a", "c"], ["b"]]


def test_one_list_that_waits_is_approved_where_it_waits() -> None:
    answers = Answers({"a": different("d" * 64), "b": {"result": "nothing"}, "c": different("d" * 64)}, {})
    assert waiting(answers) == ("d" * 64, ("a", "c"))


def test_different_lists_are_not_approved_in_one_breath() -> None:
    with pytest.raises(TrustError, match="--digest"):
        waiting(Answers({"a": different("d" * 64), "b": different("e" * 64)}, {}))


def test_nothing_to_approve_is_said() -> None:
    with pytest.raises(TrustError, match="no list waits"):
        waiting(Answers({"a": {"result": "nothing"}}, {}))


def test_a_host_that_is_away_is_not_taken_for_one_where_nothing_waits() -> None:
    with pytest.raises(TrustError, match="no route") as failed:
        waiting(Answers({"a": {"result": "nothing"}}, {"c": AWAY}))
    assert failed.value.exit_code is Exit.UNREACHABLE


def test_without_a_host_of_that_role_nobody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="role trust"):
        ask(fleet(tmp_path, pasteur=OPERATOR, lens=SECOND), (), ["show"])


def test_a_host_that_does_not_know_the_verb_is_told_what_brings_it() -> None:
    said = answer(VERB, "mail.a.test", Ran(b"", b"usage: host.pyz VERB", 2))
    assert said["result"] == "failed"
    assert "vaguemestre apply mail.a.test" in said["message"]


def test_what_the_host_says_is_passed_on() -> None:
    assert answer(VERB, "a", Ran(json.dumps(SHOWN).encode(), b"<2>alarm", 0)) == SHOWN


def test_arguments_reach_the_host_as_they_are() -> None:
    assert "lookup 'a; reboot' --json" in command(VERB, ["lookup", "a; reboot"])


def test_what_hosts_say_is_never_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    alarm = {"name": "own", "about": "a.test", "stage": "[bold]x[/]", "since": "2026-11-23T06:00", "en": "[/] [red]"}
    print_answers(Answers({"mail.a.test": {**SHOWN, "alarms": [alarm]}, "b": {"result": "refused"}}, {"c": AWAY}))
    captured = capsys.readouterr()
    assert "[bold]x[/]" in captured.out
    assert "no route" in captured.err
