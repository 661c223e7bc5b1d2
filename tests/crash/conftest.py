"""Scratch hosts: one as Debian left it, and one on which a release has been live for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from changes import SECRETS, old
from scratch import Host


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is some: thousands of fsyncs would only wear the disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder in it
    with TemporaryDirectory(prefix="vgm-crash-", dir=memory if memory.is_dir() else None) as path:
        yield Path(path)


@pytest.fixture
def bare(folder: Path) -> Host:
    """A host on which no release was ever live, with Debian's own files and daemons."""
    host = Host(folder / "bare")
    host.write("/etc/mail/main.cf", "Debian's own\n", 0o600)
    for path in ("etc/systemd/system", "var/lib"):
        (host.root / path).mkdir(parents=True)
    host.write("/etc/elsewhere.conf", "somebody's\n")
    (host.root / "etc/linked.conf").symlink_to("elsewhere.conf")
    for unit, *reads in (
        ("mail.service", "/etc/mail/main.cf", "/etc/mail/tls.key"),
        ("maps.service", "/etc/mail/maps/people"),
        ("leaving.service", "/etc/leaving.conf"),
        ("filter.service", "/etc/filter/conf.d/10-filter.conf", "/var/lib/filter/rules"),
        ("steady.service", "/etc/mail/maps/same"),
        ("unwanted.service",),
        ("vaguemestre-recover.service",),
        ("vaguemestre-settle.service",),
    ):
        host.daemon(unit, *reads)
    for unit in ("mail.service", "unwanted.service"):
        host.machine.act(unit, "start")
        host.machine.enable(unit)
    return host


@pytest.fixture
def host(bare: Host) -> Host:
    """A host on which `old` is live, and then an administrator edited a file by hand and widened a mode."""
    ended = bare.run("apply", old(), secrets=SECRETS[old().id])
    assert ended.code == 0, ended.result
    bare.write("/etc/mail/maps/people", "anna\nby hand\n", 0o666)
    bare.machine.act("maps.service", "restart")
    return bare
