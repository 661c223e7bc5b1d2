"""What a real operator makes of the national directory: a real slapd follows a source that comes, lies, and is away.

What the host does by its timer is asked for through the unit itself; what administrators do, by `vaguemestre
directory`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from terminal import Terminal, Typed

from vaguemestre.host.annuaire.layout import STATE
from vaguemestre.host.annuaire.settling import STARTED
from vaguemestre.lab import Lab, extraction
from vaguemestre.lab.registry import LINES, SEED, Registry
from vaguemestre.verbs.mailbox import Mailboxes

VERB = ("python3", "/usr/lib/vaguemestre/host.pyz", "annuaire")
UNIT = "vaguemestre-annuaire.service"
BRANCH = "ou=national,o=vaguemestre"
ASK = f"ldapsearch -Q -LLL -o ldif-wrap=no -Y EXTERNAL -H ldapi:/// -b {BRANCH}"
PARTLY = """
import sys
sys.path.insert(0, "/usr/lib/vaguemestre/host.pyz")
from vaguemestre.host.annuaire.branch import opened
from vaguemestre.host.annuaire.delta import Add, Done, removing
from vaguemestre.host.annuaire.entry import dn
good = {"objectClass": ["vgmNationalMailbox"], "vgmMailboxType": ["PER"], "vgmFingerprint": ["0"]}
entries = {"a": good, "b": good | {"unheard": ["of"]}, "c": {"objectClass": ["vgmNationalMailbox"]}, "d": good}
entries = {f"{one}@refused.test": entry | {"mail": [f"{one}@refused.test"]} for one, entry in entries.items()}
with opened() as branch:
    done = Done()
    branch.do([Add(dn(one), entry) for one, entry in entries.items()], done)
    print(done, *sorted(branch.there(entries)), sep="; ")
    branch.do(removing(entries), done)
    print(done, *branch.there(entries), sep="; ")
"""
MARK, DATABASE = STATE / "unsettled", "/var/lib/ldap/national/data.mdb"
WRITTEN = f"timeout 60 sh -c \"until {ASK} -s base description | grep -q 'being written'; do sleep 0.02; done\""
OTHERS = extraction.Nation(LINES, SEED + 1)
TODAY = extraction.Nation(LINES, SEED)


@pytest.fixture(scope="module", autouse=True)
def undisturbed(lab: Lab, pasteur: Mailboxes) -> Iterator[None]:
    """The timer sleeps: what is asked for here is asked for by these tests. Afterwards all is as it was found."""
    lab.exec(pasteur.host.name, ["systemctl", "stop", UNIT.replace(".service", ".timer")])
    _quiet(lab, pasteur)
    yield
    lab.nation.directory.hold(TODAY.extraction())
    lab.nation.mend()
    # Editions here were dated ahead of time: what is remembered of them goes, what the directory holds is looked at.
    lab.exec(pasteur.host.name, ["sh", "-c", f"rm -rf {STATE}/kept {STATE}/state.json"])
    said = json.loads(lab.exec(pasteur.host.name, [*VERB, "refresh", "--now", "--json"]).stdout)
    if said["waiting"]:  # a test failed and left other people
        lab.exec(pasteur.host.name, [*VERB, "approve", said["waiting"]["sha256"]])
    lab.exec(pasteur.host.name, ["systemctl", "start", UNIT.replace(".service", ".timer")])


def _quiet(lab: Lab, pasteur: Mailboxes) -> None:
    """A run of the timer may be under way."""
    lab.exec(
        pasteur.host.name, ["sh", "-c", f"while systemctl is-active {UNIT} | grep -q activating; do sleep 1; done"]
    )


@pytest.fixture
def nation(lab: Lab) -> Iterator[Registry]:
    """The nation's directory, to change and to fail; mended afterwards, and followed."""
    yield lab.nation.directory
    lab.nation.mend()


@pytest.fixture
def on(lab: Lab, pasteur: Mailboxes) -> Callable[[str], str]:
    """A command of the shell on the operator's host."""

    def run(command: str) -> str:
        done = lab.exec(pasteur.host.name, ["sh", "-c", command])
        return (done.stdout + done.stderr).decode()

    return run


