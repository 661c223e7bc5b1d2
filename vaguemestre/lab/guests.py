"""Booting one host: its container, the files it is born with, and the wait until it is really up."""

from __future__ import annotations

import io
import socket
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from vaguemestre.lab.engine import LIMITS, Engine
from vaguemestre.lab.errors import LabError
from vaguemestre.lab.places import short_hash
from vaguemestre.lab.process import Result, command_lines, last_words

_BOOT_PATIENCE = 90.0
# Without systemd's own stop signal, removal races with the shutdown.
_RUN = (*LIMITS, "--systemd=always", "--stop-signal=SIGRTMIN+3", "--restart=always", "--dns=none", "--no-hosts")


@dataclass(frozen=True)
class BirthFile:
    """A file a host has before its first boot; with `link`, a symbolic link to that."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True)
class Host:
    """A host to boot: its name, image, addresses (the first is its own), the files it is born with, and its data.

    Data, made when it is needed, is there at every start too, but may change without the host being made anew.
    """

    name: str
    image: str
    addresses: tuple[IPv4Address, ...]
    files: tuple[BirthFile, ...] = field(repr=False)
    data: Callable[[], tuple[BirthFile, ...]] = field(default=tuple, repr=False)

    @property
    def digest(self) -> str:
        """Changes when the host must be made anew."""
        born = [f"{file.path} {file.mode} {file.content.hex()} {file.link}" for file in self.files]
        return short_hash(self.image, *map(str, self.addresses), *born, *_RUN)


class Guests:
    """The containers of one instance."""

    def __init__(self, engine: Engine, instance: str) -> None:
        self.engine = engine
        self.instance = instance

    def container(self, name: str) -> str:
        """The container's name for a host."""
        return f"vgm-{self.instance}-{name}"

    def settle(self) -> None:
        """Wait for commands that outlived whoever gave them; call it with the instance's lock held."""
        deadline = time.monotonic() + _BOOT_PATIENCE
        while any(_changes(argv, self.container("")) for _, argv in command_lines()):
            if time.monotonic() > deadline:
                raise LabError(f"podman is still busy with {self.container('*')} after {_BOOT_PATIENCE:.0f} s")
            time.sleep(0.1)

    def digests(self) -> dict[str, tuple[str, bool]]:
        """By host name: the digest it was made with, and whether it runs."""
        labelled = ((c["Labels"], c["State"] == "running") for c in self.engine.containers(self.instance))
        return {labels["vgm.host"]: (labels["vgm.digest"], running) for labels, running in labelled}

    def create(self, host: Host, namespace: Path) -> None:
        """Make the container and put its birth files in, without starting it."""
        labels = {"vgm.instance": self.instance, "vgm.host": host.name, "vgm.digest": host.digest}
        self.engine.podman(
            *("create", "--name", self.container(host.name), "--hostname", host.name, "--network", f"ns:{namespace}"),
            *(f"--label={key}={value}" for key, value in labels.items()),
            *_RUN,
            *(host.image, "/lib/systemd/systemd"),
        )
        self.put(host.name, host.files)

    def put(self, name: str, files: Sequence[BirthFile]) -> None:
        """Copy files into a host, running or not."""
        self.engine.podman("cp", "-", f"{self.container(name)}:/", stdin=_tar(files))

    def start(self, name: str) -> None:
        """Boot a host, or boot it again; returns before it is up."""
        self.engine.podman("start", self.container(name))

    def kill(self, name: str) -> None:
        """Cut a host's power: every process dies at once and nothing is flushed by it."""
        self.engine.podman("kill", "--signal", "KILL", self.container(name))
        self.engine.podman("wait", self.container(name), check=False)

    def remove(self, name: str) -> None:
        """Remove a host with everything on it."""
        self.engine.remove(self.container(name))

    def exec(self, name: str, argv: Sequence[str], stdin: bytes = b"", timeout: float | None = None) -> Result:
        """Run a command as root in a running host, whatever its network is doing."""
        return self.engine.podman(
            "exec", "--interactive", self.container(name), *argv, stdin=stdin, check=False, timeout=timeout
        )

    def wait(self, name: str, address: IPv4Address, *, running: bool) -> None:
        """Wait for sshd and, when `running`, for systemd; raises LabError with the journal's last lines."""
        deadline = time.monotonic() + _BOOT_PATIENCE
        while not answers_ssh(address):
            if time.monotonic() > deadline or not self.digests().get(name, ("", False))[1]:
                raise LabError(f"{name} ({address}) does not come up:\n{self._journal(name)}")
            time.sleep(0.1)
        if not running:
            return
        said = (
            self.exec(name, ["systemctl", "is-system-running", "--wait"], timeout=_BOOT_PATIENCE)
            .stdout.decode()
            .strip()
        )
        if said != "running":
            failed = self.exec(name, ["systemctl", "--failed", "--plain", "--no-legend"]).stdout.decode()
            raise LabError(f"{name} came up {said or 'not at all'}:\n{failed}\n{self._journal(name)}")

    def _journal(self, name: str) -> str:
        said = self.exec(name, ["journalctl", "--no-pager", "--lines=15", "--priority=warning"])
        return last_words(
            said if said.returncode == 0 else self.engine.podman("logs", self.container(name), check=False)
        )


def _changes(argv: list[str], prefix: str) -> bool:
    changing = argv[:1] == ["podman"] and argv[1:2] != ["exec"]
    return changing and any(part.startswith(prefix) for part in argv)


def answers_ssh(address: IPv4Address, patience: float = 1.0) -> bool:
    """Whether an SSH server greets on port 22 of this address."""
    try:
        with socket.create_connection((str(address), 22), timeout=patience) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _tar(files: Sequence[BirthFile]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(file.content), file.mode, int(time.time())
            if file.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.link
            archive.addfile(entry, io.BytesIO(file.content))
        end = archive.offset
    # No padding after the two blocks of zeros: podman stops reading there, and may fail on what is still to come.
    return buffer.getvalue()[: end + 2 * tarfile.BLOCKSIZE]
