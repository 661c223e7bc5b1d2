"""The fleet's audit on running operators: what was done to them is told, with since when, and nothing is done by it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from terminal import Typed

from vaguemestre import records
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.records import Kind

Vaguemestre = Callable[..., Typed]


@pytest.fixture(scope="module")
def hosts(operators: Fleet, vaguemestre: Vaguemestre) -> tuple[str, ...]:
    """Both operators' hosts, as they should be."""
    return tuple(host.name for _, host in operators.hosts())


def found(vaguemestre: Vaguemestre, *names: str) -> dict[str, dict[str, Any]]:
    """What an audit finds: host -> key of a finding -> the finding."""
    told = vaguemestre("audit", "--json", *names).json
    return {
        one["host"]: {f"{each['subject']} {each['about']}".strip(): each for each in one["findings"]}
        for one in told["hosts"]
    }


@contextmanager
def spoilt(lab: Lab, host: str, spoil: str, mend: str) -> Iterator[None]:
    """The host with something done to it, by hand, and then undone."""
    _run(lab, host, spoil)
    try:
        yield
    finally:
        _run(lab, host, mend)


def _run(lab: Lab, host: str, command: str) -> str:
    done = lab.exec(host, ["sh", "-c", command])
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_what_hosts_tell_of_themselves_is_what_they_are(
    lab: Lab, hosts: tuple[str, ...], vaguemestre: Vaguemestre
) -> None:
    told = vaguemestre("audit", "--json").json
    assert told["schema"] == 1
    assert {one["host"] for one in told["hosts"]} == set(hosts)
    for one in told["hosts"]:
        health: Mapping[str, Any] = one["health"]
        assert one["live"] == one["expected"]
        assert not {each["subject"] for each in one["findings"]} & {"drift", "reach", "activation", "release"}
        assert health["system"]["debian"] == _run(lab, one["host"], "cat /etc/debian_version").strip()
        assert int(health["trust"]["list"]["entries"]) > 10
        assert len(health["trust"]["revocation"]) == 2
        assert [each["own"] for each in health["certificates"]].count(True) == 1
        waiting = _run(lab, one["host"], "postqueue -j | wc -l")
        assert health["queue"]["deferred"] + health["queue"]["active"] == int(waiting)


def test_an_audit_changes_nothing_on_a_host(lab: Lab, hosts: tuple[str, ...], vaguemestre: Vaguemestre) -> None:
    """Files of ours and of Debian's configuration, and the list of units."""
    look = "ls -lR --time-style=full-iso /etc /var/lib/vaguemestre /usr/lib/vaguemestre | sha256sum"
    before = _run(lab, hosts[0], look)
    vaguemestre("audit", hosts[0])
    assert _run(lab, hosts[0], look) == before


def test_what_is_done_by_hand_is_told_file_by_file_and_over_when_undone(
    lab: Lab, hosts: tuple[str, ...], vaguemestre: Vaguemestre, tmp_path: Path
) -> None:
    host, other = hosts[0], hosts[1]
    hand = "echo '# by hand' >>/etc/chrony/chrony.conf; chmod 640 /etc/hostname; systemctl stop nginx"
    undo = "sed -i '$d' /etc/chrony/chrony.conf; chmod 644 /etc/hostname; systemctl start nginx"
    page = tmp_path / "audit.html"
    with spoilt(lab, host, hand, undo):
        first = found(vaguemestre)
        told = vaguemestre("audit", "--diff", "--html", str(page))
        again = found(vaguemestre)
    assert {"drift file /etc/chrony/chrony.conf", "drift file /etc/hostname", "unit nginx.service"} <= first[
        host
    ].keys()
    assert not {key for key in first[other] if key.startswith(("drift", "unit"))}
    assert {key: one["since"] for key, one in first[host].items()} == {
        key: again[host][key]["since"] for key in first[host]
    }
    assert told.code == 3
    assert "-# by hand" in told.out
    assert "nginx.service ne tourne pas" in page.read_text()
    assert not {key for key in found(vaguemestre)[host] if key.startswith(("drift", "unit"))}
    events = vaguemestre("audit", "history", host, "--json").succeeded().json
    nginx = [one["what"] for one in events if one["key"] == "unit nginx.service"]
    assert nginx[-2:] == ["began", "ended"]


def test_what_a_host_knows_is_told_when_it_has_grown_old(
    lab: Lab, hosts: tuple[str, ...], vaguemestre: Vaguemestre
) -> None:
    confirmed = "/var/lib/vaguemestre-trust/listing/confirmed"
    old = f"cp -p {confirmed} {confirmed}.kept; date -u -d '100 hours ago' +%Y-%m-%dT%H:%M:%S+00:00 >{confirmed}"
    with spoilt(lab, hosts[0], old, f"mv {confirmed}.kept {confirmed}"):
        told = found(vaguemestre, hosts[0])[hosts[0]]
    assert (told["white-list"]["severity"], told["white-list"]["en"]) == (
        "bad",
        "the white list was last confirmed 100 h ago",
    )


def test_a_host_that_does_not_answer_holds_up_nobody_and_forgets_nothing(
    lab: Lab, hosts: tuple[str, ...], vaguemestre: Vaguemestre
) -> None:
    host, other = hosts
    with spoilt(lab, host, "chmod 640 /etc/hostname", "chmod 644 /etc/hostname"):
        since = found(vaguemestre)[host]["drift file /etc/hostname"]["since"]
        lab.cut(host)
        try:
            told = vaguemestre("audit", "--json")
        finally:
            lab.mend(host)
        back = found(vaguemestre)[host]
    assert told.code == 4
    silent, answering = (next(one for one in told.json["hosts"] if one["host"] == name) for name in (host, other))
    assert [one["subject"] for one in silent["findings"]] == ["reach"]
    assert answering["live"] == answering["expected"]
    assert back["drift file /etc/hostname"]["since"] == since


def test_a_second_audit_at_the_same_time_is_refused(operators: Fleet, vaguemestre: Vaguemestre) -> None:
    folder = records.folder(operators, Kind.AUDITS)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert vaguemestre("audit").code == 5


def test_the_last_audit_is_kept_for_reports(operators: Fleet, vaguemestre: Vaguemestre) -> None:
    vaguemestre("audit")
    kept = json.loads((records.folder(operators, Kind.AUDITS) / "last.json").read_text())
    assert len(kept["hosts"]) == 2
