"""A person's word for an extraction that was held back; and the host's verb by which it is given."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from extraction_server import publishing
from rehearsed_directory import DAY, HOUR, START, Host, host, people, publish

from vaguemestre.host.annuaire.admin import main
from vaguemestre.host.annuaire.approval import ApprovalError, approve
from vaguemestre.host.annuaire.refresh import Report, begun, conclude

PEOPLE = people(100)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Host]:
    """A host where half of the nation waits for a person's word."""
    with publishing(tmp_path) as site:
        made = host(tmp_path, site)
        publish(site, tmp_path, START, PEOPLE)
        made.run(START + HOUR)
        publish(site, tmp_path, START + DAY, PEOPLE[:50])
        made.run(START + DAY + HOUR)
        yield made


def agreed(known: Host, digest: str, by: str = "camille@poste") -> Report:
    run = begun(known.settings, known.places, START + DAY + 2 * HOUR, known.branch.opened)
    approve(run, digest, by)
    return conclude(run)


def digest(known: Host) -> str:
    assert known.state.waiting is not None
    return known.state.waiting.kept.name


def test_with_a_persons_word_it_is_taken_and_the_history_keeps_whose(one: Host) -> None:
    report = agreed(one, digest(one)[:12])
    assert len(one.found) == 50
    assert one.state.waiting is None
    assert [event["event"] for event in report.events] == ["approved", "applied"]
    assert report.events[0]["by"] == "camille@poste"
    assert one.state.held is not None
    assert one.state.held.approved_by == "camille@poste"


@pytest.mark.parametrize("wrong", ["", "0" * 64, "abc"])
def test_the_word_is_for_the_very_extraction_that_was_looked_at(one: Host, wrong: str) -> None:
    with pytest.raises(ApprovalError, match="what waits is"):
        agreed(one, wrong)
    assert len(one.found) == 100


def test_nothing_can_be_approved_twice(one: Host) -> None:
    name = digest(one)
    agreed(one, name)
    with pytest.raises(ApprovalError, match="no extraction waits"):
        agreed(one, name)


def test_a_file_that_was_spoilt_meanwhile_is_not_taken_and_is_fetched_again(one: Host) -> None:
    name = digest(one)
    (one.places.kept / name / "digest").write_bytes(b"spoilt")
    with pytest.raises(ApprovalError, match="not whole"):
        agreed(one, name)
    assert len(one.found) == 100
    one.run(START + DAY + 4 * HOUR)
    assert digest(one) == name


@pytest.fixture
def verb(one: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> object:
    """The host's verb on this state, with the settings as a file, in JSON."""
    limits = one.settings.limits
    guard = {
        "at_least": limits.file.mailboxes, "max_unusable_percent": 0.5, "max_removed_percent": 2,
        "max_changed_percent": 25, "max_shrunk_percent": 1, "max_emptied_percent": 80, "emptied_from": 100,
    }  # fmt: skip
    plain = {
        "source": "extraction", "url": one.settings.url, "anchors": "/nowhere",
        "api": {"url": "", "calls_per_second": 1},
        "every_seconds": 3600, "max_bytes": 1 << 24, "guard": guard, "alarm_seconds": 172800, "page_seconds": 864000,
        "own_domains": ["ours.test"], "mail_host": "mail.ours.test", "postmaster": "postmaster@ours.test",
    }  # fmt: skip
    settings = tmp_path / "directory.json"
    settings.write_text(json.dumps(plain))
    if os.geteuid() == 0:
        os.chown(one.places.root, 0, 0)

    def run(*words: str) -> tuple[int, str]:
        code = main([f"--settings={settings}", f"--state={one.places.root}", *words])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run


def test_show_tells_what_waits_and_who_would_lose_how_much(verb: object) -> None:
    code, said = verb("show")  # type: ignore[operator]
    assert code == 0
    assert "domain clinique.mssante.test loses 50 of 100 mailboxes" in said
    code, said = verb("show", "--json")  # type: ignore[operator]
    assert json.loads(said)["waiting"]["mailboxes"] == 50


def test_history_tells_what_happened(verb: object) -> None:
    code, said = verb("history", "--last", "2")  # type: ignore[operator]
    assert (code, "held_back" in said) == (0, True)


def test_a_host_without_the_role_is_told_the_way_out(tmp_path: Path) -> None:
    assert main([f"--state={tmp_path / 'none'}", "show", "--json"]) == 2


def test_nothing_is_loaded_where_nothing_was_ever_taken(tmp_path: Path) -> None:
    assert main([f"--state={tmp_path}", "load"]) == 0
    assert list(tmp_path.iterdir()) == []
