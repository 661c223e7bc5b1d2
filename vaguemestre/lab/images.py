"""The images guests boot from, in layers, each named by a hash of what went into it: another hash, another image.

bare   Debian with systemd, D-Bus and sshd: what an administrator gets from a minimal installation
warm   bare, with the operator's packages downloaded but not installed
world  bare, with what the nation's side needs installed
"""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from vaguemestre.lab.aptcache import AptCache
from vaguemestre.lab.engine import LIMITS, Engine
from vaguemestre.lab.errors import LabError
from vaguemestre.lab.mirror import OTHER_MIRROR, Mirror, keyring
from vaguemestre.lab.places import short_hash
from vaguemestre.lab.plan import Debian, Image
from vaguemestre.lab.process import Progress, last_words, lock

INCLUDED = ("systemd", "systemd-sysv", "dbus", "openssh-server")
WORLD_PACKAGES = (
    *("nsd", "nginx-light", "chrony", "openssl", "iproute2"),
    *("python3-cryptography", "python3-aiosmtpd", "swaks", "bind9-dnsutils", "tzdata"),
)
_FINISH = Path(__file__).parent / "image" / "finish.sh"
BUILDER = "vgm-build"
_PATIENCE = 900.0
# The machine's clock may be off the archive's.
_DATES = ('Acquire::Check-Valid-Until "false"', 'Acquire::Check-Date "false"')
# mmdebstrap mounts and starts things: they all end with it, and it ends with us, however we end.
_ALONE = ("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")


class Images:
    """The image store of one cache directory."""

    def __init__(self, engine: Engine, cache: AptCache, progress: Progress) -> None:
        self.engine = engine
        self.cache = cache
        self.progress = progress
        self.mirror = Mirror.of_machine()

    def guest(self, suite: Debian, image: Image, packages: tuple[str, ...]) -> str:
        """The image for a guest, built when it is missing; raises LabError when Debian's archive cannot give it."""
        with self._lock():
            bare = self._bare(suite)
            return bare if image == "bare" or not packages else self._warm(suite, bare, packages)

    def world(self) -> str:
        """The image of the world host, built when it is missing."""
        with self._lock():
            bare = self._bare("trixie")
            name = _name("trixie-world", bare, *WORLD_PACKAGES)
            script = f"apt-get install -y --no-install-recommends {' '.join(WORLD_PACKAGES)} && apt-get clean"
            return self._layer(name, bare, "installing the world host's packages", script)

    def _lock(self) -> AbstractContextManager[None]:
        return lock(self.engine.places.cache / "images.lock", self.progress, "the images")

    def _bare(self, suite: Debian) -> str:
        lines = self.mirror.lines(suite)
        name = _name(f"{suite}-bare", _FINISH.read_text(), *INCLUDED, *lines)
        if self._exists(name):
            return name
        self.cache.open(self.progress)
        self.progress(f"building the bare Debian image ({suite}): about a minute")
        scratch = self.engine.places.cache / "build"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o755)
        self._bootstrap(suite, lines, scratch)
        self.progress(f"storing the bare Debian image ({suite})")
        self.engine.podman("import", "--change", "STOPSIGNAL SIGRTMIN+3", str(scratch / "root.tar"), name)
        shutil.rmtree(scratch)
        return name

    def _bootstrap(self, suite: Debian, lines: list[str], scratch: Path) -> None:
        proxy = f'Acquire::http::Proxy "{self.cache.url}"'
        options = [f"--aptopt={option}" for option in (proxy, *_DATES)]
        chosen = ["--mode=root", "--variant=minbase", f"--include={','.join(INCLUDED)}", f"--keyring={keyring(suite)}"]
        words = [*_ALONE, "env", f"TMPDIR={scratch}", "mmdebstrap", *chosen, *options, f"--customize-hook={_FINISH}"]
        made = self.engine.run(*words, suite, str(scratch / "root.tar"), *lines, check=False, timeout=_PATIENCE)
        if made.returncode:
            source = f"{suite} could not be fetched from {self.mirror.archive}, this machine's mirror"
            raise LabError(f"{source}: check that it is reachable, {OTHER_MIRROR}\n{last_words(made)}")

    def _warm(self, suite: Debian, bare: str, packages: tuple[str, ...]) -> str:
        """Hosts of several Debian releases want different packages: those that this one does not know are left out."""
        name = _name(f"{suite}-warm", bare, *packages)
        known = f"$(for one in {' '.join(packages)}; do apt-cache show $one >/dev/null 2>&1 && echo $one; done)"
        script = f"apt-get install -y --download-only {known}"
        return self._layer(name, bare, f"downloading the operator's packages ({suite})", script)

    def _layer(self, name: str, base: str, what: str, script: str) -> str:
        if self._exists(name):
            return name
        self.cache.open(self.progress)
        self.progress(what)
        self.engine.remove(BUILDER)
        given = (f"--env=http_proxy={self.cache.url}", "--env=DEBIAN_FRONTEND=noninteractive", "--network=host")
        commands = f"apt-get -qq update && {script}"
        self.engine.podman("run", "--name", BUILDER, *LIMITS, *given, base, "sh", "-c", commands, timeout=_PATIENCE)
        self.engine.podman("commit", "--quiet", "--pause=false", BUILDER, name)
        self.engine.remove(BUILDER)
        return name

    def _exists(self, name: str) -> bool:
        return self.engine.podman("image", "exists", name, check=False).returncode == 0


def _name(kind: str, *inputs: str) -> str:
    return f"localhost/vgm/{kind}:{short_hash(*inputs)}"
