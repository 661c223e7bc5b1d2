"""What is told of the national directory: little, in stages, with what to do, and nobody's address."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from extraction_server import Published
from rehearsed_directory import DAY, HOUR, START, host

from vaguemestre.host.annuaire.alarms import alarms
from vaguemestre.host.annuaire.answers import text
from vaguemestre.host.annuaire.metrics import page
from vaguemestre.host.annuaire.state import Kept, State, Waiting
from vaguemestre.host.annuaire.views import show
from vaguemestre.host.trust.alarms import CRITICAL, WARNING
from vaguemestre.host.trust.sources import Source

KNOWN = host(Path("/nowhere"), Published(port=1)).settings
HELD = Kept("a" * 64, START, 557_000, START + HOUR)
WAITS = Waiting(replace(HELD, name="b" * 64), START, ("half would go", "domain a.test loses 9"), "9 removed of 10")


def told(state: State, after: timedelta) -> list[tuple[str, str, int]]:
    return [(one.name, one.stage, one.priority) for one in alarms(state, KNOWN, START + after)]


@pytest.mark.parametrize(
    ("after", "stages"),
    [
        (47 * HOUR, []),
        (48 * HOUR, [("age", "alarm", WARNING)]),
        (239 * HOUR, [("age", "alarm", WARNING)]),
        (240 * HOUR, [("age", "page", CRITICAL)]),
    ],
)
def test_an_outage_upstream_is_told_after_two_days_and_louder_after_ten(
    after: timedelta, stages: list[tuple[str, str, int]]
) -> None:
    assert told(State(held=HELD), after) == stages


def test_what_waits_is_told_at_once_and_again_when_nobody_looks() -> None:
    state = State(held=replace(HELD, generated=START + 2 * DAY), waiting=WAITS)
    assert told(state, HOUR) == [("quarantine", "waiting", WARNING)]
    assert told(state, 2 * DAY) == [("quarantine", "ignored", CRITICAL)]


def test_a_directory_that_was_never_filled_is_told_when_its_source_fails_for_hours() -> None:
    failing = Source(asked=START, failure="dns", message="no address", since=START, failures=9)
    state = State(sources={KNOWN.url: failing})
    assert told(state, 5 * HOUR) == []
    assert told(state, 6 * HOUR) == [("age", "missing", WARNING)]


def test_one_bad_download_is_nobodys_worry_the_second_is() -> None:
    once = Source(asked=START, failure="damaged", message="cut", since=START, failures=1)
    assert told(State(held=HELD, sources={KNOWN.url: once}), HOUR) == []
    twice = replace(once, failures=2)
    assert told(State(held=HELD, sources={KNOWN.url: twice}), HOUR) == [("refused", "damaged", WARNING)]


def test_every_alarm_says_in_both_languages_what_stays_and_what_to_do() -> None:
    state = State(held=HELD, waiting=WAITS, trouble="disk full", refused=3)
    for one in alarms(state, KNOWN, START + 12 * DAY):
        assert one.fr != one.en
        assert len(one.en) > 60
    assert any("vaguemestre directory approve" in one.en for one in alarms(state, KNOWN, START + DAY))


def test_numbers_for_who_watches_are_well_formed() -> None:
    state = State(held=HELD, waiting=WAITS, trouble="disk full")
    lines = list(page(state, alarms(state, KNOWN, START + DAY), START + DAY))
    assert "vaguemestre_directory_mailboxes 557000" in lines
    assert "vaguemestre_directory_waiting 1" in lines
    assert 'vaguemestre_directory_alarm{name="trouble",stage="trouble"} 1' in lines
    assert all(line.startswith(("# ", "vaguemestre_directory_")) for line in lines)


def test_who_is_logged_in_reads_why_something_waits_and_how_to_take_it(tmp_path: Path) -> None:
    from vaguemestre.host.annuaire import state
    from vaguemestre.host.annuaire.layout import Places

    places = Places(tmp_path)
    state.save(places, State(held=HELD, waiting=WAITS, trouble="disk full", refused=2))
    read = text(show(places, KNOWN, START + DAY))
    for words in ("557,000 mailboxes", "half would go", "annuaire approve bbbbbbbbbbbbbbbb", "disk full", "2 entries"):
        assert words in read
    assert text(show(Places(tmp_path / "empty"), KNOWN, START)).startswith("held         nothing")


def test_the_trust_daemon_shows_these_numbers_on_its_own_page_when_they_are_there(tmp_path: Path) -> None:
    from vaguemestre.host.annuaire import metrics
    from vaguemestre.host.trust.metrics import _other

    path = tmp_path / "metrics.prom"
    assert _other(path) == ""
    metrics.write(path, State(held=HELD), (), START)
    assert "vaguemestre_directory_mailboxes 557000\n" in _other(path)
    assert path.stat().st_mode & 0o777 == 0o644
    path.write_text("half a li")
    assert _other(path) == ""
