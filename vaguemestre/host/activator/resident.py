"""What stays on a host so that it can help itself: a copy of the activator, and two units that finish what a power cut
or a kill left undone.

`vaguemestre-recover.service` makes files whole early at boot, before any daemon of ours starts; at the end of the boot
`vaguemestre-settle.service` brings the units to them.
"""

from __future__ import annotations

import io
import marshal
import zipfile
from collections.abc import Iterable
from importlib.util import MAGIC_NUMBER, source_hash

from vaguemestre.host.activator.disk import Disk, draft_of
from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.store import JOURNAL, STATE
from vaguemestre.release import Release

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


def put_program(disk: Disk, machine: Machine) -> str:
    """Keep the program on the host, compiled for its Python; where it is."""
    here = machine.program()
    if not disk.look(here.path):
        disk.put(here.path, _compiled(here.archive))
    return here.path


def _compiled(archive: bytes) -> bytes:
    """The archive with the byte code of each module beside it (PEP 552, never checked: both are in one file)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as came, zipfile.ZipFile(buffer, "w") as kept:
        for name in came.namelist():
            source = came.read(name)
            code = marshal.dumps(compile(source, name, "exec", dont_inherit=True))
            head = MAGIC_NUMBER + (1).to_bytes(4, "little") + source_hash(source)
            kept.writestr(zipfile.ZipInfo(name), source)
            kept.writestr(zipfile.ZipInfo(f"{name}c"), head + code)
    return buffer.getvalue()


def sweep(disk: Disk) -> None:
    """Remove drafts of the two units that a power cut left."""
    for name in (RECOVER, SETTLE):
        disk.remove(draft_of(f"{_UNITS}/{name}"))


def settle_in(disk: Disk, machine: Machine, releases: Iterable[Release]) -> None:
    """Install, or bring up to date, the program and its two units; nothing happens when they are."""
    units = sorted({unit.name for release in releases for unit in release.units if not unit.masked})
    path = put_program(disk, machine)
    values = {"journal": JOURNAL, "state": STATE, "program": path, "units": " ".join(units), "recover": RECOVER}
    texts = {RECOVER: _RECOVER.format(**values), SETTLE: _SETTLE.format(**values)}
    changed = [name for name, text in texts.items() if _put(disk, f"{_UNITS}/{name}", text.encode(), 0o644)]
    if changed:
        machine.reload_definitions()
    states = machine.states(texts)
    for name in texts:
        if name not in states or not states[name].enabled:
            machine.enable(name)
    _remove_others(disk, path)


def _remove_others(disk: Disk, path: str) -> None:
    for name in disk.names(STATE):
        if name.startswith("activator-") and f"{STATE}/{name}" != path:
            disk.remove(f"{STATE}/{name}")


def _put(disk: Disk, path: str, content: bytes, mode: int) -> bool:
    look = disk.look(path)
    if look and look.kind == "file" and look.mode == mode and disk.read(path) == content:
        return False
    disk.put(path, content, mode)
    return True
