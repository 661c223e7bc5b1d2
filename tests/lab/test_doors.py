"""The two doors on real hosts: equal in what they leave behind, clear in what goes wrong, and a rollout that stops."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cutting import cut_after
from terminal import Typed

from vaguemestre import inventory
from vaguemestre.engines import pyinfra, wire
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.trouble import Trouble
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab, State

SCRATCH = Path(__file__).parent / "inventory"
A, B = "a.scratch.test", "b.scratch.test"

Vaguemestre = Callable[..., Typed]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the scratch inventory that tests may write in."""
    folder = tmp_path_factory.mktemp("inventories") / "scratch"
    shutil.copytree(SCRATCH, folder)
    text = (folder / "inventory.yml").read_text()
    anchors = SCRATCH / "../../../inventories/lab/trust/national.pem"
    (folder / "inventory.yml").write_text(
        text.replace("../../../inventories/lab/trust/national.pem", str(anchors.resolve()))
    )
    return folder


@pytest.fixture(scope="module")
def both(scratch: tuple[str, ...], written: Path, vaguemestre: Vaguemestre) -> Path:
    """Two hosts, bare before: the one made what it should be through pyinfra, the other through Ansible."""
    assert scratch == (A, B)
    vaguemestre("apply", A, inventory=written).succeeded()
    vaguemestre("rollout", B, inventory=written).succeeded()
    return written


@pytest.fixture
def changed(both: Path, vaguemestre: Vaguemestre) -> Iterator[Callable[[str], Path]]:
    """Give every host of the inventory something to change; afterwards hosts and inventory are as before."""
    file = both / "inventory.yml"
    before = file.read_text()

    def change(size: str) -> Path:
        file.write_text(before + f"\njournal:\n  max_use: {size}\n")
        return both

    yield change
    file.write_text(before)
    vaguemestre("apply", inventory=both).succeeded()


def said(lab: Lab, host: str, command: str) -> str:
    done = lab.exec(host, ["sh", "-c", command])
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


# What the doors leave behind.


def test_a_bare_host_is_recognised_and_a_plan_leaves_it_bare(
    lab: Lab, scratch: tuple[str, ...], written: Path, vaguemestre: Vaguemestre
) -> None:
    planned = vaguemestre("plan", A, "--json", inventory=written)
    assert planned.code == 3
    assert planned.json[A]["trouble"] == "bare"
    assert lab.exec(A, ["sh", "-c", "command -v python3 sudo || id vaguemestre"]).returncode != 0


@pytest.fixture
def podman(lab: Lab, tmp_path: Path) -> str:
    """A PATH on which `podman` is the lab's own."""
    ours = {name: value for name, value in lab.engine.environment().items() if name.startswith("CONTAINERS_")}
    program = shutil.which("podman")
    assert program
    words = ["env", *(f"{name}={value}" for name, value in ours.items()), *lab.engine.way_in(), program]
    (tmp_path / "podman").write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    (tmp_path / "podman").chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def test_first_contact_may_be_a_shell_in_a_container(
    lab: Lab, scratch: tuple[str, ...], written: Path, vaguemestre: Vaguemestre, podman: str
) -> None:
    name = f"podman/{lab.guests.container(A)}"
    done = vaguemestre("bootstrap", A, "--container", name, "--json", inventory=written, PATH=podman).succeeded()
    assert "install python3 and sudo" in done.json[A]["changed"]
    assert vaguemestre("bootstrap", A, "--json", inventory=written).succeeded().json[A]["changed"] == []


def test_a_container_that_does_not_run_is_not_made(
    written: Path, scratch: tuple[str, ...], vaguemestre: Vaguemestre, podman: str
) -> None:
    done = vaguemestre("bootstrap", B, "--container", "podman/absent", inventory=written, PATH=podman)
    assert done.code == 4
    assert "podman/absent is not a running container" in done.screen


def test_both_doors_leave_the_same_tree(lab: Lab, both: Path) -> None:
    assert tree(lab, A) == tree(lab, B)


