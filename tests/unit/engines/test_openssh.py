"""OpenSSH checks a host's key in the inventory's file, whether it stands there by address or by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaguemestre.engines.openssh import host_key_arguments
from vaguemestre.engines.targets import Target

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPhsS3bx8Y"


def arguments(tmp_path: Path, known: str, port: int = 22) -> str:
    file = tmp_path / "known_hosts"
    file.write_text(f"# kept by hand\n{known} {KEY}\n")
    target = Target("mail.a.test", "192.0.2.10", port, "vaguemestre", "root", None, str(file))
    return host_key_arguments(target)


@pytest.mark.parametrize("known", ["192.0.2.10", "mail.a.test,192.0.2.10", "|1|c2FsdA==|aGFzaA==", "other.test"])
def test_a_host_known_by_its_address_needs_no_other_name(tmp_path: Path, known: str) -> None:
    assert "HostKeyAlias" not in arguments(tmp_path, known)


def test_a_host_known_by_its_name_alone_is_looked_up_by_that(tmp_path: Path) -> None:
    assert "-o HostKeyAlias='mail.a.test'" in arguments(tmp_path, "mail.a.test")
    assert "-o HostKeyAlias='[mail.a.test]:2222'" in arguments(tmp_path, "[mail.a.test]:2222", port=2222)


def test_nothing_is_taken_on_trust_and_no_other_file_is_believed(tmp_path: Path) -> None:
    assert "-o StrictHostKeyChecking=yes" in arguments(tmp_path, "192.0.2.10")
    assert "-o GlobalKnownHostsFile=/dev/null" in arguments(tmp_path, "192.0.2.10")
