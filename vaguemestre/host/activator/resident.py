"""What stays on a host so that it can help itself: a copy of the activator, and two units that finish what a power cut
or a kill left undone.

`vaguemestre-recover.service` makes files whole early at boot, before any daemon of ours starts; at the end of the boot,
and whenever a detached activation dies, `vaguemestre-settle.service` brings the units to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vaguemestre.host.activator.disk import Disk, draft_of
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.store import JOURNAL, STATE
from vaguemestre.release import Release

PROGRAM = f"{STATE}/activator.pyz"
SETTLE = "vaguemestre-settle.service"
RECOVER = "vaguemestre-recover.service"
_UNITS = "/etc/systemd/system"

_RECOVER = """\
[Unit]
Description=Vaguemestre: put files right after an interrupted activation
ConditionPathExists={journal}
DefaultDependencies=no
Conflicts=shutdown.target
RequiresMountsFor={state} /etc /usr
After=local-fs.target systemd-remount-fs.service
Before=sysinit.target shutdown.target {units}

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I {program} recover --files

[Install]
WantedBy=sysinit.target
"""

_SETTLE = """\
[Unit]
Description=Vaguemestre: settle units after an interrupted activation
ConditionPathExists={journal}
After=multi-user.target {recover}

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I {program} recover

[Install]
WantedBy=multi-user.target
"""


def program() -> bytes:
    """The archive this very code was loaded from.

    Raises:
        ActivationError: it runs from loose files, which cannot be installed.
    """
    archive: str | None = getattr(__spec__.loader, "archive", None) if __spec__ else None
    if archive is None:
        raise ActivationError("prepare", "the activator must run from its archive, see vaguemestre.engines.wire")
    return Path(archive).read_bytes()


def put_program(disk: Disk, machine: Machine) -> None:
    """Keep a copy of the activator on the host."""
    _put(disk, PROGRAM, machine.program(), 0o600)


def sweep(disk: Disk) -> None:
    """Remove drafts of the two units that a power cut left."""
    for name in (RECOVER, SETTLE):
        disk.remove(draft_of(f"{_UNITS}/{name}"))


def settle_in(disk: Disk, machine: Machine, releases: Iterable[Release]) -> None:
    """Install, or bring up to date, the program and its two units; nothing happens when they are."""
    units = sorted({unit.name for release in releases for unit in release.units if not unit.masked})
    values = {"journal": JOURNAL, "state": STATE, "program": PROGRAM, "units": " ".join(units), "recover": RECOVER}
    texts = {RECOVER: _RECOVER.format(**values), SETTLE: _SETTLE.format(**values)}
    put_program(disk, machine)
    changed = [name for name, text in texts.items() if _put(disk, f"{_UNITS}/{name}", text.encode(), 0o644)]
    if changed:
        machine.reload_definitions()
    states = machine.survey((), texts).units
    for name in texts:
        if name not in states or not states[name].enabled:
            machine.enable(name)


def _put(disk: Disk, path: str, content: bytes, mode: int) -> bool:
    look = disk.look(path)
    if look and look.kind == "file" and look.mode == mode and disk.read(path) == content:
        return False
    disk.put(path, content, mode)
    return True
