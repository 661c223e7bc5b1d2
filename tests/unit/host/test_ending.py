"""The nightly jobs: what is told in the journal, and that one refusal stops no other."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from vaguemestre.host.mailboxes import ending
from vaguemestre.host.mailboxes.bal import Domain, Mailbox, Site
from vaguemestre.host.mailboxes.purge import remove
from vaguemestre.host.mailboxes.store import EntryError

D = "pasteur.test"
SITE = Site({D: Domain(D, "Clinique Pasteur", "1270000999", 2048)}, f"postmaster@{D}", max_purged=2)
LONG_AGO = "20200101000000Z"


def box(local: str, state: str) -> Mailbox:
    return Mailbox(f"{local}@{D}", "PER", state, since=LONG_AGO, created=LONG_AGO)


class Directory:
    """Mailboxes in memory; refuses to change what is in `refused`, and knows `meanwhile` better than its list."""

    def __init__(self, *boxes: Mailbox, refused: str = "", meanwhile: Mailbox | None = None) -> None:
        self.boxes = {one.address: one for one in boxes}
        self.refused, self.meanwhile = refused, meanwhile

    def all(self, state: str = "") -> list[Mailbox]:
        return [one for one in self.boxes.values() if state in ("", one.state)]

    def get(self, address: str) -> Mailbox | None:
        if self.meanwhile and self.meanwhile.address == address:
            return self.meanwhile
        return self.boxes.get(address)

    def change(self, before: Mailbox, after: Mailbox) -> None:
        if before.local == self.refused:
            raise EntryError("constraint violation")
        self.boxes[after.address] = after

    def states(self) -> dict[str, str]:
        return {one.local: one.state for one in self.boxes.values()}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The mail store; every mailbox that is asked for has mail in it."""
    monkeypatch.setattr(ending, "site", lambda: SITE)
    monkeypatch.setattr(ending, "one_entry", nullcontext)
    monkeypatch.setattr(ending, "remove", lambda address: remove(address, tmp_path))
    for local in ("anne", "paul", "marie"):
        (tmp_path / D / local / "Maildir").mkdir(parents=True)
    return tmp_path / D


def left(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_states_move_on_each_with_a_line_and_one_refusal_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    directory = Directory(box("anne", "closed"), box("paul", "closed"), box("marie", "active"), refused="anne")
    assert ending.expire(directory) == 1  # type: ignore[arg-type]
    assert directory.states() == {"anne": "closed", "paul": "quarantined", "marie": "active"}
    said = capsys.readouterr()
    assert said.out == f"paul@{D} was closed since {LONG_AGO} and is quarantined now\n"
    assert said.err == f"anne@{D} stays closed: constraint violation\n"


def test_what_waits_for_another_night_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    directory = Directory(*(box(name, "quarantined") for name in ("anne", "paul", "marie")))
    assert ending.expire(directory) == 0  # type: ignore[arg-type]
    assert sorted(directory.states().values()) == ["purged", "purged", "quarantined"]
    assert "1 more are due; at most 2" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["requested", "active", "suspended", "closed", "quarantined"])
def test_only_what_is_purged_loses_its_mail(here: Path, state: str) -> None:
    assert ending.purge(Directory(box("anne", state), box("paul", "purged"))) == 0  # type: ignore[arg-type]
    assert left(here) == {"anne", "marie"}


def test_an_address_that_began_anew_meanwhile_keeps_its_mail(here: Path) -> None:
    again = replace(box("anne", "active"), created="20360101000000Z")
    assert ending.purge(Directory(box("anne", "purged"), meanwhile=again)) == 0  # type: ignore[arg-type]
    assert "anne" in left(here)


def test_what_lies_in_the_way_of_one_stops_no_other(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "anne" / "Maildir").rmdir()
    (here / "anne").rmdir()
    (here / "anne").symlink_to(here / "marie")
    assert ending.purge(Directory(box("anne", "purged"), box("paul", "purged"))) == 1  # type: ignore[arg-type]
    assert left(here) == {"anne", "marie"}
    said = capsys.readouterr()
    assert f"anne@{D}: its mail was not removed" in said.err
    assert f"paul@{D} is purged since" in said.out
