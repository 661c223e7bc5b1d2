"""What all instances of a machine share, the container engine and the package cache: there while any instance is."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from vaguemestre.lab.aptcache import AptCache
from vaguemestre.lab.engine import Engine
from vaguemestre.lab.errors import LabError
from vaguemestre.lab.images import BUILDER
from vaguemestre.lab.places import Places
from vaguemestre.lab.process import Progress, lock

# inotify(7): systemd takes 10 to 12 instances in each guest, and Debian allows all of root's processes 128 together.
_WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")
_ENOUGH = 1024


class Ground:
    """The shared part, entered by an instance when it goes up and left when it is taken down."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.engine = Engine(places)
        self.cache = AptCache(places)
        self._present = places.runtime / "instances"

    def locked(self, progress: Progress) -> AbstractContextManager[None]:
        """Hold the shared part: entering, leaving and choosing a network happen one at a time."""
        return lock(self.places.runtime.with_suffix(".lock"), progress, "the labs of this machine")

    def locked_for(self, name: str, progress: Progress) -> AbstractContextManager[None]:
        """Hold one instance: one `up`, `down` or `reset` at a time."""
        return lock(self.places.runtime.with_suffix(f".{name}.lock"), progress, f"lab {name}")

    def enter(self, name: str, progress: Progress, *, packages: bool = True) -> None:
        """Start what is missing, note that this instance needs it; raises LabError when the name is another state's."""
        with self.locked(progress):
            _allow_watchers(progress)
            self.engine.open()
            self._present.mkdir(exist_ok=True)
            note, home = self._present / name, str(self.places.state)
            if note.exists() and note.read_text() != home:
                raise LabError(
                    f"a lab {name!r} of {note.read_text()} is up already: use another name, or that VAGUEMESTRE_STATE"
                )
            note.write_text(home)
            if packages:
                self.cache.open(progress)

    def leave(self, name: str, progress: Progress, *, purge: bool) -> None:
        """Note that this instance is gone; when it was the last, stop everything, and `purge` images and packages."""
        with self.locked(progress):
            (self._present / name).unlink(missing_ok=True)
            others = self._others(name)
            if others:
                if purge:
                    progress(f"images and packages stay: {', '.join(others)} need them")
                return
            self.engine.remove(BUILDER)
            self.cache.close()
            if purge:
                progress("removing images and cached packages")
                self.engine.podman("rmi", "--all", "--force", check=False)
            self.engine.close()
            if purge:
                shutil.rmtree(self.places.cache, ignore_errors=True)

    def _others(self, name: str) -> list[str]:
        noted = {note.name for note in self._present.glob("*")}
        booted = {(container["Labels"] or {}).get("vgm.instance", name) for container in self.engine.containers()}
        return sorted((noted | booted) - {name})


def _allow_watchers(progress: Progress) -> None:
    """Raise the kernel's limit where many guests would come up degraded; until the next boot of this machine."""
    if (allowed := int(_WATCHERS.read_text())) < _ENOUGH:
        progress(f"raising fs.inotify.max_user_instances from {allowed} to {_ENOUGH}, until this machine reboots")
        _WATCHERS.write_text(str(_ENOUGH))
