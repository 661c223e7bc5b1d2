"""Power goes while the live database is written to: it is not believed again. Nothing else costs it its life."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from golden.hosts import context

from roles import openldap
from vaguemestre.establishment import RoleName
from vaguemestre.host.annuaire import settling
from vaguemestre.release import File

PREPARED = "annuaire prepare"


@dataclass
class Machine:
    """Its disk, and what is gone with a boot."""

    root: Path

    @property
    def mark(self) -> Path:
        return self.root / "state" / "unsettled"

    @property
    def database(self) -> Path:
        return self.root / "national"

    @property
    def held(self) -> bool:
        return (self.database / "data.mdb").exists()

    def slapd_starts(self) -> bool:
        return settling.prepare(self.mark, self.database, self.root / "run" / "slapd-started")

    def boots(self) -> None:
        (self.root / "run" / "slapd-started").unlink(missing_ok=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    for one in (found.database, found.mark.parent):
        one.mkdir()
    (found.database / "data.mdb").write_text("people")
    found.slapd_starts()
    return found


def test_a_database_that_power_left_half_written_is_thrown_away_once(machine: Machine) -> None:
    settling.begin(machine.mark)
    machine.boots()
    assert machine.slapd_starts()
    assert not machine.held
    (machine.database / "data.mdb").write_text("made by slapd")
    machine.boots()
    assert machine.slapd_starts(), "what slapd made has not settled"
    (machine.database / "data.mdb").write_text("loaded anew")
    settling.settle(machine.mark, machine.database)
    machine.boots()
    assert not machine.slapd_starts()
    assert machine.held


def test_a_slapd_that_is_killed_keeps_what_was_written(machine: Machine) -> None:
    settling.begin(machine.mark)
    assert not machine.slapd_starts()
    assert machine.held
    machine.boots()
    assert machine.slapd_starts(), "it was never brought to the disk"


def test_what_has_settled_outlives_any_boot(machine: Machine) -> None:
    settling.begin(machine.mark)
    settling.settle(machine.mark, machine.database)
    machine.boots()
    assert not machine.slapd_starts()
    assert machine.held


def test_what_is_to_be_thrown_away_may_be_gone_already(machine: Machine) -> None:
    settling.begin(machine.mark)
    machine.boots()
    (machine.database / "data.mdb").unlink()
    assert machine.slapd_starts()
    settling.begin(machine.mark)
    settling.settle(machine.mark, machine.database)
    assert not machine.mark.exists()


def test_what_slapd_makes_where_there_is_none_has_not_settled(machine: Machine) -> None:
    (machine.database / "data.mdb").unlink()
    assert not machine.slapd_starts()
    assert machine.mark.exists()


def test_a_link_in_the_marks_place_leads_nowhere(machine: Machine, tmp_path: Path) -> None:
    (machine.database / "data.mdb").unlink()
    machine.mark.symlink_to(tmp_path / "elsewhere")
    machine.slapd_starts()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("host", "waits"), [("mail.ch-lens", False), ("annuaire.ch-lens", True)])
def test_slapd_waits_for_the_disk_unless_a_run_of_this_host_looks_after_it(host: str, waits: bool) -> None:
    known = context("fullest", host)
    items = {one.path: one.content.decode() for one in openldap.items(known) if isinstance(one, File)}
    drop_in = items["/etc/systemd/system/slapd.service.d/vaguemestre.conf"]
    assert known.host.has(RoleName.DIRECTORY) is not waits
    assert ("\nenvflags nosync\n" in items[openldap.CONFIGURATION]) is not waits
    assert (PREPARED in drop_in) is not waits
    assert waits or drop_in.index(PREPARED) < drop_in.index("directory index"), "indices of what is to stay"
