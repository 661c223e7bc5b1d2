"""Where a lab keeps things on this machine: what must last, what can be fetched again, what ends with the boot."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from vaguemestre.lab.plan import check_instance


@dataclass(frozen=True)
class Places:
    """The three roots. Images and the package cache are shared by all instances; the rest has the instance's name."""

    state: Path
    cache: Path
    runtime: Path

    @classmethod
    def of_machine(cls) -> Places:
        """Roots from VAGUEMESTRE_STATE and VAGUEMESTRE_CACHE, or Debian's usual places."""
        state = Path(os.environ.get("VAGUEMESTRE_STATE") or "/var/lib/vaguemestre-lab")
        cache = Path(os.environ.get("VAGUEMESTRE_CACHE") or "/var/cache/vaguemestre-lab")
        return cls(state.resolve(), cache.resolve(), Path("/run/vaguemestre-lab") / short_hash(str(cache.resolve())))

    @property
    def tag(self) -> str:
        """Four hexadecimal digits proper to this cache, so that two caches on one machine do not meet."""
        return short_hash(str(self.cache))[:4]

    def instance(self, name: str) -> Path:
        """The state directory of one instance."""
        return self.state / check_instance(name)

    def namespaces(self, name: str) -> Path:
        """The directory of one instance's pinned network namespaces."""
        return self.runtime / "netns" / name

    def make(self) -> None:
        """Create the roots; start afresh in the runtime root after a reboot, since nothing there survives one."""
        for path in (self.state, self.cache, self.runtime):
            path.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)


def short_hash(*parts: str) -> str:
    """Twelve hexadecimal digits that name these texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
