"""What one run goes by and remembers, and how it is alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from vaguemestre.host.annuaire import branch, state
from vaguemestre.host.annuaire.branch import Branch
from vaguemestre.host.annuaire.layout import Places, Settings
from vaguemestre.host.annuaire.state import State
from vaguemestre.host.trust import history

Opened = Callable[[], AbstractContextManager[Branch]]
OnProgress = Callable[[str, int, int], None]


class BusyError(Exception):
    """Another run is under way."""


@dataclass
class Run:
    """One run: what it goes by, what it remembers, what happened. `opened` leads to the directory.

    `unloaded` is whether a load by slapadd should have been done before this run, `rebuild` whether one is wanted.
    """

    settings: Settings
    places: Places
    now: datetime
    state: State
    trouble_before: str = ""
    unloaded: bool = False
    rebuild: bool = False
    opened: Opened = branch.opened
    on_progress: OnProgress | None = None
    events: list[history.Event] = field(default_factory=list)

    def note(self, event: str, **facts: object) -> None:
        self.events.append(history.note(self.places.history, self.now, event, **facts))

    def remember(self, **changes: object) -> None:
        """Change the state, on the disk first; raises OSError."""
        changed = replace(self.state, **changes)  # type: ignore[arg-type]
        state.save(self.places, changed)
        self.state = changed

    def progress(self, what: str) -> Callable[[int, int], None]:
        def tell(done: int, size: int) -> None:
            if self.on_progress:
                self.on_progress(what, done, size)

        return tell


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Hold the lock of the folder; raises BusyError when somebody else does."""
    places.begun.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BusyError("another refresh of the national directory is under way; look again in a while") from None
    finally:
        os.close(handle)
