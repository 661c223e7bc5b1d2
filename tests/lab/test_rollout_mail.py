"""A release that breaks mail: it reaches one host, mail works there again at once, and no other host changed."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from people import LENS, PASTEUR
from terminal import Terminal

from vaguemestre import inventory
from vaguemestre.engines import wire
from vaguemestre.engines.pyinfra import ask
from vaguemestre.engines.targets import select, target
from vaguemestre.lab import Lab
from vaguemestre.release import Release
from vaguemestre.rollouts import course
from vaguemestre.rollouts.kept import keep, kept
from vaguemestre.rollouts.process import Process
from vaguemestre.rollouts.record import Options, note, read
from vaguemestre.verify.correspondent import Correspondent

OPERATORS = Path(__file__).resolve().parents[2] / "inventories" / "lab"
AGAIN = 60  # seconds after the failure by which mail must work
FIRST, OTHER = f"mail.{LENS}", f"mail.{PASTEUR}"


Wrong = tuple[str, bytes, bytes]

DEAF: Wrong = ("/etc/postfix/master.cf", b"127.0.0.1:10025 ", b"127.0.0.1:10125 ")
"""Postfix's judges are content; but it takes nothing from the edge any more, where nobody listens."""

LOOSE: Wrong = ("/etc/dovecot/dovecot.conf", b"auth_allow_cleartext = no", b"auth_allow_cleartext = yes\nssl = yes")
"""Dovecot's judges and probes are content; but it takes passwords that everybody on the way can read."""


def broken(release: Release, wrong: Wrong) -> Release:
    path, old, new = wrong
    files = tuple(
        replace(one, content=one.content.replace(old, new)) if one.path == path else one for one in release.files
    )
    assert files != release.files
    return replace(release, files=files)


@pytest.fixture
def one_wave(lab: Lab, operators: object, tmp_path: Path) -> Path:
    """Both operators in one wave; CH de Lens is its canary."""
    folder = tmp_path / "one-wave"
    shutil.copytree(OPERATORS, folder)
    text = (folder / "ch-lens.yml").read_text()
    (folder / "ch-lens.yml").write_text(text.replace("wave: 2", "wave: 1\ncanary: true"))
    return folder


def begun_badly(folder: Path, wrong: Wrong, options: Options = Options()) -> Path:  # noqa: B008 - a value
    """A rollout that has begun with broken releases; nobody works on it, so it can be resumed."""
    fleet = inventory.load(folder)
    path = course.begin(fleet, [FIRST, OTHER], options, Process.of(os.getpid()))
    for host in (FIRST, OTHER):
        good = kept(path, host)
        bad = replace(good, document=broken(good.release, wrong).document())
        keep(path, bad)
        note(path, host, release=bad.id)
    course.end(path)
    return path


def standing(folder: Path) -> dict[str, tuple[object, ...]]:
    """What is live on each host, and what there differs from it."""
    fleet = inventory.load(folder)
    asked = ask({host.name: target(fleet, one, host) for one, host in select(fleet)}, "status")
    return {name: (one.live, one.drift, one.stale) for name, one in asked.items() if isinstance(one, wire.Status)}


def failed_at(lab: Lab, host: str) -> float:
    """When the last activation of a host ended, what was before being back; Unix time."""
    newest = "stat -c %.Y /var/lib/vaguemestre/log/$(ls -t /var/lib/vaguemestre/log | head -n 1)"
    return float(lab.exec(host, ["sh", "-c", newest]).stdout)


def test_a_release_that_breaks_mail_reaches_one_host_and_mail_works_there_again(
    one_wave: Path, lab: Lab, anne: Correspondent, paul: Correspondent
) -> None:
    before = standing(one_wave)
    path = begun_badly(one_wave, DEAF)
    told = Terminal(one_wave)("rollout", "resume", path.stem)
    assert told.code == 1, told.screen
    paul.wait_for(anne.send(paul.address, "Après l'échec"))
    anne.wait_for(paul.send(anne.address, "Et en retour"))
    took = time.time() - failed_at(lab, FIRST)
    assert took < AGAIN, f"mail worked {took:.0f} s after the failure"
    record = read(path)
    assert [(one.host, one.result.value) for one in record.hosts] == [(FIRST, "failed"), (OTHER, "not-begun")]
    assert "port 10025" in record.host(FIRST).reason
    assert standing(one_wave) == before
    kept_there = lab.exec(OTHER, ["ls", "/var/lib/vaguemestre/releases"]).stdout.decode()
    assert record.host(OTHER).release not in kept_there


def test_what_probes_do_not_see_verification_does_and_the_release_goes_back(one_wave: Path) -> None:
    before = standing(one_wave)
    path = begun_badly(one_wave, LOOSE, Options(behaviour=True))
    told = Terminal(one_wave)("rollout", "resume", path.stem)
    assert told.code == 1, told.screen
    record = read(path)
    assert [(one.host, one.result.value) for one in record.hosts] == [(FIRST, "failed"), (OTHER, "not-begun")]
    reason = record.host(FIRST).reason
    assert "✗ IMAP refuses a login before TLS" in reason
    assert "A message to a colleague of the same establishment arrives" not in reason
    assert any(line.endswith(" 0 skipped") for line in reason.splitlines())
    assert standing(one_wave) == before
