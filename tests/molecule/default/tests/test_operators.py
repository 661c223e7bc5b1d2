"""What a rollout must leave behind, asked of each host by testinfra, and of the operators by real mail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from testinfra.host import Host


def test_no_service_has_failed(host: Host) -> None:
    assert host.check_output("systemctl list-units --state=failed --no-legend --plain") == ""


@pytest.mark.parametrize(("port", "greeting"), [(25, "220 "), (587, "220 "), (143, "* OK")])
def test_mail_services_greet_under_the_name_of_the_host(host: Host, port: int, greeting: str) -> None:
    listen = f"exec 3<>/dev/tcp/127.0.0.1/{port}; head -n 1 <&3"
    assert host.check_output(f"timeout 10 bash -c '{listen}'").startswith(greeting)


def test_only_the_kits_user_gets_in_by_ssh(host: Host) -> None:
    assert host.user().name == "vaguemestre"
    with host.sudo():
        assert "permitrootlogin no" in host.check_output("sshd -T")


def test_the_operators_write_to_each_other_and_to_nobody_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The packaged suite, once, not for each host: what one of them must do takes both."""
    reports: Path = tmp_path_factory.getbasetemp() / "verification"
    if reports.exists():
        return
    done = subprocess.run(
        [sys.executable, "-m", "vaguemestre", "verify", "ch-lens", "--reports", str(reports)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
