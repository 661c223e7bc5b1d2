"""The activator on a real host: real daemons judge, real systemd settles, and it is killed, cut off and unplugged."""

from __future__ import annotations

import contextlib
import hashlib
import random
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from vaguemestre.engines import wire
from vaguemestre.lab import Lab, State
from vaguemestre.release import Account, Credential, Directory, File, Item, Package, Probe, Release, Unit

HOST = "b.scratch.test"
KEY = b"a secret of some length, of no use to anybody"
SITE = "/etc/nginx/conf.d/site.conf"


def release(word: str, *more: Item) -> Release:
    """A host that serves `word` by HTTP, with some files around it that must all say the same."""
    site = f"server {{ listen 8081; return 200 '{word}'; }}\n"
    items: tuple[Item, ...] = (
        Package("nginx-light"),
        Account("clerk", "/var/lib/clerk"),
        Directory("/var/lib/clerk", "clerk", "clerk", 0o750),
        *(File(f"/etc/clerk/{number}", f"{word} {number}\n".encode()) for number in range(30)),
        File("/var/lib/clerk/deep/down/word", word.encode(), "clerk", "clerk", 0o640),
        File(SITE, site.encode()),
        Credential("/etc/clerk/key", "tls.key", hashlib.sha256(KEY).hexdigest()[:16]),
        Unit(
            "nginx.service",
            (SITE, "/etc/clerk/key"),
            on_change="reload",
            judges=(("nginx", "-t"),),
            probes=(Probe(port=8081, seconds=5),),
        ),
    )
    return Release.of(HOST, "trixie", [("test", item) for item in (*items, *more)])


def with_site(text: str) -> Release:
    whole = release("spoilt")
    return replace(
        whole, files=tuple(replace(one, content=text.encode()) if one.path == SITE else one for one in whole.files)
    )