def tree(lab: Lab, host: str) -> set[str]:
    """Every file of /etc and of the kit, with its owner, mode and content; what belongs to one machine left out."""
    others = ("/etc/ssh/ssh_host_*", "/etc/vaguemestre/tls/*", "/etc/hosts", "*/machine-id", "*/shadow*", "*/passwd*")
    left_out = " ".join(f"! -path '{one}'" for one in others)
    listing = (
        f"find /etc /usr/lib/vaguemestre -xdev -type f {left_out}"
        f" ! -name ld.so.cache -printf '%p %m %u %g ' -exec sh -c 'sed s/{host}/HOST/g \"$1\" | sha256sum' sh {{}} \\;"
    )
    return set(said(lab, host, listing).splitlines())


def test_both_doors_leave_the_same_status(both: Path, vaguemestre: Vaguemestre) -> None:
    told = vaguemestre("status", "--json", inventory=both).succeeded().json
    assert {name: stripped(told[A])[name] for name in told[A]} == stripped(told[B])


def stripped(status: dict[str, Any]) -> dict[str, Any]:
    """A status without what is one host's own: ids, which hash its name, and times."""
    assert status["live"] == status["expected"]
    return status | dict.fromkeys(("live", "expected", "since"))


def test_each_door_finds_the_work_of_the_other_done(both: Path, vaguemestre: Vaguemestre) -> None:
    assert vaguemestre("apply", B, "--json", inventory=both).succeeded().json[B]["changed"] is False
    assert "changed=0" in vaguemestre("rollout", A, inventory=both).succeeded().out


def test_first_contact_with_a_prepared_host_does_nothing(both: Path, vaguemestre: Vaguemestre) -> None:
    assert vaguemestre("bootstrap", "--json", inventory=both).succeeded().json[A]["changed"] == []


def test_a_change_by_hand_is_found_by_the_audit_and_undone_by_apply(
    lab: Lab, both: Path, vaguemestre: Vaguemestre
) -> None:
    said(lab, A, "echo '# by hand' >>/etc/chrony/chrony.conf")
    found = vaguemestre("audit", "--json", inventory=both)
    assert found.code == 3
    assert drifted(found) == {A: ["file /etc/chrony/chrony.conf"], B: []}
    vaguemestre("apply", A, inventory=both).succeeded()
    assert drifted(vaguemestre("audit", "--json", inventory=both)) == {A: [], B: []}


def drifted(audit: Typed) -> dict[str, list[str]]:
    """What differs on each host from its live release."""
    return {
        one["host"]: [each["about"] for each in one["findings"] if each["subject"] == "drift"]
        for one in audit.json["hosts"]
    }


def test_a_rollback_puts_the_previous_release_back(
    changed: Callable[[str], Path], lab: Lab, vaguemestre: Vaguemestre
) -> None:
    folder = changed("210M")
    before = vaguemestre("apply", A, "--json", inventory=folder).succeeded().json[A]["previous"]
    assert vaguemestre("rollback", A, "--json", inventory=folder).succeeded().json[A]["release"] == before
    assert "210M" not in said(lab, A, "cat /etc/systemd/journald.conf.d/vaguemestre.conf")


# What goes wrong on one host, said once and clearly, while the other is dealt with.


def faulty(fleet: Fleet, **ssh: Any) -> Fleet:
    """The fleet with other SSH settings for host A only."""
    first, *others = fleet.establishments
    settings = first.settings.model_copy(update={"ssh": first.settings.ssh.model_copy(update=ssh)})
    return replace(fleet, establishments=(first.model_copy(update={"settings": settings}), *others))


def asked(fleet: Fleet) -> Failure:
    """The failure of host A, with B as it should be."""
    told = pyinfra.status(fleet)
    assert isinstance(told[B], wire.Status)
    failure = told[A]
    assert isinstance(failure, Failure)
    assert failure.message.startswith(A)
    return failure


@pytest.fixture(scope="module")
def fleet_of_both(both: Path) -> Fleet:
    return inventory.load(both)


