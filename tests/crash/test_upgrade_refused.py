"""A release is for one Debian: on another host nothing of it is done, and the way between two releases is one step."""

from __future__ import annotations

import pytest
from changes import SECRETS, new, old
from scratch import Host

from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.observe import Observed
from vaguemestre.host.activator.upgrade import _refuse_leap, _refuse_loss, _refuse_no_source
from vaguemestre.release import Package, Release

POLICY = "base-files:\n  Installed: 12.4+deb12u12\n  Candidate: {}\n  Version table:\n"


def test_a_release_for_another_debian_changes_nothing(host: Host) -> None:
    host.write("/etc/debian", "bookworm")
    tree, units = host.tree(), host.units()
    ended = host.run("apply", new(), secrets=SECRETS[new().id])
    assert ended.code == 1
    assert "runs Debian bookworm, and the release is for Debian trixie" in ended.result["message"]
    assert "vaguemestre upgrade" in ended.result["message"]
    assert (host.tree(), host.units(), host.live()) == (tree, units, old().id)


def test_after_an_upgrade_the_older_debians_release_does_not_come_back(host: Host) -> None:
    host.run("apply", new(), secrets=SECRETS[new().id])
    host.write("/etc/debian", "forky")
    ended = host.run("rollback")
    assert ended.code == 1
    assert host.live() == new().id


def test_a_host_that_is_the_new_debian_already_is_only_given_the_release(host: Host) -> None:
    assert host.run("upgrade", new(), secrets=SECRETS[new().id]).code == 0
    assert host.live() == new().id


@pytest.mark.parametrize(("found", "wanted"), [("trixie", "bookworm"), ("bullseye", "trixie"), ("", "trixie")])
def test_there_is_no_way_back_and_no_leap(found: str, wanted: str) -> None:
    with pytest.raises(ActivationError, match="no way in place"):
        _refuse_leap(found, wanted)


def test_the_next_debian_is_one_step_away() -> None:
    _refuse_leap("bookworm", "trixie")


@pytest.mark.parametrize("candidate", ["12.4+deb12u12", "(none)"])
def test_an_apt_that_does_not_know_the_new_debian_is_told_of_before_anything_happens(candidate: str) -> None:
    with pytest.raises(ActivationError, match="finds no Debian trixie"):
        _refuse_no_source(POLICY.format(candidate), "trixie")


def test_an_apt_that_knows_the_new_debian_will_do() -> None:
    _refuse_no_source(POLICY.format("13.8+deb13u1"), "trixie")


def test_an_upgrade_that_would_remove_a_package_of_ours_is_refused() -> None:
    release = Release.of("mail.scratch.test", "trixie", [("scratch", Package("dovecot-core"))])
    seen = Observed(packages={"dovecot-core": "2.3"})
    said = "Inst libc6 [2.36] (2.41)\nRemv dovecot-core [2.3]\nRemv libperl5.36 [5.36]\n"
    with pytest.raises(ActivationError, match="would remove dovecot-core;"):
        _refuse_loss(said, release, seen)
    _refuse_loss(said.replace("Remv dovecot-core", "Inst dovecot-core"), release, seen)
