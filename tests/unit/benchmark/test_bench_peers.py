"""The benchmark's peers are told the same things as the kit: nothing left out, nothing made easier."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import pytest
from benchmark import peers
from benchmark.table import AIMS, Figures, told

from vaguemestre.release import Account, Credential, Directory, File, Package, Release, Unit

SECRETS = {"tls.key": b"a key"}
RELEASE = Release(
    host="mail.essai.test",
    debian="trixie",
    packages=(Package("chrony"), Package("postfix")),
    accounts=(Account("vmail", home="/var/vmail", uid=5000),),
    directories=(Directory("/etc/essai", mode=0o750),),
    files=(File("/etc/essai/a.conf", b"a = 1\n", mode=0o640), File("/etc/essai/b.conf", b"b = 2\n")),
    credentials=(Credential("/etc/essai/key.pem", "tls.key", "0011"),),
    units=(Unit("postfix.service"), Unit("apt-daily.timer", masked=True)),
)


def test_sha256sum_is_given_every_file_and_secret() -> None:
    lines = peers.checksums(RELEASE, SECRETS).decode().splitlines()
    assert lines[-1] == f"{hashlib.sha256(b'a key').hexdigest()}  /etc/essai/key.pem"
    assert [line.split("  ")[1] for line in lines] == ["/etc/essai/a.conf", "/etc/essai/b.conf", "/etc/essai/key.pem"]


def test_files_lie_in_a_folder_for_each_host_for_their_owner_alone(tmp_path: Path) -> None:
    peers.lay_out(RELEASE, SECRETS, tmp_path)
    key = tmp_path / "mail.essai.test/etc/essai/key.pem"
    assert (key.read_bytes(), key.stat().st_mode & 0o777) == (b"a key", 0o600)


def test_ansible_has_a_task_for_each_item_and_one_for_all_packages(tmp_path: Path) -> None:
    (play,) = peers.tasks(RELEASE, tmp_path)
    modules = [next(name for name in task if name.startswith("ansible.builtin.")) for task in play["tasks"]]
    assert [module.removeprefix("ansible.builtin.") for module in modules] == [
        "apt", "user", "file", "copy", "copy", "copy", "systemd_service", "systemd_service",
    ]  # fmt: skip
    assert play["tasks"][2]["ansible.builtin.file"]["mode"] == "0750"
    assert play["tasks"][-1]["ansible.builtin.systemd_service"] == {"name": "apt-daily.timer", "masked": True}


def test_pyinfra_has_an_operation_for_each_item_but_masks(tmp_path: Path) -> None:
    source = peers.operations(RELEASE, tmp_path)
    calls = [node.value.func for node in ast.parse(source).body if isinstance(node, ast.Expr)]  # type: ignore[attr-defined]
    assert [f"{call.value.id}.{call.attr}" for call in calls] == [
        "apt.packages", "server.user", "files.directory", "files.put", "files.put", "files.put", "systemd.service",
    ]  # fmt: skip
    assert "mode='640'" in source


def test_ratios_are_of_medians_and_stand_beside_their_aims() -> None:
    figures = Figures(hosts=8, memory={"status": 100 * 1024 * 1024})
    for seconds in (0.3, 0.2, 9.0):
        figures.add("bare SSH", 1, seconds)
    figures.add("drift check", 1, 0.75)
    assert figures.ratios()["drift check / bare SSH", 1] == pytest.approx(2.5)
    assert "at most 2x: MISSED" in told(figures)
    assert "at most 150 MB: met" in told(figures)


def test_every_aim_names_trials_that_are_run() -> None:
    source = (Path(peers.__file__).parent / "__main__.py").read_text()
    trials = {part.strip() for name in AIMS if "/" in name for part in name.split("/")}
    assert all(f'"{trial}"' in source for trial in trials)