@dataclass(frozen=True)
class Guest:
    """One host of the lab, asked over SSH as the doors do."""

    lab: Lab
    state: State

    @property
    def address(self) -> str:
        return str(next(one.address for one in self.state.guests if one.name == HOST))

    def ask(self, verb: str, wanted: Release | None = None, on_step: Callable[[str], object] = str) -> wire.Result:
        options = ("StrictHostKeyChecking=yes", "ServerAliveInterval=2", "ServerAliveCountMax=2")
        ssh = ["ssh", "-i", str(self.state.ssh_key), "-o", f"UserKnownHostsFile={self.state.known_hosts}"]
        command = [*ssh, *(word for one in options for word in ("-o", one)), f"root@{self.address}"]
        with subprocess.Popen(
            [*command, wire.command(verb, sudo=False)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(wire.payload(wanted, {"tls.key": KEY}))
            process.stdin.close()
            return wire.read(process.stdout, on_step)

    def run(self, script: str) -> str:
        return self.lab.exec(HOST, ["sh", "-c", script]).stdout.decode()

    def status(self) -> wire.Status:
        """Its status, as soon as it can be reached and nothing is being mended any more."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            # At rest first: what a host that boots tells of itself is no longer true a moment later.
            told = self._told() if self._at_rest() else None
            if told and not told.interrupted:
                return told
            time.sleep(0.5)
        raise AssertionError("the host does not come to rest")

    def _told(self) -> wire.Status | None:
        with contextlib.suppress(wire.WireError):
            told = self.ask("status")
            return told if isinstance(told, wire.Status) else None
        return None

    def _at_rest(self) -> bool:
        """A host that just booted answers before all its daemons are up."""
        states = self.run("systemctl is-active vaguemestre-activate vaguemestre-recover vaguemestre-settle").split()
        booted = self.run("systemctl is-system-running").strip() in ("running", "degraded")
        return booted and set(states) == {"inactive"}

    def served(self) -> str:
        with urllib.request.urlopen(f"http://{self.address}:8081/", timeout=5) as answer:
            return str(answer.read().decode())

    def whole(self, words: tuple[str, ...]) -> str:
        """Which of these releases is live; fails unless every file and the daemon itself are that one's."""
        told = self.status()
        word = {release(one).id: one for one in words}[told.live or ""]
        assert (told.drift, told.stale) == ((), ())
        assert self.served() == word
        assert self.run("cat /etc/clerk/[0-9]* | cut -d' ' -f1 | sort -u").split() == [word]
        assert self.run("cat /var/lib/clerk/deep/down/word") == word
        assert self.run("find / -xdev -name '*.vgm-draft'; systemctl --failed --plain --no-legend") == ""
        return word


@pytest.fixture(scope="module")
def guest(lab: Lab, state: State, scratch: tuple[str, ...]) -> Guest:
    host = Guest(lab, state)
    host.run("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq --yes install python3 >/dev/null")
    applied = host.ask("apply", release("one"))
    assert isinstance(applied, wire.Applied), applied
    return host


def test_a_daemon_starts_only_once_its_configuration_is_there(guest: Guest) -> None:
    assert guest.whole(("one",)) == "one"
    assert guest.run("journalctl -q -u nginx -o cat | grep -c Started").strip() == "1"
    assert guest.run("ls /usr/sbin/policy-rc.d /run/vaguemestre-* 2>/dev/null") == ""


def test_applying_again_changes_nothing_and_takes_little_time(guest: Guest) -> None:
    before = guest.run("find /etc /var/lib/vaguemestre /var/lib/clerk -printf '%p %T@ %i\\n' | sort")
    again = guest.ask("apply", release("one"))
    assert isinstance(again, wire.Applied)
    assert (again.changed, again.changes) == (False, ())
    assert guest.run("find /etc /var/lib/vaguemestre /var/lib/clerk -printf '%p %T@ %i\\n' | sort") == before


def test_a_judge_refuses_in_its_own_words_and_nothing_live_changes(guest: Guest) -> None:
    guest.ask("apply", release("one"))
    before = guest.run("find /etc /var/lib/clerk -printf '%p %T@ %i\\n' | sort; systemctl show -p MainPID nginx")
    refused = guest.ask("apply", with_site("server { lissen 8081; }\n"))
    assert isinstance(refused, wire.Failed)
    assert (refused.phase, refused.restored, refused.live) == ("judge", True, release("one").id)
    assert f'unknown directive "lissen" in {SITE}:1' in refused.message
    after = guest.run("find /etc /var/lib/clerk -printf '%p %T@ %i\\n' | sort; systemctl show -p MainPID nginx")
    assert after == before


def test_a_judge_that_writes_everywhere_changes_nothing_live(guest: Guest) -> None:
    script = "touch /etc/judged /var/lib/judged /etc/clerk/judged; grep -q judge /var/lib/clerk/deep/down/word && false"
    unit = Unit("systemd-journald.service", ("/etc/judge",), judges=(("sh", "-c", f"{script}; exit 9"),))
    refused = guest.ask("apply", release("judge", File("/etc/judge", b""), unit))
    assert isinstance(refused, wire.Failed)
    assert "ended with 9" in refused.message
    assert guest.run("ls -d /etc/judged /var/lib/judged /etc/clerk/judged /etc/judge 2>/dev/null") == ""
    assert guest.whole(("one",)) == "one"


def test_a_daemon_that_does_not_serve_gives_way_to_the_release_before(guest: Guest) -> None:
    failed = guest.ask("apply", with_site("server { listen 8082; return 200 'elsewhere'; }\n"))
    assert isinstance(failed, wire.Failed)
    assert (failed.phase, failed.restored) == ("probe", True)
    assert "port 8081 on 127.0.0.1: Connection refused" in failed.message
    assert guest.whole(("one",)) == "one"


def test_killed_at_ten_random_moments_it_mends_itself(guest: Guest) -> None:
    words, hits = ("one", "two"), 0
    began = time.monotonic()
    guest.ask("apply", release("two"))
    usual = time.monotonic() - began
    for _ in range(40):
        target = "two" if guest.whole(words) == "one" else "one"
        kill = threading.Timer(random.uniform(0.2, usual), _kill, [guest])  # noqa: S311 - a moment, no secret
        kill.start()
        ended = guest.ask("apply", release(target))
        kill.join()
        hits += isinstance(ended, wire.Failed)
        guest.whole(words)
        if hits == 10:
            return
    pytest.fail(f"only {hits} of 40 kills came in time")


def _kill(guest: Guest) -> None:
    guest.run("systemctl kill --signal=KILL --kill-whom=main vaguemestre-activate")


@pytest.mark.parametrize("step", ["switching", "nginx.service: reload"])
def test_after_a_power_cut_the_host_boots_with_one_release_whole(guest: Guest, step: str) -> None:
    words = ("one", "two")
    target = "two" if guest.whole(words) == "one" else "one"

    def unplug(text: str) -> None:
        if text.startswith(step):
            guest.lab.kill(HOST)

    with pytest.raises(wire.WireError):
        guest.ask("apply", release(target), unplug)
    guest.lab.start(HOST)
    guest.whole(words)


def test_an_activation_whose_link_is_cut_goes_on_by_itself(guest: Guest) -> None:
    words = ("one", "two")
    target = "two" if guest.whole(words) == "one" else "one"
    try:
        with pytest.raises(wire.WireError, match="it goes on by itself"):
            guest.ask("apply", release(target), lambda text: text.startswith("judging") and guest.lab.cut(HOST))
    finally:
        guest.lab.mend(HOST)
    assert guest.whole(words) == target


def test_a_second_activation_is_told_who_is_at_work(guest: Guest) -> None:
    target = "two" if guest.whole(("one", "two")) == "one" else "one"
    answers: list[wire.Result] = []

    def meanwhile(text: str) -> None:
        if text.startswith("switching"):
            answers.append(guest.ask("apply", release("three")))

    assert isinstance(guest.ask("apply", release(target), meanwhile), wire.Applied)
    (second,) = answers
    assert isinstance(second, wire.Failed)
    assert second.phase == "lock"
    assert "at work on this host: apply, process " in second.message
    assert guest.whole(("one", "two")) == target


def test_apt_uses_the_staged_sources_and_proxy_and_they_are_not_live_when_it_fails(guest: Guest) -> None:
    proxy = File("/etc/apt/apt.conf.d/99z-nobody", b'Acquire::http::Proxy "http://127.0.0.1:9/";\n')
    failed = guest.ask("apply", release("proxy", proxy, Package("hello")))
    assert isinstance(failed, wire.Failed)
    assert failed.phase == "packages"
    assert "127.0.0.1" in failed.message
    assert guest.run("ls /etc/apt/apt.conf.d/99z-nobody 2>/dev/null") == ""
    assert guest.whole(("one", "two"))


def test_packages_wait_for_whoever_else_installs(guest: Guest) -> None:
    """apt-daily and an administrator's own apt hold the same lock."""
    hold = "import fcntl, time; f = open('/var/lib/apt/lists/lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(9)"
    guest.run(f'setsid python3 -c "{hold}" >/dev/null 2>&1 &')
    steps: list[str] = []
    applied = guest.ask("apply", release("one", Package("tree")), steps.append)
    assert isinstance(applied, wire.Applied), applied
    assert [step for step in steps if step.startswith("another package manager")]
    guest.ask("apply", release("one"))


def test_a_dpkg_that_was_killed_in_the_middle_is_mended_by_the_next_apply(guest: Guest) -> None:
    def kill(text: str) -> None:
        if text.startswith("Unpacking dovecot-core"):
            guest.run("systemctl kill --signal=KILL --kill-whom=all vaguemestre-activate")

    killed = guest.ask("apply", release("one", Package("dovecot-core")), kill)
    assert isinstance(killed, wire.Failed)
    assert killed.phase == "killed"
    assert guest.run("dpkg --audit") != ""
    assert isinstance(guest.ask("apply", release("one", Package("dovecot-core"))), wire.Applied)
    assert guest.run("dpkg --audit; ls /usr/sbin/policy-rc.d 2>/dev/null") == ""
    assert guest.run("systemctl is-active dovecot").strip() == "inactive"
    guest.ask("apply", release("one"))


_ODD = """
cd /run/systemd/system
printf '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n' > odd-broken.service
printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' > odd-done.service
printf '[Service]\\nExecStart=/bin/sleep 600\\n[Install]\\nWantedBy=multi-user.target\\n' > odd-disabled.service
printf '[Service]\\nExecStart=/bin/sleep 600\\n' > odd-stopped.service
printf '[Service]\\nExecStart=/bin/sleep 600\\n' > odd-many@.service
printf '[Service]\\nExecStart=/bin/sleep 600\\n' > odd-hidden.service
systemctl daemon-reload
systemctl start odd-broken odd-done odd-disabled odd-many@1 odd-hidden
systemd-run --quiet --unit=odd-passing /bin/sleep 600
mkdir -p /run/systemd/system.control
systemctl mask --runtime odd-masked.service
ln -sf /dev/null /etc/systemd/system/odd-hidden.service
systemctl daemon-reload
"""
_UNITS = "broken done disabled stopped many@1 many@2 hidden passing masked nowhere"
_COMPARED = """
import sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from vaguemestre.host.activator.units import Survey, states
names = sys.argv[2:]
told, failed = Survey(names).told()
assert told == {name: replace(one, outdated=False) for name, one in states(names).items()}, (told, states(names))
assert failed == ("odd-broken.service",), failed
print(*sorted(told))
"""
_TIDY = """
systemctl stop odd-disabled odd-many@1 odd-hidden odd-passing; systemctl reset-failed odd-broken
rm -f /run/systemd/system/odd-* /etc/systemd/system/odd-*; systemctl daemon-reload
"""


def test_systemds_two_lists_say_of_every_kind_of_unit_what_it_shows_of_each(guest: Guest) -> None:
    odd = " ".join(f"odd-{name}.service" for name in _UNITS.split())
    real = "nginx.service ssh.service sshd.service systemd-journald.service apt-daily.timer getty@tty1.service -.mount"
    guest.run(_ODD)
    try:
        compared = guest.run(f"python3 -I -c '{_COMPARED}' /var/lib/vaguemestre/activator-*.pyz {odd} {real} 2>&1")
    finally:
        guest.run(_TIDY)
    found = compared.split()
    assert found[:1] == ["-.mount"], compared
    assert {f"odd-{name}.service" for name in _UNITS.split()} - set(found) == {"odd-nowhere.service"}
