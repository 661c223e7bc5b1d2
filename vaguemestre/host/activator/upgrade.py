"""From one Debian release to the next, in place, with all its mail.

look      apt is asked what it would do, and all packages are fetched; nothing has changed, and mail flows
packages  the doors are closed: peers find nobody at port 25 and try again for days (RFC 5321 section 4.5.4.1), what is
          in the queue rests. Then apt's full-upgrade, configuration files kept, no service started
activate  the release for the new Debian is judged, switched and probed like any other; the doors are open

`upgrade.json` says which, from the moment when something is about to change. Cut off by whatever, the same is taken up
again at boot, or by the same command. Packages do not go back, so from `packages` on there is only the way forward.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from vaguemestre.host.activator import packages, resident
from vaguemestre.host.activator.activation import Activation, Outcome
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.observe import Observed
from vaguemestre.host.activator.plan import Change
from vaguemestre.host.activator.store import STATE
from vaguemestre.host.activator.switch import moves
from vaguemestre.release import Release

NOTE = f"{STATE}/upgrade.json"
HELD = f"{STATE}/held"
UNIT = "vaguemestre-upgrade.service"
DOORS = ("nginx.service", "postfix.service", "dovecot.service")
"""Through which mail comes in, goes out or is handed on."""

# Code names with the first number of /etc/debian_version, in their order.
_DEBIANS = {"bookworm": "12", "trixie": "13"}
_STAY = {
    "ssh.service",
    "nftables.service",
    "chrony.service",
    "systemd-journald.service",
    "vaguemestre-hostname.service",
}
_UNITS = "/etc/systemd/system"
_DROP_IN = "zz-vaguemestre-held.conf"
_HOLD = "# systemd.unit(5). While Debian is being upgraded on this host.\n[Unit]\nConditionPathExists=!{held}\n"
_RESUME = """\
[Unit]
Description=Vaguemestre: go on with an interrupted upgrade of Debian
ConditionPathExists={note}
Wants=network-online.target
After=network-online.target multi-user.target vaguemestre-settle.service

[Service]
Type=exec
# 5: the controller was quicker to ask for the same.
SuccessExitStatus=5
ExecStart=/usr/bin/python3 -I {program} upgrade {id} --log={state}/log/upgrade.jsonl