@pytest.fixture
def refreshed(lab: Lab, pasteur: Mailboxes) -> Callable[..., Any]:
    """What a refresh says that is asked for on the host."""

    def run(*words: str) -> Any:
        return json.loads(lab.exec(pasteur.host.name, [*VERB, "refresh", *(words or ("--now",)), "--json"]).stdout)

    return run


@pytest.fixture
def directory(vaguemestre: Terminal, pasteur: Mailboxes) -> Callable[..., Typed]:
    """`vaguemestre directory VERB ...` on the Clinique Pasteur's host."""
    return lambda verb, *words: vaguemestre("directory", verb, *words, pasteur.host.name, "--json")


@pytest.fixture
def found(on: Callable[[str], str]) -> Callable[[], set[str]]:
    """Whom the directory holds, by address."""

    def look() -> set[str]:
        lines = on(f"{ASK} -s one '(objectClass=vgmNationalMailbox)' mail").splitlines()
        return {line.removeprefix("mail: ") for line in lines if line.startswith("mail: ")}

    return look


def listed(nation: extraction.Nation, day: int = 0) -> set[str]:
    return {line.split("|")[1].strip('" \u00a0').lower() for line in list(nation.extraction(day))[1:]}


@pytest.fixture(scope="module")
def today() -> list[set[str]]:
    """Whom the directory holds when it is as the nation is today, once that is known."""
    return []


@pytest.fixture
def filled(refreshed: Callable[..., Any], found: Callable[[], set[str]], lab: Lab, today: list[set[str]]) -> set[str]:
    """The directory as the nation is today; whom it holds."""
    if not today or found() != today[0]:
        lab.nation.directory.hold(TODAY.extraction())
        lab.nation.directory.fail(extraction={"generated": _soon()})
        said = refreshed()
        assert said["waiting"] is None, said
        lab.nation.mend()
        today[:] = [found()]
    return today[0]


def test_everybody_whom_the_nation_lists_is_in_the_directory(filled: set[str], directory: Callable[..., Typed]) -> None:
    assert len(filled) > 390
    assert len(filled ^ listed(TODAY)) < 12, "dirt in some lines aside"
    shown = next(iter(directory("show").json.values()))
    assert 0 <= shown["held"]["mailboxes"] - len(filled) < 20, "it lists some of our own, who are known better here"
    assert (shown["trouble"], shown["refused"], shown["waiting"]) == ("", 0, None)


def test_the_day_after_is_applied_to_the_running_slapd(
    filled: set[str], nation: Registry, refreshed: Callable[..., Any], found: Callable[[], set[str]],
    on: Callable[[str], str],
) -> None:  # fmt: skip
    pid = on("systemctl show -P MainPID slapd")
    nation.hold(TODAY.extraction(day=10))
    nation.fail(extraction={"generated": _soon()})
    events = refreshed()["events"]
    assert events[-1]["event"] == "applied"
    assert found() != filled
    assert len(found() ^ listed(TODAY, 10)) < 12
    assert on("systemctl show -P MainPID slapd") == pid


@pytest.mark.parametrize(
    "fault",
    [
        {"spoil": "empty"}, {"spoil": "header"}, {"spoil": "cut"}, {"spoil": "columns"}, {"spoil": "latin1"},
        {"html": True}, {"status": 429, "retry_after": 1}, {"status": 500}, {"broken": 0.5},
        {"generated": "2026-01-01T03:00:00+00:00"},
    ],
    ids=lambda fault: "-".join(f"{key}-{value}" for key, value in fault.items())[:24],
)  # fmt: skip
def test_whatever_the_source_says_nobody_is_removed(
    filled: set[str], nation: Registry, refreshed: Callable[..., Any], found: Callable[[], set[str]],
    fault: dict[str, Any],
) -> None:  # fmt: skip
    nation.fail(extraction={"generated": _soon(), **fault})
    said = refreshed()
    assert said["failing"] or said["waiting"], said
    assert found() == filled


