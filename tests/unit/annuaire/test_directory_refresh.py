"""Weeks of the national directory rehearsed: who is found, whatever the source publishes, and nobody removed by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from entries import DOCTOR, TEAM, text
from extraction_server import publishing
from rehearsed_directory import DAY, HOUR, START, Host, KilledError, host, people, publish

from vaguemestre.host.annuaire import refresh as refreshing
from vaguemestre.host.annuaire.alarms import alarms
from vaguemestre.host.annuaire.delta import mark
from vaguemestre.host.annuaire.run import BusyError, alone

pytestmark = pytest.mark.slow

PEOPLE = people(100)
FOUND = {one.address for one in PEOPLE}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Host]:
    """A host on the day of its first extraction, not yet asked for."""
    with publishing(tmp_path) as site:
        publish(site, tmp_path, START, PEOPLE)
        yield host(tmp_path, site)


@pytest.fixture
def filled(one: Host) -> Host:
    one.run(START + HOUR)
    assert one.found == FOUND
    one.site.asked.clear()
    return one


def names(known: Host, at: int = 0) -> list[str]:
    return [alarm.key + " " + alarm.stage for alarm in alarms(known.state, known.settings, START + at * DAY)]


def test_the_first_extraction_fills_the_directory(one: Host) -> None:
    report = one.run(START + HOUR)
    assert one.found == FOUND
    assert [event["event"] for event in report.events] == ["taken", "applied"]
    assert one.state.held is not None
    assert (one.state.held.mailboxes, one.state.coming) == (100, None)
    assert one.branch.said == mark(one.state.held.name, {"ours.test"})


def test_what_is_not_new_is_not_fetched(filled: Host) -> None:
    filled.run(START + 2 * HOUR)
    assert filled.site.methods() == ["HEAD"]


def test_nobody_is_asked_before_it_is_time(filled: Host) -> None:
    filled.run(START + HOUR + timedelta(minutes=30))
    assert filled.site.asked == []
    filled.run(START + HOUR + timedelta(minutes=31), force=True)
    assert filled.site.methods() == ["HEAD"]


def test_a_day_later_who_came_is_found_and_who_left_is_not(filled: Host, tmp_path: Path) -> None:
    moved, looked = PEOPLE[5]._replace(family_name="AUTRE"), filled.branch.looked
    publish(filled.site, tmp_path, START + DAY, [moved, *(p for p in PEOPLE[1:] if p != PEOPLE[5]), *people(2, 100)])
    report = filled.run(START + DAY + HOUR)
    assert filled.found == (FOUND - {"p0@clinique.mssante.test"}) | {f"p{n}@clinique.mssante.test" for n in (100, 101)}
    assert filled.branch.entries[moved.address]["sn"] == ["AUTRE"]
    assert report.events[-1]["done"] == "2 added, 1 changed, 1 removed"
    assert filled.branch.looked == looked, "not every entry was asked for"


def test_our_own_mailboxes_are_not_the_nations_business_here(one: Host, tmp_path: Path) -> None:
    publish(one.site, tmp_path, START, [*PEOPLE, *people(3, domain="ours.test")])
    one.run(START + HOUR)
    assert one.found == FOUND


def test_a_domain_that_becomes_ours_leaves_the_nations_branch(filled: Host) -> None:
    filled.settings = replace(filled.settings, own_domains=frozenset({"ours.test", "clinique.mssante.test"}))
    filled.run(START + 2 * HOUR)
    assert filled.found == set()
    filled.settings = replace(filled.settings, own_domains=frozenset({"ours.test"}))
    filled.run(START + 3 * HOUR)
    assert filled.found == FOUND


def test_half_a_file_removes_nobody_and_waits_with_its_reasons(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, PEOPLE[:50])
    filled.run(START + DAY + HOUR)
    assert filled.found == FOUND
    waiting = filled.state.waiting
    assert waiting is not None
    assert "50 of 100 (50.0 %) mailboxes would go; 2 % is the limit" in waiting.why
    assert any("domain clinique.mssante.test loses 50 of 100" in why for why in waiting.why)
    assert names(filled, 1) == ["quarantine waiting"]


def test_what_waits_is_not_fetched_again_and_again(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, PEOPLE[:50])
    filled.run(START + DAY + HOUR)
    filled.run(START + DAY + 3 * HOUR)
    assert filled.site.methods() == ["HEAD", "GET", "HEAD"]


def test_a_whole_file_after_the_half_one_is_taken_and_nothing_waits_any_more(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, PEOPLE[:50])
    filled.run(START + DAY + HOUR)
    publish(filled.site, tmp_path, START + 2 * DAY, [*PEOPLE, *people(1, 100)])
    filled.run(START + 2 * DAY + HOUR)
    assert len(filled.found) == 101
    assert filled.state.waiting is None


@pytest.mark.parametrize(
    ("lines", "slug"), [(people(10), "unfit"), ([], "unfit"), ([*people(60), "PER|p61@clinique.mssante.t"], "unfit")]
)
def test_a_file_below_the_floor_or_cut_short_is_no_use_whoever_approves(
    filled: Host, tmp_path: Path, lines: list[object], slug: str
) -> None:
    publish(filled.site, tmp_path, START + DAY, lines)  # type: ignore[arg-type]
    if lines and isinstance(lines[-1], str):
        spoilt = text(*lines)[:-1]  # type: ignore[arg-type]
        filled.site.body, filled.site.name = spoilt, filled.site.name.replace(".zip", ".txt")
    filled.run(START + DAY + HOUR)
    assert filled.found == FOUND
    assert (filled.state.waiting, filled.state.source(filled.site.url).failure) == (None, slug)


def test_the_same_useless_file_is_not_fetched_twice_and_stays_an_alarm(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, people(10))
    filled.run(START + DAY + HOUR)
    filled.run(START + DAY + 2 * HOUR)
    assert filled.site.methods() == ["HEAD", "GET", "HEAD"]
    assert names(filled, 1) == [f"refused {filled.site.url} unfit"]


def test_a_useless_file_is_judged_again_when_somebody_changed_what_is_asked_of_it(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, people(10))
    filled.run(START + DAY + HOUR)
    limits = filled.settings.limits
    fewer = replace(limits, file=replace(limits.file, mailboxes=5))
    now_enough = replace(filled, settings=replace(filled.settings, limits=fewer))
    now_enough.run(START + DAY + 2 * HOUR)
    assert now_enough.state.waiting is not None, "nine of ten are gone: somebody has to agree, and now can"


def test_an_older_extraction_changes_nothing(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START - DAY, PEOPLE[:99])
    filled.run(START + DAY)
    assert filled.found == FOUND
    assert filled.state.source(filled.site.url).failure == "stale"


def test_the_same_people_in_another_order_and_twice_are_the_same_people(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, [*reversed(PEOPLE), *PEOPLE[:4]])
    writes = filled.branch.writes
    filled.run(START + DAY + HOUR)
    assert filled.branch.writes == writes
    assert filled.state.held is not None
    assert filled.state.held.generated == START + DAY, "it is as new as what was published last"


def test_badly_encoded_lines_remove_nobody(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, PEOPLE)
    latin = text(*(p._replace(given_name="Zoé") for p in PEOPLE)).decode().encode("latin-1")
    filled.site.body, filled.site.name = latin, filled.site.name.replace(".zip", ".txt")
    filled.run(START + DAY + HOUR)
    assert filled.found == FOUND
    assert filled.state.source(filled.site.url).failure in ("unfit", "damaged")


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>", b"PK\x03\x04 and then nothing", b"Nom;Prenom\nA;B\n", b""])
def test_what_is_no_extraction_changes_nothing(filled: Host, body: bytes) -> None:
    filled.site.body, filled.site.etag = body, '"odd"'
    filled.site.name = filled.site.name.replace("20261009", "20261010")
    filled.run(START + DAY + HOUR)
    assert filled.found == FOUND
    assert filled.state.source(filled.site.url).failure


def test_a_silence_of_ten_days_removes_nobody_and_is_told_in_two_stages(filled: Host) -> None:
    filled.site.status = 503
    told = []
    for hours in range(6, 15 * 24, 6):
        filled.run(START + hours * HOUR)
        stages = [one.stage for one in alarms(filled.state, filled.settings, START + hours * HOUR)]
        if stages != (told[-1][1] if told else []):
            told.append((hours, stages))
    assert filled.found == FOUND
    assert told == [(48, ["alarm"]), (240, ["page"])]


def test_who_is_away_is_asked_less_and_less_often(filled: Host) -> None:
    filled.site.status = 503
    for quarter in range(8, 8 + 48):
        filled.run(START + quarter * HOUR / 4)
    assert len(filled.site.asked) <= 13, "half a day, hourly at most"


def test_after_the_silence_everything_is_as_published(filled: Host, tmp_path: Path) -> None:
    filled.site.status = 503
    for day in range(1, 11):
        filled.run(START + day * DAY)
    publish(filled.site, tmp_path, START + 11 * DAY, [*PEOPLE[1:], *people(5, 100)])
    filled.run(START + 11 * DAY)
    assert len(filled.found) == 104
    assert names(filled, 11) == []


def test_a_server_that_asks_for_patience_gets_it(filled: Host) -> None:
    filled.site.status, filled.site.headers = 429, {"Retry-After": "7200"}
    filled.run(START + 2 * HOUR)
    asked = len(filled.site.asked)
    filled.run(START + 3 * HOUR)
    assert len(filled.site.asked) == asked
    filled.run(START + 4 * HOUR)
    assert len(filled.site.asked) == asked + 1


def test_a_mirror_is_asked_when_the_first_gives_nothing(one: Host, tmp_path: Path) -> None:
    with publishing(tmp_path) as mirror:
        publish(mirror, tmp_path, START, PEOPLE)
        one.settings = replace(one.settings, mirror=mirror.url)
        one.run(START + HOUR)
        assert mirror.asked == []
        one.site.status = 500
        publish(mirror, tmp_path, START + DAY, PEOPLE[1:])
        one.run(START + DAY + HOUR)
    assert len(one.found) == 99


@pytest.mark.parametrize("writes", [0, 1, 2, 5, 9])
def test_killed_in_the_middle_the_next_run_goes_on_and_asks_nobody(filled: Host, tmp_path: Path, writes: int) -> None:
    publish(filled.site, tmp_path, START + DAY, [TEAM, DOCTOR, *PEOPLE[2:], *people(5, 100)])
    filled.branch.dies_after = filled.branch.writes + writes
    with pytest.raises(KilledError):
        filled.run(START + DAY + HOUR)
    filled.branch.dies_after = None
    filled.site.status = 500
    filled.run(START + DAY + HOUR, resume=True)
    assert len(filled.found) == 105
    assert filled.state.coming is None


def test_the_directory_is_marked_before_the_first_write_and_only_then(filled: Host, tmp_path: Path) -> None:
    filled.places.unsettled.unlink()
    filled.run(START + 2 * HOUR)
    assert not filled.places.unsettled.exists()
    publish(filled.site, tmp_path, START + DAY, PEOPLE[1:])
    filled.branch.dies_after = filled.branch.writes
    with pytest.raises(KilledError):
        filled.run(START + DAY + HOUR)
    assert filled.places.unsettled.exists()


def test_without_slapd_nothing_is_forgotten_and_somebody_is_told(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, PEOPLE[1:])
    filled.branch.away = True
    filled.run(START + DAY + HOUR)
    assert names(filled, 1) == ["trouble trouble"]
    filled.branch.away = False
    filled.run(START + DAY + HOUR + timedelta(minutes=15))
    assert len(filled.found) == 99
    assert names(filled, 1) == []


def test_a_directory_that_lost_what_it_held_is_filled_again(filled: Host) -> None:
    filled.branch.entries.clear()
    filled.branch.said = ""
    filled.run(START + 2 * HOUR)
    assert filled.found == FOUND


def test_a_directory_without_so_much_as_a_branch_is_left_to_the_privileged_step(filled: Host) -> None:
    filled.branch.entries.clear()
    filled.branch.said = None
    filled.run(START + 2 * HOUR)
    assert filled.state.load
    assert filled.branch.said is None
    filled.branch.said = ""  # slapadd would have done more
    filled.run(START + 2 * HOUR, resume=True)
    assert filled.found == FOUND


def test_entries_of_an_older_form_are_written_anew_though_the_nation_says_the_same(filled: Host) -> None:
    for entry in filled.branch.entries.values():
        entry["cn"] = ["as it was made before"]
    filled.branch.said = (filled.branch.said or "").replace("format 1", "format 0")
    filled.branch.dies_after = filled.branch.writes + 50
    with pytest.raises(KilledError):
        filled.run(START + 2 * HOUR)
    filled.branch.dies_after = None
    filled.run(START + 2 * HOUR)
    assert all("FICTIF" in entry["cn"][0] for entry in filled.branch.entries.values())


def test_once_a_week_every_entry_is_looked_at_whatever_the_directory_says_of_itself(filled: Host) -> None:
    filled.branch.entries.pop("p7@clinique.mssante.test")
    filled.branch.entries["p8@clinique.mssante.test"]["vgmFingerprint"] = ["0spoilt"]
    filled.run(START + 6 * DAY)
    assert filled.found != FOUND
    report = filled.run(START + 8 * DAY)
    assert filled.found == FOUND
    assert report.events[-1]["done"] == "1 added, 1 changed, 0 removed"


def test_a_forgotten_state_is_made_anew_and_a_short_file_is_held_back_all_the_same(
    filled: Host, tmp_path: Path
) -> None:
    filled.places.state.write_text("{")
    publish(filled.site, tmp_path, START + DAY, PEOPLE[:50])
    filled.run(START + DAY + HOUR)
    assert filled.found == FOUND
    assert filled.state.waiting is not None


def test_without_anything_to_compare_with_nothing_is_taken(filled: Host, tmp_path: Path) -> None:
    filled.places.state.unlink()
    filled.branch.away = True
    publish(filled.site, tmp_path, START + DAY, PEOPLE[:50])
    filled.run(START + DAY + HOUR)
    assert (filled.state.coming, filled.state.held) == (None, None)


def test_a_kept_file_that_was_spoilt_is_fetched_again_and_nobody_is_removed(filled: Host) -> None:
    assert filled.state.held is not None
    kept = filled.places.kept / filled.state.held.name
    (kept / "digest").write_bytes(b"spoilt")
    filled.branch.said = ""
    filled.run(START + 2 * HOUR)
    filled.run(START + 3 * HOUR)
    assert filled.found == FOUND
    assert filled.state.trouble == ""


def test_two_runs_at_once_are_one(filled: Host) -> None:
    with alone(filled.places), pytest.raises(BusyError):
        filled.run(START + 2 * HOUR)


def test_a_load_that_is_too_much_for_a_delta_is_left_to_the_privileged_step(
    one: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = refreshing.applying.wanted
    monkeypatch.setattr(refreshing.applying, "wanted", lambda differences: real(differences, most=20))
    report = one.run(START + HOUR)
    assert (one.found, report.state.load) == (set(), True)
    assert one.state.coming is not None
    failed = one.run(START + HOUR, resume=True)
    assert "slapadd" in failed.state.trouble
    one.branch.entries = {p.address: {"mail": [p.address], "vgmFingerprint": ["0"]} for p in PEOPLE}
    one.branch.said = mark(one.state.coming.name, one.settings.own_domains)
    done = one.run(START + HOUR, resume=True)
    assert (done.state.load, done.state.coming, done.state.trouble) == (False, None, "")
    assert done.state.held is not None


def test_nobodys_address_is_in_what_is_kept_for_people_to_read(filled: Host, tmp_path: Path) -> None:
    publish(filled.site, tmp_path, START + DAY, PEOPLE[:50])
    filled.run(START + DAY + HOUR)
    for path in (filled.places.history, filled.places.state, filled.places.alarms, filled.places.metrics):
        assert "p60@" not in path.read_text()


def test_numbers_are_there_for_who_watches(filled: Host) -> None:
    page = filled.places.metrics.read_text()
    assert "vaguemestre_directory_mailboxes 100" in page
    assert f"vaguemestre_directory_generated_seconds {START.timestamp():.15g}" in page


def test_only_the_account_reads_what_is_kept_but_for_the_numbers(filled: Host) -> None:
    for path in filled.places.root.rglob("*"):
        assert path == filled.places.metrics or path.stat().st_mode & 0o027 == 0, path


def test_what_is_no_longer_needed_goes(filled: Host, tmp_path: Path) -> None:
    for day in range(1, 4):
        publish(filled.site, tmp_path, START + day * DAY, [*PEOPLE, *people(day, 100)])
        filled.run(START + day * DAY + HOUR)
    assert len(list(filled.places.kept.iterdir())) == 1
    assert json.loads(filled.places.state.read_text())["waiting"] is None
