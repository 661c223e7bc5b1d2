"""The daemon's event loop: asyncio's own, with something to do at the end of each turn, before it waits again."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable


class Turns(selectors.EpollSelector):
    """What the loop waits with. `call_soon` would do as well, but costs a turn of its own: a tenth of a decision."""

    def __init__(self) -> None:
        super().__init__()
        self.ending: Callable[[], None] = _nothing

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.ending()
        return super().select(timeout)

    def loop(self) -> asyncio.AbstractEventLoop:
        """A loop that waits so; for asyncio.Runner."""
        return asyncio.SelectorEventLoop(self)


def _nothing() -> None:
    pass