@pytest.mark.parametrize("same", ["reordered", "duplicated"])
def test_another_order_is_not_another_directory(
    filled: set[str], nation: Registry, refreshed: Callable[..., Any], found: Callable[[], set[str]], same: str
) -> None:
    nation.fail(extraction={"spoil": same, "generated": _soon()})
    said = refreshed()
    assert "applied" not in [event["event"] for event in said["events"]]
    assert found() == filled


def _soon() -> str:
    """A date that no extraction had before, some time ahead: names bear minutes."""
    _soon.minutes += 1  # type: ignore[attr-defined]
    return time.strftime("%Y-%m-%dT%H:%M:00+00:00", time.gmtime(time.time() + 60 * _soon.minutes))  # type: ignore[attr-defined]


_soon.minutes = 10  # type: ignore[attr-defined]


def test_half_of_the_nation_waits_for_a_persons_word_and_is_taken_with_it(
    filled: set[str], nation: Registry, refreshed: Callable[..., Any], found: Callable[[], set[str]],
    directory: Callable[..., Typed],
) -> None:  # fmt: skip
    nation.fail(extraction={"spoil": "half", "generated": _soon()})
    waiting = refreshed()["waiting"]
    assert any("mailboxes would go; 2 % is the limit" in why for why in waiting["why"])
    assert any("loses" in why for why in waiting["why"])
    assert found() == filled
    shown = directory("show")
    assert shown.code == 3
    approved = directory("approve", "--digest", waiting["sha256"][:16])
    assert next(iter(approved.json.values()))["result"] == "approved"
    assert len(found()) == waiting["mailboxes"] < len(filled)
    nation.fail(extraction={"generated": _soon()})
    refreshed()
    assert found() == filled


def test_a_slapd_that_is_killed_in_the_middle_comes_back_and_the_rest_follows(
    filled: set[str], nation: Registry, refreshed: Callable[..., Any], found: Callable[[], set[str]],
    on: Callable[[str], str],
) -> None:  # fmt: skip
    digest = _other_people(nation, refreshed)
    said = on(f"({WRITTEN}; systemctl kill -s KILL slapd) & {' '.join(VERB)} approve {digest} --json; wait")
    assert "Can't contact LDAP server" in said
    on("until ldapwhoami -Q -Y EXTERNAL -H ldapi:/// >/dev/null 2>&1; do sleep 0.2; done")
    on(f"systemctl start {UNIT}")
    assert len(found() - filled) > 350
    assert len(found() & filled) < 30, "some addresses are in both nations"
    _back(nation, refreshed, on)
    assert found() == filled


def test_a_sync_that_is_killed_in_the_middle_goes_on_at_the_next_run(
    filled: set[str], nation: Registry, refreshed: Callable[..., Any], found: Callable[[], set[str]],
    on: Callable[[str], str],
) -> None:  # fmt: skip
    digest = _other_people(nation, refreshed)
    said = on(f"({WRITTEN}; ls {MARK}; pkill -KILL -u vgm-annuaire) & {' '.join(VERB)} approve {digest} --json; wait")
    assert said.startswith(f"{MARK}\n")
    nation.fail(extraction={"status": 500})
    on(f"systemctl start {UNIT}")
    assert len(found() - filled) > 350
    assert len(found() & filled) < 30, "some addresses are in both nations"
    _back(nation, refreshed, on)
    assert found() == filled


def _other_people(nation: Registry, refreshed: Callable[..., Any]) -> str:
    """The nation is quite another; what waits, by its digest."""
    nation.hold(OTHERS.extraction())
    nation.fail(extraction={"generated": _soon()})
    return str(refreshed()["waiting"]["sha256"])


def _back(nation: Registry, refreshed: Callable[..., Any], on: Callable[[str], str]) -> None:
    nation.hold(TODAY.extraction())
    nation.fail(extraction={"generated": _soon()})
    on(f"{' '.join(VERB)} approve {refreshed()['waiting']['sha256']}")