def test_a_host_that_does_not_answer(fleet_of_both: Fleet, state: State) -> None:
    first, *others = fleet_of_both.establishments
    nobody = first.hosts[0].model_copy(update={"address": IPv4Address(int(state.network.network_address) + 250)})
    fleet = replace(fleet_of_both, establishments=(first.model_copy(update={"hosts": (nobody,)}), *others))
    assert asked(fleet).trouble is Trouble.UNREACHABLE


def test_a_key_that_the_host_does_not_know(fleet_of_both: Fleet, tmp_path: Path) -> None:
    import subprocess

    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    failure = asked(faulty(fleet_of_both, key=tmp_path / "other"))
    assert failure.trouble is Trouble.REFUSED
    assert "authorized_keys" in failure.message


def test_a_host_key_that_changed(fleet_of_both: Fleet, state: State, tmp_path: Path) -> None:
    book = tmp_path / "known_hosts"
    lines = state.known_hosts.read_text().splitlines()
    key_of_b = next(line for line in lines if B in line or str(address(fleet_of_both, B)) in line).split(maxsplit=1)[1]
    book.write_text(f"{address(fleet_of_both, A)} {key_of_b}\n")
    failure = asked(faulty(fleet_of_both, known_hosts=book))
    assert failure.trouble is Trouble.CHANGED_KEY
    assert "ssh-keygen -lf" in failure.message


