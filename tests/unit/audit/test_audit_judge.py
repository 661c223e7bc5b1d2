"""What a host answers is judged once, in both languages, and gives CI its exit code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vaguemestre.audit.expected import Expected, Limits
from vaguemestre.audit.finding import HostAudit, Severity
from vaguemestre.audit.judge import Answer, Outcome, exit_code, judged
from vaguemestre.audit.vitals import Moment
from vaguemestre.engines import wire
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit

NOW = 1_800_000_000.0
DAY, HOUR = 86400, 3600
MOMENT = Moment(NOW - 1, NOW)
HOST = Expected(Target("mail.a.test", "192.0.2.1", 22, "kit", "root", None, None), "a", 1, "b" * 64, "true", Limits())
LIVE = wire.Status(live="b" * 64, since="2026-11-01T00:00:00Z", previous=None, expected="b" * 64)


def found(outcome: Outcome, expected: Expected = HOST) -> dict[str, Severity]:
    return {one.key: one.severity for one in judged(expected, Answer(outcome, MOMENT), "kit").findings}


def health(**parts: Any) -> dict[str, Severity]:
    return found(replace(LIVE, health=parts))


def iso(ago: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(NOW - ago, UTC).isoformat()


def test_a_host_that_is_what_the_inventory_says_has_no_findings() -> None:
    host = judged(HOST, Answer(LIVE, MOMENT), "kit")
    assert (host.findings, host.severity, host.live) == ((), Severity.GOOD, "b" * 64)


def test_a_hand_edit_and_a_release_that_is_behind_are_two_things() -> None:
    edited = wire.Change("file", "/etc/postfix/main.cf", "update")
    told = found(replace(LIVE, live="a" * 64, drift=(edited,)))
    assert told == {"drift file /etc/postfix/main.cf": Severity.WARN, "release": Severity.WARN}


def test_another_kit_is_said_where_the_release_is_behind() -> None:
    old = replace(LIVE, live="a" * 64, health={"kit": "old"})
    assert "another kit" in judged(HOST, Answer(old, MOMENT), "kit").findings[0].en


@pytest.mark.parametrize(
    ("status", "key", "severity"),
    [
        (replace(LIVE, live=None), "activation", Severity.WARN),
        (replace(LIVE, interrupted=True), "activation", Severity.BAD),
        (replace(LIVE, health={"intact": False}), "activation record", Severity.BAD),
        (replace(LIVE, units={"nginx.service": "failed"}), "unit nginx.service", Severity.BAD),
        (replace(LIVE, health={"failed": ["other.service"]}), "unit other.service", Severity.WARN),
        (replace(LIVE, drift=(wire.Change("unit", "ssh.service", "reload"),)), "unit ssh.service", Severity.BAD),
        (
            replace(LIVE, drift=(wire.Change("unit", "ssh.service", "enable"),)),
            "unit ssh.service enable",
            Severity.WARN,
        ),
        (replace(LIVE, drift=(wire.Change("package", "nginx", "install"),)), "drift package nginx", Severity.WARN),
    ],
)
def test_a_state_is_told_with_how_much_it_matters(status: wire.Status, key: str, severity: Severity) -> None:
    assert found(status) == {key: severity}


def test_what_differs_while_an_activation_is_under_way_is_no_drift() -> None:
    edited = wire.Change("file", "/etc/postfix/main.cf", "update")
    assert found(replace(LIVE, drift=(edited,), health={"holder": "apply, process 1"})) == {
        "activation busy": Severity.WARN
    }


def test_a_unit_that_failed_is_told_once() -> None:
    start = wire.Change("unit", "nginx.service", "start")
    status = replace(LIVE, units={"nginx.service": "failed"}, drift=(start,), health={"failed": ["nginx.service"]})
    assert found(status) == {"unit nginx.service": Severity.BAD}


def test_a_host_whose_release_cannot_be_worked_out_is_looked_at_all_the_same() -> None:
    odd = replace(HOST, release="", problem="the secret tls.pem is missing")
    told = found(replace(LIVE, units={"nginx.service": "failed"}), odd)
    assert told == {"release unknown": Severity.BAD, "unit nginx.service": Severity.BAD}


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (LIVE, Exit.OK),
        (replace(LIVE, interrupted=True), Exit.CHANGES),
        (Failure(Trouble.BARE, "bare"), Exit.CHANGES),
        (Failure(Trouble.UNREACHABLE, "silent"), Exit.UNREACHABLE),
        (Failure(Trouble.CHANGED_KEY, "another"), Exit.UNREACHABLE),
        (Failure(Trouble.FAILED, "odd"), Exit.FAILED),
        (wire.Failed("document", "odd", True, None), Exit.FAILED),
    ],
)
def test_the_worst_host_gives_the_exit_code(outcome: Outcome, code: Exit) -> None:
    assert exit_code(iter([_judged(LIVE), _judged(outcome)])) is code


def _judged(outcome: Outcome) -> tuple[HostAudit, Outcome]:
    return judged(HOST, Answer(outcome, MOMENT), "kit"), outcome


@pytest.mark.parametrize(
    ("days", "severity"), [(31, None), (29, Severity.WARN), (6, Severity.BAD), (-1, Severity.BAD), (None, Severity.BAD)]
)
def test_a_certificate_is_told_of_in_time(days: int | None, severity: Severity | None) -> None:
    until = None if days is None else NOW + days * DAY + 1
    told = health(certificates=[{"path": "/c.pem", "own": True, "until": until}])
    assert told == ({"certificate /c.pem": severity} if severity else {})


@pytest.mark.parametrize(("hours", "severity"), [(23, None), (25, Severity.WARN), (73, Severity.BAD)])
def test_an_old_white_list_is_told_by_the_hours_of_the_inventory(hours: int, severity: Severity | None) -> None:
    listed = {"generated": iso(hours * HOUR), "confirmed": iso(hours * HOUR)}
    told = health(trust={"list": listed, "revocation": [{"name": "CA", "next_update": NOW + 1}]})
    assert told == ({"white-list": severity} if severity else {})


def test_without_a_list_nothing_of_the_trust_space_flows() -> None:
    assert health(trust={"list": None}) == {"white-list": Severity.BAD, "revocation": Severity.BAD}


@pytest.mark.parametrize(("hours", "severity"), [(-1, None), (1, Severity.WARN), (5, Severity.BAD)])
def test_a_revocation_list_counts_for_its_time_of_grace(hours: int, severity: Severity | None) -> None:
    listed = {"confirmed": iso(0)}
    told = health(trust={"list": listed, "revocation": [{"name": "CA", "next_update": NOW - hours * HOUR}]})
    assert told == ({"revocation CA": severity} if severity else {})


def test_an_alarm_of_the_host_is_passed_on_unless_its_matter_is_judged_here() -> None:
    alarms = [
        {"name": "own", "about": "a.test", "stage": "unlisted", "priority": 2, "en": "not listed", "fr": "absent"},
        {"name": "list", "about": "", "stage": "page", "priority": 1, "en": "old", "fr": "vieille"},
        {"name": "certificate", "about": "CN=a", "stage": "30 days", "priority": 2, "en": "ends", "fr": "expire"},
        {"name": "signer", "about": "", "stage": "60 days", "priority": 5, "en": "ends", "fr": "expire"},
    ]
    trust = {"list": {"confirmed": iso(0)}, "revocation": [{"name": "CA", "next_update": NOW + 1}]}
    told = health(trust={**trust, "alarms": {"at": iso(60), "standing": alarms}})
    assert told == {"alarm trust own a.test": Severity.BAD}
    assert health(trust={**trust, "alarms": {"at": iso(2 * HOUR), "standing": []}}) == {
        "white-list idle": Severity.WARN
    }


def test_an_alarm_about_a_mailbox_is_told_without_it() -> None:
    status = replace(LIVE, health={"directory": {"held": {"generated": iso(0)}, "publication": {
        "at": None, "standing": [{"name": "refused", "stage": "two", "priority": 4}]}}})  # fmt: skip
    (finding,) = judged(HOST, Answer(status, MOMENT), "kit").findings
    assert (finding.key, finding.en) == (
        "alarm publication refused",
        "publication refused: stage two; look on the host",
    )


def test_a_directory_is_told_by_its_own_hours() -> None:
    assert health(directory={"held": None}) == {"directory": Severity.WARN}
    assert health(directory={"held": {"generated": iso(49 * HOUR)}}) == {"directory": Severity.WARN}
    assert health(directory={"held": {"generated": iso(241 * HOUR)}}) == {"directory": Severity.BAD}


def test_a_queue_is_told_by_its_length_its_age_and_its_damage() -> None:
    quiet = {"active": 3, "deferred": 100, "corrupt": 0, "oldest": int(NOW - HOUR)}
    assert health(queue=quiet) == {}
    assert health(queue=quiet | {"deferred": 198}) == {"queue length": Severity.WARN}
    assert health(queue=quiet | {"oldest": int(NOW - 5 * HOUR)}) == {"queue age": Severity.WARN}
    assert health(queue=quiet | {"oldest": int(NOW - 25 * HOUR)}) == {"queue age": Severity.BAD}
    assert health(queue=quiet | {"corrupt": 1}) == {"queue corrupt": Severity.BAD}
    assert health(queue=None) == {}


def test_a_disk_is_full_by_its_bytes_or_its_inodes() -> None:
    disks = [{"place": "/", "used": 0.86, "inodes": 0.1}, {"place": "/var", "used": 0.2, "inodes": 0.95}]
    assert health(disks=disks) == {"disk /": Severity.WARN, "disk /var inodes": Severity.BAD}


@pytest.mark.parametrize(
    ("clock", "severity"),
    [(NOW - 0.5, None), (NOW + 4, None), (NOW + 6, Severity.WARN), (NOW - 7, Severity.WARN), (NOW + 301, Severity.BAD)],
)
def test_a_clock_is_wrong_beyond_the_time_the_question_took(clock: float, severity: Severity | None) -> None:
    assert health(system={"clock": clock, "restart": ""}) == ({"clock": severity} if severity else {})


def test_a_restart_that_is_due_is_told() -> None:
    assert health(system={"clock": NOW, "restart": "kernel 6.12"}) == {"system restart": Severity.WARN}


def test_a_part_that_could_not_be_known_is_told_as_such() -> None:
    assert health(queue={"error": "PermissionError"}) == {"system unknown queue": Severity.WARN}


def test_no_text_is_left_unfilled_and_every_one_is_in_both_languages() -> None:
    from vaguemestre.audit.wording import TEXTS

    for en, fr in TEXTS.values():
        assert sorted(_names(en) - {"kind", "message"}) == sorted(_names(fr) - {"kind_fr", "message", "trouble"})


@pytest.mark.parametrize("trouble", [one for one in Trouble if one not in (Trouble.BARE, Trouble.FAILED)])
def test_every_trouble_is_told_in_french_too(trouble: Trouble) -> None:
    (finding,) = judged(HOST, Answer(Failure(trouble, "in English"), MOMENT), "kit").findings
    assert (finding.en, finding.severity) == ("in English", Severity.BAD)
    assert "clé" in finding.fr or "liaison" in finding.fr or "SSH" in finding.fr


def _names(text: str) -> set[str]:
    from string import Formatter

    return {name for _, name, _, _ in Formatter().parse(text) if name}