def test_what_power_left_half_written_is_thrown_away_before_slapd_reads_it_and_loaded_anew(
    filled: set[str], found: Callable[[], set[str]], on: Callable[[str], str]
) -> None:
    """What power does to the database and to /run is done by hand."""
    assert on(f"ls {MARK} 2>&1; ls {STARTED}").endswith(f"{STARTED}\n")
    on(f"touch {MARK}; systemctl restart slapd")
    assert found() == filled, "slapd alone was started again"
    on(f"systemctl stop slapd; rm {STARTED}; dd if=/dev/urandom of={DATABASE} bs=64k count=4 conv=notrunc")
    on("systemctl start slapd")
    assert found() == set()
    assert "loaded anew" in on("journalctl -u slapd -o cat -n 20")
    assert on("ldapwhoami -Q -Y EXTERNAL -H ldapi:///").startswith("dn:cn=manager")
    on(f"systemctl start {UNIT}")
    assert found() == filled
    assert "No such file" in on(f"ls {MARK}")


def test_an_entry_that_slapd_refuses_is_counted_and_stops_no_other(on: Callable[[str], str]) -> None:
    added, removed = on(f"python3 - <<'END'\n{PARTLY}\nEND").splitlines()
    assert added == "2 added, 0 changed, 0 removed, 2 refused by slapd; a@refused.test; d@refused.test"
    assert removed == "2 added, 0 changed, 2 removed, 2 refused by slapd"


def test_a_disk_without_room_changes_nothing_and_is_told(
    filled: set[str], nation: Registry, refreshed: Callable[..., Any], found: Callable[[], set[str]],
    on: Callable[[str], str],
) -> None:  # fmt: skip
    on(f"mount -t tmpfs -o size=16k,mode=700,uid=$(id -u vgm-annuaire) full {STATE}/begun")
    try:
        nation.fail(extraction={"generated": _soon()})
        said = refreshed()
        assert "free" in said["trouble"]
        assert any(one["name"] == "trouble" for one in said["alarms"])
        assert found() == filled
    finally:
        on(f"umount {STATE}/begun")
    assert refreshed()["trouble"] == ""


def test_a_new_database_takes_the_old_ones_place_at_one_restart_and_touches_no_mailbox_of_ours(
    filled: set[str], found: Callable[[], set[str]], on: Callable[[str], str], refreshed: Callable[..., Any]
) -> None:
    ours = on(f"{ASK.replace(BRANCH, 'ou=mailboxes,o=vaguemestre')} '*' | grep -v -e '^#'")
    pid = on("systemctl show -P MainPID slapd")
    said = refreshed("--rebuild")
    assert (said["load"], said["trouble"]) == (False, "")
    assert found() == filled
    assert on("systemctl show -P MainPID slapd") != pid
    assert on(f"{ASK.replace(BRANCH, 'ou=mailboxes,o=vaguemestre')} '*' | grep -v -e '^#'") == ours
    assert on("stat -c '%U %a' /var/lib/ldap/national/data.mdb").split() == ["openldap", "600"]
    assert "national.new" not in on("ls /var/lib/ldap")


def test_a_load_that_is_killed_leaves_what_was_there(
    filled: set[str], found: Callable[[], set[str]], on: Callable[[str], str]
) -> None:
    killing = (
        "until pgrep -x slapadd >/dev/null; do :; done; pkill -KILL -f 'host.pyz annuaire'; pkill -KILL -x slapadd"
    )
    on(f"({killing}) & {' '.join(VERB)} refresh --rebuild --json; wait")
    assert found() == filled
    on(f"systemctl start {UNIT}")
    assert found() == filled


def test_neither_the_journal_nor_what_is_kept_for_people_names_anybody(
    filled: set[str], on: Callable[[str], str], lab: Lab
) -> None:
    told = on(f"journalctl -u {UNIT} -o cat; cat {STATE}/*.json {STATE}/history.jsonl {STATE}/metrics.prom")
    assert "applied" in told
    assert not [address for address in filled if address in told]
