"""`vaguemestre audit` from the command line to its exit code; a stand-in plays `ssh` and the hosts behind it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from declared import LAB, OPERATOR, SECOND, write

from vaguemestre.audit.finding import Audit, Finding, HostAudit, Severity, Subject
from vaguemestre.audit.moments import MomentError, lapse, moment
from vaguemestre.audit.page import page, written
from vaguemestre.cli import main

GOOD = "10.83.27.11"
ANSWER = {
    "event": "result", "result": "status", "live": "$id", "expected": "$id", "since": "2026-11-20T08:00:00Z",
    "previous": None, "drift": [], "stale": [], "units": {}, "packages": {}, "interrupted": False,
    "health": {"schema": 1, "kit": ""},
}  # fmt: skip
EDITED = ANSWER | {
    "drift": [
        {"kind": "file", "key": f"/etc/daemon/{n}.conf", "action": "update", "diff": "-# by hand\n"} for n in range(9)
    ]
}
SSH = """#!/bin/sh
for last; do before=$address; address=$word; word=$last; done
id=${last##*--expect=}
cat >/dev/null
case "$address" in
SECOND) SAID ;;
*) cat <<END
GOOD
END
esac
"""


class Hosts:
    """Two hosts: the first is as it should be, the second does what it is told to."""

    def __init__(self, folder: Path, inventory: Path) -> None:
        self._ssh = folder / "ssh"
        self.inventory = inventory
        self.second(f"cat <<END\n{json.dumps(ANSWER)}\nEND\n")

    def second(self, said: str) -> None:
        script = SSH.replace("SECOND", "10.83.27.21").replace("SAID", said).replace("GOOD", json.dumps(ANSWER))
        self._ssh.write_text(script)
        self._ssh.chmod(0o755)

    def audit(self, *words: str) -> int:
        with pytest.raises(SystemExit) as caught:
            main(["audit", *words, "-i", str(self.inventory)])
        return int(caught.value.code or 0)


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    for variable, folder in {"XDG_CACHE_HOME": "cache", "VAGUEMESTRE_STATE": "labs"}.items():
        monkeypatch.setenv(variable, str(tmp_path / folder))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("COLUMNS", "200")
    plain = (text.replace("[base, pki]", "[base]") for text in (OPERATOR, SECOND))
    root = write(tmp_path / "inventory", inventory=LAB, **dict(zip(("pasteur", "lens"), plain, strict=True)))
    return Hosts(tmp_path / "bin", root)


def answers(answer: object) -> str:
    return f"cat <<END\n{json.dumps(answer)}\nEND\n"


def test_one_line_says_that_all_is_well(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    assert hosts.audit() == 0
    assert re.fullmatch(r"2 hosts of 2 establishments are as they should be \(\d\.\d s\)\n", capsys.readouterr().out)


def test_what_differs_is_told_once_for_many_files_and_shown_when_asked(
    hosts: Hosts, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts.second(answers(EDITED))
    assert hosts.audit() == 3
    told = capsys.readouterr().out
    assert told.count("was changed on the host") == 4
    assert "and 5 more differ" in told
    assert hosts.audit("--diff") == 3
    assert capsys.readouterr().out.count("# by hand") == 9


def test_a_silent_host_does_not_hide_the_others(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    hosts.second("echo 'ssh: connect to host x port 22: Connection timed out' >&2; exit 255")
    assert hosts.audit("--json") == 4
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"bad": 1, "warn": 0, "good": 1}
    assert "Connection timed out" in told["hosts"][0]["findings"][0]["en"]


def test_an_answer_of_no_use_is_a_failure(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    hosts.second("echo nonsense")
    assert hosts.audit() == 1
    assert "of no use" in capsys.readouterr().out


def test_some_hosts_alone_may_be_asked(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    hosts.second("exit 255")
    assert hosts.audit("pasteur") == 0
    assert capsys.readouterr().out.startswith("1 host is as it should be")


def test_a_name_that_is_none_is_refused_with_the_nearest(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    assert hosts.audit("pasteurr") == 2
    assert "did you mean pasteur?" in capsys.readouterr().err


def test_history_tells_what_began_and_ended(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    whole = answers(ANSWER)
    hosts.second(answers(ANSWER | {"interrupted": True}))
    hosts.audit()
    hosts.second(whole)
    hosts.audit()
    capsys.readouterr()
    assert hosts.audit("history", "lens", "--json") == 0
    assert [one["what"] for one in json.loads(capsys.readouterr().out)] == ["began", "ended"]
    assert hosts.audit("history", "pasteur") == 0
    assert "nothing was seen" in capsys.readouterr().out


def test_where_nothing_can_be_kept_hosts_are_asked_all_the_same(
    hosts: Hosts, capsys: pytest.CaptureFixture[str]
) -> None:
    (hosts.inventory / "records").write_text("not a folder")
    assert hosts.audit() == 0
    assert "nothing of this audit is kept" in capsys.readouterr().err


def sample() -> Audit:
    finding = Finding(Subject.DISK, "/", Severity.BAD, "<b>full</b>", "<b>pleine</b>", "2026-11-20T10:00:00Z")
    health = {
        "system": {"debian": "13.1"},
        "disks": [{"place": "/", "used": 0.97, "inodes": 0.1}],
        "queue": {"deferred": 4, "active": 1, "oldest": None, "corrupt": 0},
        "certificates": [{"path": "/c", "own": True, "until": 1_795_500_000 + 40 * 86400}],
        "trust": {"list": {"confirmed": "2026-11-24T07:00:00+00:00"}},
    }
    at = "2026-11-24T10:00:00Z"
    bad = HostAudit("a.test", "a", 1, at, (finding,), live="0" * 64, since="2026-11-20T10:00:00Z", health=health)
    return Audit(at, 1.25, "1.0", (HostAudit("b.test", "b", 1, at), bad))


def test_a_page_is_whole_in_both_languages_and_nothing_in_it_is_markup(tmp_path: Path) -> None:
    written(tmp_path / "new/audit.html", sample())
    text = (tmp_path / "new/audit.html").read_text()
    assert text.count("<article") == 2
    assert ("&lt;b&gt;pleine&lt;/b&gt;" in text, "<b>full" in text) == (True, False)
    assert not re.search(r"(src|href)=\"(?!#)", text)


def test_a_page_shows_the_worst_host_first_and_a_dash_for_what_is_not_known() -> None:
    worst, other = page(sample(), "fr").hosts
    assert (worst.name, worst.debian, worst.queue, worst.disk, worst.listed) == ("a.test", "13.1", "5", "97%", "3 h")
    assert worst.certificate.endswith(" j")
    assert {other.debian, other.queue, other.disk, other.listed, other.certificate, other.release} == {"–"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2h", "2026-11-24T08:00:00Z"),
        ("30 min", "2026-11-24T09:30:00Z"),
        ("3d", "2026-11-21T10:00:00Z"),
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T10:00+01:00", "2026-11-20T09:00:00Z"),
    ],
)
def test_a_moment_is_read_as_people_write_it(text: str, meant: str) -> None:
    from datetime import UTC, datetime

    assert moment(text, datetime(2026, 11, 24, 10, tzinfo=UTC)) == meant


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(MomentError, match="30min, 2h"):
        moment("yesterday")


@pytest.mark.parametrize(
    ("since", "told"),
    [("2026-11-24T09:59:30Z", "now"), ("2026-11-24T09:50:00Z", "10 min"), ("2026-11-22T09:00:00Z", "2 d"), (None, "")],
)
def test_how_long_ago_is_told_in_one_unit(since: str | None, told: str) -> None:
    assert lapse(since, "2026-11-24T10:00:00Z") == told


def test_an_audit_that_has_nothing_to_work_out_needs_no_model(hosts: Hosts) -> None:
    """The start of the program is most of what an audit of one host takes."""
    assert hosts.audit() == 0
    program = f"""
import sys
from vaguemestre.cli import main
try:
    main(["audit", "-i", {str(hosts.inventory)!r}])
except SystemExit as ended:
    print(ended.code, sorted({{"pydantic", "yaml", "jinja2", "cryptography", "pyinfra", "rich"}} & sys.modules.keys()))
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True).endswith("0 []\n")