[Install]
WantedBy=multi-user.target
"""
# sshd is its own new program from the moment when it is unpacked: unless it is restarted, nobody can log in any more.
_ONLY_SSH = '#!/bin/sh\ncase "$1" in ssh|ssh.service) exit 0;; *) exit 101;; esac\n'
_FORWARD = (
    "mail is held: peers and people try again, what was taken is safe\n"
    "    packages do not go back: put right what is said, and give the same command again"
)


class Upgrade:
    """The work on one host. The caller holds the store's lock."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self.machine = activation.machine
        self.store = activation.store
        self.disk = activation.disk
        self.say = activation.say

    def carry_out(self, id: str) -> Outcome:
        """Make the host one of the release's Debian, and then this release.

        Raises:
            ActivationError: refused or impossible, nothing changed; or cut short, with mail held and only one way on.
        """
        if done := self.activation.recover():
            self.say(done)
        release, phase = self.store.release(id), self._phase()
        if phase is None and self.machine.debian() == release.debian:
            return self.activation.carry_out(id)
        if phase != "activate":
            self._packages(id, release, begun=phase is not None)
        return self._activate(id)

    def _phase(self) -> str | None:
        if not self.disk.look(NOTE):
            return None
        noted: str = json.loads(self.disk.read(NOTE))["phase"]
        return noted

    def _promise(self, id: str, phase: str) -> None:
        """From now on this is gone on with at boot, whatever happens."""
        program = resident.put_program(self.disk, self.machine)
        resume = _RESUME.format(note=NOTE, program=program, id=id, state=STATE)
        self.disk.put(f"{_UNITS}/{UNIT}", resume.encode(), 0o644)
        self.disk.put(NOTE, json.dumps({"release": id, "phase": phase}).encode())
        self.machine.reload_definitions()
        self.machine.enable(UNIT)

    def _packages(self, id: str, release: Release, *, begun: bool) -> None:
        live = self.store.live()
        seen, todo = self.activation.look(release, live)
        sources = moves([one for one in todo if one.key.startswith("/etc/apt/")], release, seen)
        with packages.staged(sources, self.activation.switch.contents(release)):
            try:
                if not begun:  # all is fetched, and half of it may be unpacked: there is nothing to ask any more
                    self._look(release, seen, todo)
                self._close(id, live or release)
                self._full_upgrade()
            except ActivationError as error:
                raise self._stopped(error) if self._phase() else error from error

    def _look(self, release: Release, seen: Observed, todo: Sequence[Change]) -> None:
        """Whether it can be done at all; and everything that has to be fetched."""
        _refuse_leap(self.machine.debian(), release.debian)
        packages.finish(self.say, _ONLY_SSH)
        packages.update(self.say)
        _refuse_no_source(packages.asked("apt-cache", "policy", "base-files"), release.debian)
        _refuse_loss(packages.asked("apt-get", "--simulate", "full-upgrade"), release, seen)
        self.say(f"fetching Debian {release.debian}; mail flows")
        packages.apt("--download-only", "full-upgrade", say=self.say)
        if missing := [one.key for one in todo if one.kind == "package"]:
            packages.apt("--download-only", "install", "--", *missing, say=self.say)

    def _close(self, id: str, live: Release) -> None:
        """From here on the host is changed; what happens now is taken up again at boot."""
        self.say("closing the doors: mail is held until the host is the new Debian")
        for door in self._doors(live):
            folder = f"{_UNITS}/{door}.d"
            if not self.disk.look(folder):
                self.disk.make_folder(folder, 0o755)
            self.disk.put(f"{folder}/{_DROP_IN}", _HOLD.format(held=HELD).encode(), 0o644)
        self.disk.put(HELD, b"")
        self._promise(id, "packages")
        for unit in reversed(live.units):
            if not unit.masked and unit.name not in _STAY:
                self.machine.stop(unit.name)

    def _full_upgrade(self) -> None:
        """As Debian's release notes have it: first what needs nothing new, then all."""
        self.say("apt-get upgrade, then full-upgrade: some minutes")
        packages.finish(self.say, _ONLY_SSH)
        packages.apt("--fix-broken", "install", say=self.say, policy=_ONLY_SSH)
        packages.apt("upgrade", "--without-new-pkgs", say=self.say, policy=_ONLY_SSH)
        packages.apt("full-upgrade", say=self.say, policy=_ONLY_SSH)

    def _activate(self, id: str) -> Outcome:
        self._promise(id, "activate")
        self.say("the packages are the new Debian's: now its release")
        self.disk.remove(HELD)
        try:
            outcome = self.activation.carry_out(id)
        except ActivationError as error:
            self.disk.put(HELD, b"")
            for unit in self._doors(self.store.live() or self.store.release(id)):
                self.machine.stop(unit)
            raise self._stopped(error) from error
        self._open(id)
        return outcome

    def _open(self, id: str) -> None:
        """Nothing of the upgrade is left behind."""
        for unit in self._doors(self.store.release(id)):
            self.disk.remove(f"{_UNITS}/{unit}.d/{_DROP_IN}")
        self.machine.disable(UNIT)
        self.disk.remove(NOTE)
        self.disk.remove(f"{_UNITS}/{UNIT}")
        self.machine.reload_definitions()
        self.say("restart the host when it suits: until then it runs the kernel of before")

    def _doors(self, release: Release) -> Iterator[str]:
        names = {unit.name for unit in release.units}
        return (unit for unit in DOORS if unit in names)

    def _stopped(self, error: ActivationError) -> ActivationError:
        return ActivationError(error.phase, f"{error}\n{_FORWARD}", restored=False)


def _refuse_leap(found: str, wanted: str) -> None:
    known = list(_DEBIANS)
    if found not in known or wanted not in known or known.index(wanted) != known.index(found) + 1:
        raise ActivationError(
            "document",
            f"this host runs Debian {found or '(unknown)'}, and there is no way in place from there to {wanted}; "
            "nothing was changed\n    a host goes to the next release only: " + ", then ".join(known),
        )


def _refuse_no_source(policy: str, wanted: str) -> None:
    """By the package that is Debian's version; a folder of packages bears no code name."""
    candidate = re.search(r"Candidate: (\d+)", policy)
    if candidate is None or candidate[1] != _DEBIANS[wanted]:
        raise ActivationError(
            "packages",
            f"apt finds no Debian {wanted} on this host; nothing was changed\n"
            "    name `apt.mirror` in the inventory; without one the host keeps its own sources: change the code name "
            "in /etc/apt/sources.list and /etc/apt/sources.list.d",
        )


def _refuse_loss(simulated: str, release: Release, seen: Observed) -> None:
    """apt would rather remove a package than leave another; none of ours."""
    removed = set(re.findall(r"^Remv (\S+)", simulated, re.MULTILINE))
    lost = sorted(removed & {one.name for one in release.packages} & seen.packages.keys())
    if lost:
        raise ActivationError(
            "packages",
            f"apt would remove {', '.join(lost)}; nothing was changed\n"
            "    apt-get --simulate full-upgrade on the host tells why: packages from elsewhere are in the way",
        )