def test_a_host_key_that_nobody_has_vouched_for(fleet_of_both: Fleet, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    failure = asked(faulty(fleet_of_both, known_hosts=tmp_path / "known_hosts"))
    assert failure.trouble is Trouble.UNKNOWN_KEY
    assert "ssh-keyscan" in failure.message


def address(fleet: Fleet, name: str) -> IPv4Address:
    return next(host.address for _, host in fleet.hosts() if host.name == name)


def test_a_proxy_that_dies_while_packages_come(both: Path, state: State, lab: Lab, vaguemestre: Vaguemestre) -> None:
    said(lab, A, "apt-get clean; apt-get purge -qy chrony nftables; apt-get autoremove -qy --purge")
    fleet = inventory.load(both)
    with cut_after(state.apt_proxy, str(state.gateway), 0.3) as proxy:
        told = pyinfra.apply(proxied(fleet, proxy))
    failed, other = told[A], told[B]
    assert isinstance(failed, wire.Failed)
    assert failed.phase == "packages"
    assert "apt-get" in failed.message
    assert isinstance(other, wire.Applied | wire.Failed)
    vaguemestre("apply", inventory=both).succeeded()
    assert "inactive" not in said(lab, A, "systemctl is-active chrony nftables || true")


def proxied(fleet: Fleet, proxy: str) -> Fleet:
    """The fleet with another apt proxy for host A."""
    first, *others = fleet.establishments
    apt = first.settings.apt.model_copy(update={"proxy": proxy})
    settings = first.settings.model_copy(update={"apt": apt})
    return replace(fleet, establishments=(first.model_copy(update={"settings": settings}), *others))


def test_a_link_cut_during_activation_leaves_the_host_to_finish_by_itself(
    changed: Callable[[str], Path], lab: Lab
) -> None:
    fleet = inventory.load(changed("220M"))
    heard: list[str] = []

    def told(host: str, text: str) -> None:
        heard.append(text)
        if text.startswith("switching"):
            lab.cut(host)
            threading.Timer(30, lab.mend, (host,)).start()

    applied = pyinfra.apply(fleet, [A], told)[A]
    assert any("the link was cut" in text for text in heard)
    assert isinstance(applied, wire.Applied)
    assert applied.changed
    assert "220M" in said(lab, A, "cat /etc/systemd/journald.conf.d/vaguemestre.conf")


# A rollout that meets a fault.


@pytest.fixture
def saboteur(lab: Lab, both: Path) -> Iterator[None]:
    """Something else on host A, the first of the fleet."""
    with sabotaged(lab, A):
        yield


@pytest.fixture
def last_saboteur(lab: Lab, both: Path) -> Iterator[None]:
    """Something else on host B, the last of the fleet."""
    with sabotaged(lab, B):
        yield


@contextmanager
def sabotaged(lab: Lab, host: str) -> Iterator[None]:
    """What rewrites a file of ours as soon as a new release is live."""
    unit = "/etc/systemd/system/saboteur"
    written = {
        "path": "[Path]\nPathChanged=/etc/systemd/journald.conf.d/vaguemestre.conf",
        "service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo \"# mine\" >>/etc/chrony/chrony.conf'",
    }
    for kind, text in written.items():
        said(lab, host, f"cat >{unit}.{kind} <<'END'\n{text}\nEND")
    said(lab, host, "systemctl daemon-reload && systemctl start saboteur.path")
    yield
    said(lab, host, f"systemctl stop saboteur.path; rm {unit}.*; systemctl daemon-reload")


def live(told: Typed) -> dict[str, str]:
    return {host: outcome["live"] for host, outcome in told.json.items()}


def test_a_wave_that_fails_is_put_back_and_the_next_one_is_not_touched(
    changed: Callable[[str], Path], saboteur: None, both: Path, vaguemestre: Vaguemestre
) -> None:
    before = live(vaguemestre("status", "--json", inventory=both))
    done = vaguemestre("rollout", inventory=changed("230M"))
    assert done.code == 1
    assert "/etc/chrony/chrony.conf" in done.screen
    assert f"[{B}]" not in done.screen
    assert live(vaguemestre("status", "--json", inventory=both)) == before


@pytest.fixture
def one_wave(both: Path) -> Iterator[None]:
    """Both hosts in one wave."""
    file = both / "scratch-b.yml"
    before = file.read_text()
    file.write_text(before.replace("wave: 2", "wave: 1"))
    yield
    file.write_text(before)


def test_a_host_that_was_done_is_put_back_with_its_wave(
    changed: Callable[[str], Path], one_wave: None, last_saboteur: None, both: Path, vaguemestre: Vaguemestre
) -> None:
    before = live(vaguemestre("status", "--json", inventory=both))
    done = vaguemestre("rollout", inventory=changed("235M"))
    assert done.code == 1
    assert f"put back, because of {B}" in done.screen
    assert live(vaguemestre("status", "--json", inventory=both)) == before


def test_a_wave_that_does_not_answer_stops_the_rollout(
    changed: Callable[[str], Path], lab: Lab, both: Path, vaguemestre: Vaguemestre
) -> None:
    folder = changed("240M")
    before = live(vaguemestre("status", "--json", inventory=folder))
    lab.cut(A)
    try:
        done = vaguemestre("rollout", inventory=folder)
    finally:
        lab.mend(A)
    assert done.code in (1, 4)
    assert f"[{B}]" not in done.screen
    assert live(vaguemestre("status", "--json", inventory=folder)) == before


def test_a_dry_rollout_shows_the_changes_of_all_waves_and_makes_none(
    changed: Callable[[str], Path], both: Path, vaguemestre: Vaguemestre
) -> None:
    folder = changed("250M")
    before = live(vaguemestre("status", "--json", inventory=folder))
    done = vaguemestre("rollout", "--dry-run", inventory=folder)
    assert done.code == 3
    assert done.out.count("+SystemMaxUse=250M") == 1  # once, for both
    assert (A in done.out, B in done.out) == (True, True)
    assert live(vaguemestre("status", "--json", inventory=folder)) == before


def test_a_rollout_in_good_order_takes_every_wave(changed: Callable[[str], Path], vaguemestre: Vaguemestre) -> None:
    folder = changed("260M")
    vaguemestre("rollout", inventory=folder).succeeded()
    after = vaguemestre("audit", "--json", inventory=folder)
    assert {one["live"] == one["expected"] for one in after.json["hosts"]} == {True}
    assert drifted(after) == {A: [], B: []}


def test_the_inventory_is_the_same_for_plain_ansible(
    both: Path, fleet_of_both: Fleet, vaguemestre: Vaguemestre
) -> None:
    told = json.loads(vaguemestre("inventory", inventory=both).succeeded().out)
    assert [told["_meta"]["hostvars"][name]["ansible_host"] for name in (A, B)] == [
        str(address(fleet_of_both, name)) for name in (A, B)
    ]
