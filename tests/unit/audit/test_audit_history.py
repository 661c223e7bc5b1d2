"""Since when something stands has an answer, whatever was cut off, left out or did not answer in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vaguemestre.audit import history
from vaguemestre.audit.finding import Audit, Finding, HostAudit, Severity, Subject, parsed
from vaguemestre.records import RecordsError

DISK = Finding(Subject.DISK, "/var", Severity.WARN, "/var is 90 % full", "/var est pleine à 90 %")
QUEUE = Finding(Subject.QUEUE, "", Severity.BAD, "mail waits", "du courrier attend")
GONE = Finding(Subject.REACH, "", Severity.BAD, "does not answer", "ne répond pas")


def audit(at: str, **found: tuple[Finding, ...]) -> Audit:
    hosts = (HostAudit(f"{name}.test", name, 1, at, findings) for name, findings in found.items())
    return Audit(at, 1.0, "1.0", tuple(hosts))


def keep(folder: Path, *audits: Audit, known: tuple[str, ...] = ("a.test", "b.test")) -> Audit:
    for one in audits:
        kept = history.remember(folder, one, known, 13)
    return kept


def since(kept: Audit, host: str = "a.test") -> dict[str, str | None]:
    return next({one.key: one.since for one in each.findings} for each in kept.hosts if each.host == host)


def told(folder: Path, host: str | None = None) -> list[tuple[str, str, str]]:
    return [(one.at[11:16], one.what, one.key) for one in history.events(folder, host)]


def at(minute: int) -> str:
    return f"2026-11-23T14:{minute:02}:00Z"


def test_what_stands_keeps_the_moment_at_which_it_was_first_seen(tmp_path: Path) -> None:
    worse = replace(DISK, severity=Severity.BAD, en="/var is 97 % full")
    kept = keep(tmp_path, audit(at(0), a=(DISK,)), audit(at(5), a=(DISK, QUEUE)), audit(at(10), a=(worse, QUEUE)))
    assert since(kept) == {"disk /var": at(0), "queue": at(5)}
    assert told(tmp_path) == [
        ("14:00", "began", "disk /var"),
        ("14:05", "began", "queue"),
        ("14:10", "changed", "disk /var"),
    ]


def test_what_ended_is_told_and_begins_anew_when_it_comes_back(tmp_path: Path) -> None:
    kept = keep(tmp_path, audit(at(0), a=(DISK,)), audit(at(5), a=()), audit(at(10), a=(DISK,)))
    assert since(kept) == {"disk /var": at(10)}
    assert [what for _, what, _ in told(tmp_path)] == ["began", "ended", "began"]


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    keep(tmp_path, *(audit(at(minute), a=(DISK,)) for minute in range(50)))
    assert len(told(tmp_path)) == 1
    assert (tmp_path / "events-2026-11.jsonl").read_text().count("\n") == 1


def test_a_silent_host_forgets_nothing(tmp_path: Path) -> None:
    keep(tmp_path, audit(at(0), a=(DISK,)), audit(at(5), a=(GONE,)), audit(at(10), a=(GONE,)))
    kept = keep(tmp_path, audit(at(15), a=(DISK,)))
    assert since(kept) == {"disk /var": at(0)}
    assert told(tmp_path) == [("14:00", "began", "disk /var"), ("14:05", "began", "reach"), ("14:15", "ended", "reach")]


def test_hosts_that_were_not_asked_stay_as_they_were_seen(tmp_path: Path) -> None:
    kept = keep(tmp_path, audit(at(0), a=(DISK,), b=(QUEUE,)), audit(at(5), a=()))
    assert {one.host: (one.at, len(one.findings)) for one in kept.hosts} == {"a.test": (at(5), 0), "b.test": (at(0), 1)}


def test_a_host_that_left_the_inventory_is_forgotten(tmp_path: Path) -> None:
    keep(tmp_path, audit(at(0), a=(), b=(QUEUE,)))
    assert [one.host for one in keep(tmp_path, audit(at(5), a=()), known=("a.test",)).hosts] == ["a.test"]


def test_an_audit_cut_off_before_its_end_tells_everything_once(tmp_path: Path) -> None:
    """Events are there, last.json is not: the next audit writes them again."""
    keep(tmp_path, audit(at(0), a=(DISK,)))
    (tmp_path / "last.json").unlink()
    keep(tmp_path, audit(at(5), a=(DISK,)))
    assert told(tmp_path) == [("14:00", "began", "disk /var")]


def test_a_line_half_written_spoils_no_other(tmp_path: Path) -> None:
    keep(tmp_path, audit(at(0), a=(DISK,)))
    with (tmp_path / "events-2026-11.jsonl").open("a") as file:
        file.write('{"at": "2026-11-23T14:0')
    keep(tmp_path, audit(at(5), a=(DISK, QUEUE)))
    assert [key for _, _, key in told(tmp_path)] == ["disk /var", "queue"]


def test_old_months_go(tmp_path: Path) -> None:
    for month in ("2025-09", "2025-10", "2025-11"):
        (tmp_path / f"events-{month}.jsonl").touch()
    keep(tmp_path, audit(at(0)))
    assert sorted(one.name for one in tmp_path.glob("*.jsonl")) == ["events-2025-10.jsonl", "events-2025-11.jsonl"]


def test_one_host_or_one_establishment_can_be_asked_for(tmp_path: Path) -> None:
    keep(tmp_path, audit(at(0), a=(DISK,), b=(QUEUE,)))
    assert told(tmp_path, "b.test") == told(tmp_path, "b") == [("14:00", "began", "queue")]


def test_what_is_kept_is_read_back_whole(tmp_path: Path) -> None:
    kept = keep(tmp_path, audit(at(0), a=(DISK,), b=()))
    assert history.last_in(tmp_path) == replace(kept, hosts=kept.worst_first())
    assert parsed(kept.plain()).plain() == kept.plain()


def test_a_damaged_record_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "last.json").write_text('{"schema": 1}')
    with pytest.raises(RecordsError, match="move it away"):
        history.last_in(tmp_path)


def test_two_audits_at_once_are_one_too_many(tmp_path: Path) -> None:
    with history.alone(tmp_path), pytest.raises(history.AuditBusyError, match="process"), history.alone(tmp_path):
        pass
    with history.alone(tmp_path):
        pass
