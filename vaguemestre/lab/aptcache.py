"""The package cache of all labs: an apt-cacher-ng of their own, so that a package is fetched only once.

It listens on an address of its own, on a bridge without ports, where only this machine and the guests (by a host
route) reach it. It is not Debian's `apt-cacher-ng` service and shares nothing with it.
"""

from __future__ import annotations

import pwd
import shutil
import socket
import time
from ipaddress import IPv4Address
from pathlib import Path

from vaguemestre.lab.errors import LabError
from vaguemestre.lab.mirror import upstream_proxy
from vaguemestre.lab.places import Places
from vaguemestre.lab.process import Process, Progress, run, start

PORT = 3142
_PROGRAM = "/usr/sbin/apt-cacher-ng"
_USER = "apt-cacher-ng"


class AptCache:
    """The caching proxy of one cache directory."""

    def __init__(self, places: Places) -> None:
        self.places = places
        # RFC 2544's benchmarking range: private to this machine, and unlikely to be anybody's network.
        self.address = IPv4Address("198.18.0.0") + (int(places.tag, 16) | 1)
        self.bridge = f"vgm-apt-{places.tag}"
        self._record = places.runtime / "apt-cache"

    @property
    def url(self) -> str:
        """The proxy as apt wants it."""
        return f"http://{self.address}:{PORT}"

    def running(self) -> bool:
        """Whether the proxy's process lives."""
        return Process.load(self._record) is not None

    def open(self, progress: Progress) -> None:
        """Start the proxy unless it runs; raises LabError when it does not answer."""
        if self.running():
            return
        if not Path(_PROGRAM).exists():
            raise LabError("apt-cacher-ng is not installed: run script/lab-requirements")
        progress(f"starting the package cache on {self.address}:{PORT}")
        self._address()
        settings = self._settings()
        start(
            ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", _PROGRAM, "-c", str(settings)],
            self._record,
            self.places.cache / "apt-cache.log",
        )
        self._wait()

    def close(self) -> None:
        """End the proxy and take its address away; what it fetched stays."""
        process = Process.load(self._record)
        if process:
            process.end()
        self._record.unlink(missing_ok=True)
        run(["ip", "link", "delete", self.bridge], check=False)

    def _address(self) -> None:
        run(["ip", "link", "add", self.bridge, "type", "bridge"], check=False)
        run(["ip", "address", "replace", f"{self.address}/32", "dev", self.bridge])
        run(["ip", "link", "set", self.bridge, "up"])

    def _settings(self) -> Path:
        home = self.places.cache / "apt"
        proxy = upstream_proxy()
        lines = [
            f"CacheDir: {home}/cache",
            f"LogDir: {home}/log",
            "SupportDir: /usr/lib/apt-cacher-ng",
            f"BindAddress: {self.address}",
            f"Port: {PORT}",
            f"SocketPath: {home}/socket",
            "AllowUserPorts: 0",
            "ForeGround: 1",
            "ReportPage:",
            *([f"Proxy: {proxy}"] if proxy else []),
        ]
        owner = pwd.getpwnam(_USER)
        for part in ("cache", "log", "settings"):
            (home / part).mkdir(parents=True, exist_ok=True)
            shutil.chown(home / part, owner.pw_uid, owner.pw_gid)
        shutil.chown(home, owner.pw_uid, owner.pw_gid)
        (home / "settings" / "acng.conf").write_text("\n".join(lines) + "\n")
        return home / "settings"

    def _wait(self) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.running():
            try:
                socket.create_connection((str(self.address), PORT), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise LabError(
            f"the package cache does not answer on {self.address}:{PORT}; see {self.places.cache}/apt-cache.log"
        )
