"""The host's import, step by step: one mailbox that is refused stops no other, and only what was shown is done."""

from __future__ import annotations

import json
from contextlib import nullcontext
from io import StringIO
from typing import Any

import pytest
from holders import rpps

from vaguemestre.host.mailboxes import importing
from vaguemestre.host.mailboxes.bal import IMPORT, Domain, Mailbox, Site
from vaguemestre.host.mailboxes.importing import run
from vaguemestre.host.mailboxes.roster import Roster, Row
from vaguemestre.host.mailboxes.store import EntryError

DOMAIN = "pasteur.test"
SITE = Site({DOMAIN: Domain(DOMAIN, "Clinique Pasteur", "1270000999", 2048)}, f"postmaster@{DOMAIN}")
PASSWORDS = {f"a{number}@{DOMAIN}": f"essai-{number}" for number in range(4)}


class Directory:
    """Mailboxes in memory; refuses whatever concerns the addresses in `refused`."""

    def __init__(self, *boxes: Mailbox, refused: frozenset[str] = frozenset()) -> None:
        self.boxes = {box.address: box for box in boxes}
        self.passwords: dict[str, str] = {}
        self.refused = refused

    def all(self) -> list[Mailbox]:
        return list(self.boxes.values())

    def without_password(self) -> set[str]:
        return self.boxes.keys() - self.passwords.keys()

    def add(self, box: Mailbox) -> None:
        if box.address in self.refused:
            raise EntryError("constraint violation")
        self.boxes[box.address] = box

    def change(self, _: Mailbox, after: Mailbox) -> None:
        self.add(after)

    def set_password(self, address: str, password: str) -> None:
        self.passwords[address] = password


@pytest.fixture(autouse=True)
def put_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose sessions were ended."""
    ended: list[str] = []
    monkeypatch.setattr(importing, "site", lambda: SITE)
    monkeypatch.setattr(importing, "one_entry", nullcontext)
    monkeypatch.setattr(importing, "end_sessions", ended.append)
    return ended


def roster(*numbers: int, **rules: Any) -> Roster:
    rows = (Row(n, {"address": f"a{n}@{DOMAIN}", "person": rpps(n)}) for n in numbers)
    return Roster((DOMAIN,), tuple(rows), **rules)


def done(directory: Directory, asked: Roster, passwords: dict[str, str] | None = None, expect: str = "") -> Any:
    return run(directory, asked, passwords or {}, False, expect)  # type: ignore[arg-type]


def test_one_that_is_refused_is_named_and_stops_no_other() -> None:
    directory = Directory(refused=frozenset({f"a1@{DOMAIN}"}))
    said = done(directory, roster(0, 1, 2), PASSWORDS)
    assert said["done"]["open"] == 2
    assert said["failures"] == [{"address": f"a1@{DOMAIN}", "message": "constraint violation"}]
    assert directory.passwords.keys() == {f"a0@{DOMAIN}", f"a2@{DOMAIN}"} == set(said["passwords_set"])
    assert done(Directory(*directory.all()), roster(0, 1, 2))["done"]["open"] == 1  # the next run does the rest


def test_a_password_that_is_there_is_never_replaced() -> None:
    directory = Directory()
    done(directory, roster(0), PASSWORDS)
    directory.passwords[f"a0@{DOMAIN}"] = "of my own"
    assert done(directory, roster(0), PASSWORDS)["passwords_set"] == []
    assert directory.passwords[f"a0@{DOMAIN}"] == "of my own"


def test_a_dry_run_tells_who_would_need_a_password_and_changes_nothing() -> None:
    directory = Directory()
    done(directory, roster(0))
    by_hand = Mailbox(f"service@{DOMAIN}", "ORG")
    directory.add(by_hand)
    said = run(directory, roster(0, 1), {}, True, "")  # type: ignore[arg-type]
    assert said["without_password"] == [f"a0@{DOMAIN}", f"a1@{DOMAIN}"]  # both of the list, and nobody else
    assert directory.boxes.keys() == {f"a0@{DOMAIN}", by_hand.address}


def test_only_the_plan_that_was_shown_is_done() -> None:
    directory = Directory()
    shown = run(directory, roster(0), {}, True, "")["plan"]["digest"]  # type: ignore[arg-type]
    directory.add(Mailbox(f"a0@{DOMAIN}", "PER", person=rpps(0)))  # somebody was faster
    assert done(directory, roster(0), expect=shown)["result"] == "refused"


def test_who_is_suspended_is_put_out_and_too_many_are_not(put_out: list[str]) -> None:
    directory = Directory()
    done(directory, roster(*range(9)))
    assert done(directory, roster(*range(4)))["result"] == "refused"
    assert put_out == []
    done(directory, roster(*range(1, 9)))
    assert put_out == [f"a0@{DOMAIN}"]
    assert directory.boxes[f"a0@{DOMAIN}"].state_by == IMPORT


def test_lines_that_cannot_be_are_told_and_nothing_is_done() -> None:
    directory = Directory(Mailbox(f"a0@{DOMAIN}", "PER", state="closed", person=rpps(0)))
    said = done(directory, roster(0, 1))
    assert said["result"] == "wrong"
    assert [one["line"] for one in said["problems"]] == [0]
    assert len(directory.boxes) == 1


def test_nobody_listening_any_more_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, _: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None: ...

    monkeypatch.setattr(importing, "_TOLD_EVERY", 0)
    monkeypatch.setattr("sys.stdout", Gone())
    assert done(Directory(), roster(*range(5)))["done"]["open"] == 5


def test_what_arrives_damaged_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importing, "_alone", nullcontext)
    monkeypatch.setattr(importing, "directory", lambda: nullcontext(Directory()))
    for damaged in ("", "[]", '{"roster": {}}', '{"roster": {"rows": 3}}'):
        monkeypatch.setattr("sys.stdin", StringIO(damaged))
        assert importing.main(True, "") == 2
        assert json.loads(capsys.readouterr().out)["result"] == "refused"
