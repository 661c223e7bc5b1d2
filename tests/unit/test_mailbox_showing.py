"""What an administrator sees of mailboxes; whatever stands in a text, it is text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from vaguemestre.cli.mailbox_showing import detailed, merged, show_counts, show_one, table
from vaguemestre.host.mailboxes.bal import Mailbox
from vaguemestre.verbs.mailbox import Answer

ANNE = Mailbox(
    "anne@pasteur.test", "PER", since="20261123040000Z", created="20261101080000Z", person="10009990010",
    display="Anne ESSAI", redlist="none", paperless="O", paperless_by="holder",
)  # fmt: skip


def shown(box: Mailbox, facts: Mapping[str, Any]) -> dict[str, str]:
    return dict(detailed(Answer("shown", (box,), facts=facts)))


def test_one_mailbox_is_shown_with_its_dates_and_what_was_chosen() -> None:
    said = shown(replace(ANNE, senders=("a@x.test", "b@x.test")), {"has_password": True})
    assert said["since"] == "2026-11-23 04:00 UTC"
    assert (said["no more paper"], said["said by"]) == ("O", "holder")
    assert said["sent from by"] == "a@x.test, b@x.test"
    assert "password" not in said


def test_what_time_will_do_is_said_before_it_does_it() -> None:
    facts = {"leaves": "20270221040000Z", "free": "20361123040000Z"}
    said = shown(replace(ANNE, state="quarantined"), facts)
    assert said["on 2027-02-21 04:00 UTC"].startswith("purged")
    assert said["address free"] == "not before 2036-11-23 04:00 UTC"


def test_a_mailbox_of_an_older_release_is_said_to_be_hidden() -> None:
    assert "shown to nobody" in shown(replace(ANNE, redlist=""), {})["red list"]


@pytest.mark.parametrize("text", ["[bold]x", "[/nothing]", "=cmd|' /C calc'!A0", "\x1b[2Jx", "a\nb", "*)(uid=*"])
def test_no_text_of_a_mailbox_steers_the_terminal_or_breaks_the_table(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    box = replace(ANNE, display=text, redlist=text, paperless=text)
    table([box])
    show_one(Answer("shown", (box,)))
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert text.split("\n")[0].lstrip("\x1b")[:6] in said


def test_the_numbers_of_several_hosts_are_added(capsys: pytest.CaptureFixture[str]) -> None:
    one = {"state": {"active": 2}, "kind": {"PER": 2}, "paperless": {"O": 1, "unknown": 1}, "redlist": {"none": 2}}
    counts = merged([one, {"state": {"active": 1, "closed": 4}, "kind": {"ORG": 1}, "paperless": {"N": 1}}])
    assert counts["state"] == {"active": 3, "closed": 4}
    show_counts(counts)
    said = capsys.readouterr().out.splitlines()
    assert said[0].split(maxsplit=1) == ["state:", "4 closed, 3 active"]
    assert said[3].split(maxsplit=1) == ["paper:", "1 paperless, 1 not said, 1 with paper"]
