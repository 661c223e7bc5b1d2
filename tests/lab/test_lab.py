"""The lab itself: what it promises to the tests and demonstrations that stand on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import dns.resolver
import pytest

from vaguemestre.lab import CertificateRequest, Guest, Lab, LabError, MailDomain, Plan, State

pytestmark = pytest.mark.lab

ONE, TWO = "mail.un.test", "mail.deux.test"
PLAN = Plan(
    name="selftest",
    network=IPv4Network("10.84.27.0/24"),
    guests=(
        Guest(ONE, IPv4Address("10.84.27.11"), image="bare"),
        Guest(TWO, IPv4Address("10.84.27.12"), image="bare"),
    ),
    domains=(MailDomain("un.test", (ONE,), (ONE,), (ONE,)),),
    certificates=(CertificateRequest(ONE, "CLINIQUE UN", "Eure (27)", "1270000102"),),
)
# How long `up` lives before it is killed: while it places, makes, copies into, starts and awaits hosts.
FINISHED, REMOVED = (0.8, 1.7, 3.0), (0.5, 1.2, 2.3)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab.open(PLAN.name)
    lab.down()
    lab.up(PLAN, print)
    yield lab
    lab.down()


@pytest.fixture
def state(lab: Lab) -> State:
    state = lab.up(PLAN, print)
    assert all(status.ssh for status in lab.status())
    return state


def test_up_again_changes_nothing_and_is_quick(lab: Lab, state: State) -> None:
    before, begun = _born(lab), time.monotonic()
    said: list[str] = []
    assert lab.up(PLAN, said.append) == state
    assert time.monotonic() - begun < 3
    assert _born(lab) == before
    assert not [line for line in said if "booting" in line]


def test_a_guest_is_who_it_says_at_first_sight(state: State) -> None:
    for guest in state.guests:
        assert _ssh(state, guest.address, "hostname").stdout.strip() == guest.name


def test_a_guest_is_up_and_bare(lab: Lab, state: State) -> None:
    assert _said(lab, ONE, "systemctl is-system-running") == "running"
    assert _said(lab, ONE, "command -v python3 || echo none") == "none"


def test_a_service_of_a_guest_gets_its_credentials(lab: Lab, state: State) -> None:
    assert _credential(lab, ONE) == ONE


def test_a_guest_cannot_set_this_machine_s_clock(lab: Lab, state: State) -> None:
    (effective,) = (line for line in _said(lab, ONE, "cat /proc/1/status").splitlines() if line.startswith("CapEff"))
    cap_sys_time = 25  # linux/capability.h
    assert not int(effective.split()[1], 16) >> cap_sys_time & 1


def test_a_guest_reaches_nothing_beyond_the_lab(lab: Lab, state: State) -> None:
    assert "unreachable" in _said(lab, ONE, "bash -c 'exec 3<>/dev/tcp/192.0.2.77/25' 2>&1 || true")


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [("un.test", "MX", "10 mail.un.test."), ("_imap._tcp.un.test", "SRV", "10 0 143 mail.un.test.")],
)
def test_the_world_knows_where_mail_goes(state: State, name: str, kind: str, expected: str) -> None:
    assert [str(record) for record in _resolver(state).resolve(name, kind)] == [expected]


def test_addresses_lead_back_to_names(state: State) -> None:
    for guest in state.guests:
        assert str(_resolver(state).resolve_address(str(guest.address))[0]) == f"{guest.name}."


def test_names_of_the_real_world_do_not_exist(state: State) -> None:
    with pytest.raises(dns.resolver.NXDOMAIN):
        _resolver(state).resolve("debian.org", "MX")


def test_the_outside_notes_whatever_reaches_it(lab: Lab, state: State) -> None:
    letter = (
        f"swaks --silent 2 -s {state.outside} --local-interface {state.outside} -f a@outside.example -t b@x.example"
    )
    assert lab.exec("world.test", letter.split()).returncode == 0
    events = [json.loads(line) for line in _said(lab, "world.test", "cat /var/lib/outside/received.jsonl").splitlines()]
    assert [event["event"] for event in events[-2:]] == ["connection", "message"]
    assert events[-1]["recipients"] == ["b@x.example"]


def test_the_revocation_list_is_published(lab: Lab, state: State) -> None:
    ask = "printf 'GET /CRL/TEST-ACI-EL-ORG.crl HTTP/1.0\\r\\n\\r\\n'"
    fetch = f"exec 3<>/dev/tcp/igc-sante.world.test/80; {ask} >&3; cat <&3"
    assert lab.exec(ONE, ["bash", "-c", fetch]).stdout.startswith(b"HTTP/1.1 200")


def test_certificates_lie_where_the_state_says(state: State) -> None:
    assert (state.secrets / ONE / "tls.key").stat().st_mode & 0o777 == 0o600
    assert (state.secrets / ONE / "tls.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert state.anchors.read_text().count("BEGIN CERTIFICATE") == 2


def test_a_power_cut_keeps_the_disk(lab: Lab, state: State) -> None:
    lab.exec(TWO, ["sh", "-c", "cat > /root/kept"], stdin=b"written")
    lab.kill(TWO)
    assert _container(lab, TWO) == "stopped"
    lab.start(TWO)
    assert _said(lab, TWO, "cat /root/kept") == "written"


def test_a_guest_that_reboots_comes_back(lab: Lab, state: State) -> None:
    uptime = "systemctl show --value --property=UserspaceTimestampMonotonic"
    before = _said(lab, TWO, uptime)
    lab.exec(TWO, ["systemctl", "reboot"])
    _until(lambda: _said(lab, TWO, uptime) not in ("", before))
    _until(lambda: _credential(lab, TWO) == TWO)


def test_a_cut_guest_is_silent_until_mended(lab: Lab, state: State) -> None:
    lab.cut(TWO)
    assert not _status(lab, TWO)
    assert _said(lab, TWO, "echo inside") == "inside"
    lab.mend(TWO)
    _until(lambda: _status(lab, TWO))


def test_a_reset_guest_is_as_at_first(lab: Lab, state: State) -> None:
    lab.exec(TWO, ["touch", "/root/spoilt"])
    lab.reset(TWO)
    assert _said(lab, TWO, "ls /root") == ""
    assert _ssh(state, state.guests[1].address, "hostname").stdout.strip() == TWO


def test_a_plan_that_changes_changes_only_what_it_says(lab: Lab, state: State) -> None:
    before = _born(lab)
    lab.up(replace(PLAN, guests=PLAN.guests[:1], domains=(MailDomain("neuf.test", (ONE,)),)), print)
    after = _born(lab)
    assert after == {name: born for name, born in before.items() if name != TWO}
    assert [str(record) for record in _resolver(state).resolve("neuf.test", "MX")] == ["10 mail.un.test."]


def test_an_unknown_guest_is_named_with_those_there_are(lab: Lab, state: State) -> None:
    with pytest.raises(LabError, match=r"no guest 'mail.trois.test'; it has mail.deux.test, mail.un.test"):
        lab.exec("mail.trois.test", ["true"])


def test_two_labs_of_one_network_do_not_meet(lab: Lab, state: State) -> None:
    second = Lab.open("selftest-two")
    try:
        other = second.up(replace(PLAN, name="selftest-two", guests=PLAN.guests[:1]), print)
        assert not other.network.overlaps(state.network)
        assert other.guests[0].address == other.network.network_address + 11
        assert "unreachable" in _said(second, ONE, f"bash -c 'exec 3<>/dev/tcp/{state.world}/53' 2>&1 || true")
    finally:
        second.down()
    assert all(status.ssh for status in lab.status())


@pytest.mark.parametrize("moment", FINISHED)
def test_what_a_killed_up_leaves_is_finished_by_the_next(moment: float) -> None:
    lab = Lab.open("selftest-kill")
    try:
        _killed_up(moment)
        lab.up(replace(PLAN, name="selftest-kill"), print)
        assert all(status.ssh for status in lab.status())
    finally:
        lab.down()
    assert _traces("selftest-kill") == []


@pytest.mark.parametrize("moment", REMOVED)
def test_what_a_killed_up_leaves_is_removed_by_down(moment: float) -> None:
    _killed_up(moment)
    Lab.open("selftest-kill").down()
    assert _traces("selftest-kill") == []


def _killed_up(moment: float) -> None:
    script = (
        "from dataclasses import replace\nfrom vaguemestre.lab import Lab\nfrom test_lab import PLAN\n"
        "Lab.open('selftest-kill').up(replace(PLAN, name='selftest-kill'), print)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    )
    time.sleep(moment)
    child.send_signal(signal.SIGKILL)
    child.wait()


def _traces(name: str) -> list[str]:
    """All that a lab of this name may have left on the machine."""
    lab = Lab.open(name)
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/mounts").read_text()
    found = [f"process {line}" for line in processes.splitlines() if f"vgm-{name}-" in line]
    found += [f"link {line}" for line in links.splitlines() if line.startswith(lab.network.bridge)]
    found += [f"cable {guest.name}" for guest in PLAN.guests if lab.network.cable(guest.name) in links]
    found += [f"path {path}" for path in (lab.home, lab.network.directory) if path.exists()]
    found += [f"mount {line}" for line in mounts.splitlines() if f"/{name}/" in line]
    engine = lab.engine
    return found + [str(one["Names"]) for one in (engine.containers(name) if engine.holder() else [])]


def _born(lab: Lab) -> dict[str, str]:
    return {one["Labels"]["vgm.host"]: f"{one['Id']} {one['StartedAt']}" for one in lab.engine.containers(lab.name)}


def _credential(lab: Lab, guest: str) -> str:
    """What a service reads of a file that systemd hands it (systemd.exec(5))."""
    given = "--property=LoadCredential=name:/etc/hostname --property=User=nobody"
    return _said(lab, guest, f"systemd-run --quiet --wait --pipe {given} sh -c 'cat $CREDENTIALS_DIRECTORY/name'")


def _said(lab: Lab, guest: str, command: str) -> str:
    return lab.exec(guest, ["sh", "-c", command]).stdout.decode().strip()


def _status(lab: Lab, guest: str) -> bool:
    return next(status.ssh for status in lab.status() if status.name == guest)


def _container(lab: Lab, guest: str) -> str:
    return next(status.container for status in lab.status() if status.name == guest)


def _resolver(state: State) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [str(state.resolver)]
    return resolver


def _ssh(state: State, address: IPv4Address, command: str) -> subprocess.CompletedProcess[str]:
    options = ["-i", str(state.ssh_key), "-o", f"UserKnownHostsFile={state.known_hosts}", "-o", "BatchMode=yes"]
    strict = ["-o", "StrictHostKeyChecking=yes"]
    argv = ["ssh", "-F", "none", *options, *strict, f"root@{address}", command]
    return subprocess.run(argv, capture_output=True, text=True, check=True)


def _until(reached: object, patience: float = 30) -> None:
    assert callable(reached)
    deadline = time.monotonic() + patience
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.3)
