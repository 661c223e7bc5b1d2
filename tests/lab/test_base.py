"""A host with the roles base and pki alone: who gets in, from where, and what a power cut leaves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Typed

from vaguemestre.lab import Lab, State

HERE = Path(__file__).parent / "inventory"
NAME = "a.scratch.test"
KEYS = "/home/vaguemestre/.ssh/authorized_keys"


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory, state: State) -> Path:
    """The scratch hosts' inventory, SSH being open to this machine alone."""
    folder = tmp_path_factory.mktemp("inventory")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    shared = (folder / "inventory.yml").read_text().replace("10.83.0.0/16", f"{state.gateway}/32")
    (folder / "inventory.yml").write_text(shared)
    return folder


@pytest.fixture(scope="module")
def host(scratch: tuple[str, ...], inventory: Path, vaguemestre: Callable[..., Typed], state: State) -> str:
    """The address of a host that has been given its base."""
    vaguemestre("apply", NAME, inventory=inventory).succeeded()
    return next(str(guest.address) for guest in state.guests if guest.name == NAME)


def ssh(state: State, login: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A login from this machine, with the lab's key unless the options say otherwise."""
    strict = ("-o", f"UserKnownHostsFile={state.known_hosts}", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes")
    command = ("ssh", "-F", "none", "-i", str(state.ssh_key), *strict, *options, login, "true")
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_kit_logs_in_by_its_name_and_root_no_longer_does(state: State, host: str) -> None:
    assert ssh(state, f"vaguemestre@{host}").returncode == 0
    assert "Permission denied" in ssh(state, f"root@{host}").stderr


def test_no_password_is_ever_asked_for(state: State, host: str) -> None:
    asked = ssh(state, f"vaguemestre@{host}", "-o", "PreferredAuthentications=password,keyboard-interactive")
    assert "Permission denied (publickey)" in asked.stderr


def test_ssh_answers_the_administrators_network_and_nobody_else(lab: Lab, host: str) -> None:
    knock = ["timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{host}/22; head -c 4 <&3"]
    assert subprocess.run(knock, capture_output=True, check=False).stdout == b"SSH-"
    assert lab.exec("b.scratch.test", knock).stdout == b""


def test_a_second_apply_finds_nothing_to_do(host: str, inventory: Path, vaguemestre: Callable[..., Typed]) -> None:
    assert "nothing to do" in vaguemestre("apply", NAME, inventory=inventory).succeeded().screen


def test_what_would_lock_the_controller_out_is_refused_and_nothing_changes(
    lab: Lab, host: str, inventory: Path, vaguemestre: Callable[..., Typed]
) -> None:
    lab.exec(NAME, ["mv", KEYS, f"{KEYS}2"])  # sshd still reads it there; for the next sshd nobody promised that
    lab.exec(
        NAME, ["sed", "-i", "s/LoginGraceTime 30/LoginGraceTime 20/", "/etc/ssh/sshd_config.d/00-vaguemestre.conf"]
    )
    refused = vaguemestre("apply", NAME, inventory=inventory)
    assert refused.code == 1
    assert "would lock the controller out" in refused.screen
    drifted = lab.exec(NAME, ["grep", "LoginGraceTime", "/etc/ssh/sshd_config.d/00-vaguemestre.conf"])
    assert drifted.stdout == b"LoginGraceTime 20\n"
    lab.exec(NAME, ["mv", f"{KEYS}2", KEYS])
    vaguemestre("apply", NAME, inventory=inventory).succeeded()


def test_networks_that_would_shut_the_controller_out_are_refused(
    state: State, host: str, inventory: Path, vaguemestre: Callable[..., Typed], tmp_path: Path
) -> None:
    shutil.copytree(inventory, tmp_path, dirs_exist_ok=True)
    elsewhere = (tmp_path / "inventory.yml").read_text().replace(f"{state.gateway}/32", "192.0.2.0/28")
    (tmp_path / "inventory.yml").write_text(elsewhere)
    refused = vaguemestre("apply", NAME, inventory=tmp_path)
    assert refused.code == 1
    assert f"SSH from {state.gateway}, where you are now, would be refused" in refused.screen
    assert ssh(state, f"vaguemestre@{host}").returncode == 0


def test_after_a_power_cut_the_firewall_stands_and_the_host_knows_its_name(lab: Lab, host: str) -> None:
    lab.kill(NAME)
    lab.start(NAME)
    assert b"policy drop" in lab.exec(NAME, ["nft", "list", "chain", "inet", "vaguemestre", "input"]).stdout
    assert lab.exec(NAME, ["hostname"]).stdout.decode().strip() == NAME
    assert lab.exec(NAME, ["systemctl", "is-system-running", "--wait"]).stdout == b"running\n"
