"""A real inventory's copy for the lab."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import HOSTED, OPERATOR, SECOND, fleet, write

from vaguemestre.inventory import read
from vaguemestre.rehearsed import NETWORK, RehearsalError, copy

REAL = OPERATOR.replace("10.83.27.11", "192.0.2.10").replace("wave: 1", "wave: 1\nsettings: {clock: {steer: true}}")
SHARED = """\
ssh: {key: ssh/vaguemestre, known_hosts: ssh/known_hosts, admin_networks: [192.0.2.0/28], bootstrap_user: admin}
apt: {mirror: "http://deb.example.test/debian"}
resolvers: [192.0.2.53]
"""


def test_a_copy_is_a_labs_inventory_of_the_same_establishments(tmp_path: Path) -> None:
    real = fleet(tmp_path / "real", inventory=SHARED, pasteur=REAL, lens=SECOND, tilleuls=HOSTED)
    copy(real, (), tmp_path / "copy")
    rehearsed = read(tmp_path / "copy")
    assert [one.slug for one in rehearsed.establishments] == [one.slug for one in real.establishments]
    assert rehearsed.settings.lab is not None
    assert all(host.address in NETWORK for _, host in rehearsed.hosts())
    assert len({host.address for _, host in rehearsed.hosts()}) == 2


def test_a_part_comes_with_whom_it_serves_and_nobody_else(tmp_path: Path) -> None:
    real = fleet(tmp_path / "real", pasteur=REAL, lens=SECOND, tilleuls=HOSTED)
    copy(real, ("tilleuls",), tmp_path / "copy")
    assert [one.slug for one in read(tmp_path / "copy").establishments] == ["pasteur", "tilleuls"]


def test_nothing_keeps_the_labs_controller_out_and_no_clock_is_touched(tmp_path: Path) -> None:
    copy(fleet(tmp_path / "real", inventory=SHARED, pasteur=REAL), (), tmp_path / "copy")
    settings = read(tmp_path / "copy").establishments[0].settings
    assert [str(one) for one in settings.ssh.admin_networks] == ["10.83.0.0/16"]
    assert settings.clock.steer is False


def test_what_both_have_in_common_stays_as_written(tmp_path: Path) -> None:
    copy(fleet(tmp_path / "real", inventory=SHARED + "journal: {max_use: 3G}\n", pasteur=REAL), (), tmp_path / "copy")
    assert read(tmp_path / "copy").settings.journal.max_use == "3G"


def test_no_secret_and_no_key_is_copied(tmp_path: Path) -> None:
    real = fleet(tmp_path / "real", pasteur=REAL)
    for name in ("secrets/mail.pasteur.mssante.test/key", "ssh/vaguemestre", "records/rollouts/one.json", ".vault"):
        (real.root / name).parent.mkdir(parents=True, exist_ok=True)
        (real.root / name).write_text("secret")
    copy(real, (), tmp_path / "copy")
    assert "secret" not in {file.read_text() for file in (tmp_path / "copy").rglob("*") if file.is_file()}


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    real = fleet(tmp_path / "real", pasteur=REAL)
    other = write(tmp_path / "other", lens=SECOND)
    with pytest.raises(RehearsalError, match="is not empty"):
        copy(real, (), other)
    assert (other / "lens.yml").read_text() == SECOND


def test_more_hosts_than_a_lab_has_addresses_are_refused(tmp_path: Path) -> None:
    hosts = "".join(
        f"  - {{name: h{n}.pasteur.mssante.test, address: 192.0.2.{n}, roles: [base, pki]}}\n" for n in range(20, 120)
    )
    real = fleet(tmp_path / "real", pasteur=REAL.replace("contacts:", f"{hosts}contacts:"))
    with pytest.raises(RehearsalError, match="101 hosts are too many"):
        copy(real, (), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
