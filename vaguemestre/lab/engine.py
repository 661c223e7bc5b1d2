"""podman, kept apart from anyone else's: own storage, own settings, own mount namespace.

The namespace is held open by one sleeping process. Where the machine's control groups are version 1 or hybrid, systemd
in a container needs a pure cgroup2 tree, which is mounted in that namespace only; elsewhere the namespace just keeps
the lab's mounts out of everyone's sight, and lets them vanish with it. Every command runs without CAP_SYS_TIME and
CAP_SYS_MODULE: a privileged guest inherits the bounding set of the process that starts it, and must never set this
machine's clock.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from vaguemestre.lab.errors import LabError
from vaguemestre.lab.places import Places
from vaguemestre.lab.process import Process, Result, command_lines, run, start

_WITHOUT = ("setpriv", "--bounding-set=-sys_time,-sys_module", "--inh-caps=-sys_time,-sys_module")
# Limits that a machine without CAP_SYS_RESOURCE may grant; an unprivileged container would need more, for device rules.
LIMITS = ("--privileged", "--pids-limit=0", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
_FOLLOWING = ("--propagation", "slave")
_CGROUP2 = "umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1; "


class Engine:
    """The container engine of one cache directory, shared by all its instances."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._holder_record = places.runtime / "holder"

    def open(self) -> None:
        """Make settings and namespace ready; call it under the ground's lock. Raises LabError without root, podman."""
        if os.geteuid() != 0:
            raise LabError("the lab boots real hosts and needs root: run this again with sudo")
        if shutil.which("podman") is None:
            raise LabError("podman is not installed: run script/lab-requirements")
        self.places.make()
        self._forget_an_older_boot()
        _write(self.places.cache / "storage.conf", _storage(self.places))
        _write(self.places.cache / "containers.conf", _containers(self.places))
        if self.holder() is None:
            self._hold()

    def holder(self) -> Process | None:
        """The process that holds the namespace, when there is one."""
        return Process.load(self._holder_record)

    def close(self) -> None:
        """End the namespace and every mount in it. Call it when no instance is left."""
        holder = self.holder()
        if holder:
            holder.end()
        shutil.rmtree(self.places.runtime, ignore_errors=True)

    def way_in(self) -> list[str]:
        """The words that bring a command into the lab's namespace; a relative path would not survive them."""
        holder = self.holder()
        if holder is None:
            raise LabError("the lab is not up on this machine: run `vaguemestre lab up`")
        return [*_WITHOUT, "nsenter", "--mount", "--target", str(holder.pid), "--"]

    def run(self, *argv: str, stdin: bytes = b"", check: bool = True, timeout: float | None = None) -> Result:
        """Run a command in the lab's namespace."""
        environment, way_in = self.environment(), self.way_in()
        return run(argv, stdin=stdin, env=environment, check=check, timeout=timeout, within=way_in)

    def podman(self, *args: str, stdin: bytes = b"", check: bool = True, timeout: float | None = None) -> Result:
        """Run one podman command with the lab's own storage and settings."""
        return self.run("podman", *args, stdin=stdin, check=check, timeout=timeout)

    def containers(self, instance: str | None = None) -> list[dict[str, Any]]:
        """podman's view of the containers of one instance, or of all."""
        chosen = ["--filter", f"label=vgm.instance={instance}"] if instance else []
        listed: list[dict[str, Any]] = json.loads(
            self.podman("ps", "--all", "--format", "json", *chosen).stdout or b"[]"
        )
        return listed

    def remove(self, container: str) -> None:
        """Remove a container at once, running or not; podman now and then needs asking twice."""
        for _ in range(5):
            if self.podman("rm", "--force", "--time", "0", "--ignore", container, check=False).returncode == 0:
                return
            time.sleep(0.3)
        self.podman("rm", "--force", "--time", "0", "--ignore", container)

    def environment(self) -> dict[str, str]:
        """The environment in which podman finds the lab's settings and nobody else's."""
        files = {
            "CONTAINERS_STORAGE_CONF": str(self.places.cache / "storage.conf"),
            "CONTAINERS_CONF": str(self.places.cache / "containers.conf"),
        }
        return {**os.environ, **files, "LC_ALL": "C.UTF-8"}

    def _hold(self) -> None:
        survivor = self._survivor()
        enter = ["nsenter", "--mount", "--target", survivor, "--"] if survivor else ["unshare", "--mount", *_FOLLOWING]
        prepare = "" if survivor or _pure_cgroup2() else _CGROUP2
        ready = self.places.runtime / "ready"
        ready.unlink(missing_ok=True)
        script = f"{prepare}touch {ready}; exec sleep infinity"
        holder = start([*enter, "sh", "-c", script], self._holder_record, self.places.cache / "engine.log")
        deadline = time.monotonic() + 10
        while not ready.exists():
            if Process.of(holder.pid) is None or time.monotonic() > deadline:
                raise LabError(f"no private cgroup2 namespace could be made; see {self.places.cache / 'engine.log'}")
            time.sleep(0.02)

    def _survivor(self) -> str | None:
        """The pid of a guest's monitor that outlived the holder: its namespace is the one to hold again."""
        named = str(self.places.runtime)
        monitors = ((pid, argv) for pid, argv in command_lines() if argv[0].endswith("conmon"))
        return next((pid for pid, argv in monitors if any(named in part for part in argv)), None)

    def _forget_an_older_boot(self) -> None:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        note = self.places.runtime / "boot"
        if not note.exists() or note.read_text() != boot:
            shutil.rmtree(self.places.runtime, ignore_errors=True)
            self.places.runtime.mkdir(parents=True)
            # Where /run is a disk, the runtime would still believe that these are running.
            for container in (self.places.cache / "images" / "overlay-containers").glob("*/"):
                shutil.rmtree(Path("/run/crun") / container.name, ignore_errors=True)
            note.write_text(boot)


def _pure_cgroup2() -> bool:
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return any(fields[4] == "/sys/fs/cgroup" and "cgroup2" in fields[fields.index("-") + 1 :][:1] for fields in mounts)


def _storage(places: Places) -> str:
    return f'[storage]\ndriver = "overlay"\ngraphroot = "{places.cache}/images"\nrunroot = "{places.runtime}/storage"\n'


def _containers(places: Places) -> str:
    return f"""[containers]
default_sysctls = []
[engine]
cgroup_manager = "cgroupfs"
runtime = "crun"
events_logger = "none"
tmp_dir = "{places.runtime}/libpod"
"""


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
