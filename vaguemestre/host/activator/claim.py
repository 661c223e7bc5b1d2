"""Which rollout this host is part of: a note that keeps two controllers from changing one host in turns.

It ends by itself, so that a controller that died holds nobody up for ever; a rollout renews it wave by wave. By this
host's clock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from vaguemestre.errors import Exit
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.store import STATE, Store, as_known, at

CLAIM = "claim.json"


class ClaimedError(ActivationError):
    """Another rollout has this host."""

    exit_code = Exit.BUSY

    def __init__(self, held: Claim) -> None:
        super().__init__(
            "claim",
            f"part of rollout {held.rollout} of {held.by}, since {held.since}; its claim ends {at(held.until)}\n"
            f"    wait for it, or `vaguemestre rollout resume {held.rollout}` there; if it will never go on: "
            "`vaguemestre rollout release-claim`",
        )


@dataclass(frozen=True)
class Claim:
    """Whose the host is: `by` is user@controller, `since` ISO 8601, `until` Unix time."""

    rollout: str
    by: str
    since: str
    until: float


class Claims:
    """The note in this store; reading and writing it are one step."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def held(self) -> Claim | None:
        """Who has it now; a claim that has ended is none."""
        noted = self._store.note(CLAIM)
        claim = as_known(Claim, noted) if noted else None
        return claim if claim and claim.until > time.time() else None

    def take(self, rollout: str, by: str, seconds: int, instead: Collection[str] = ()) -> Claim:
        """Claim the host for `seconds`, again or anew; `instead` are rollouts known to be dead.

        Raises:
            ClaimedError: another rollout has it.
        """
        with self._one_at_a_time():
            held = self.held()
            if held and held.rollout not in (rollout, *instead):
                raise ClaimedError(held)
            since = held.since if held and held.rollout == rollout else at(time.time())
            claim = Claim(rollout, by, since, time.time() + seconds)
            self._store.set_note(CLAIM, asdict(claim))
        return claim

    def leave(self, rollout: str = "") -> Claim | None:
        """Give it up if it is that rollout's, whoever's it is when none is named; what was given up."""
        with self._one_at_a_time():
            held = self.held()
            if held is None or rollout not in ("", held.rollout):
                return None
            self._store.disk.remove(f"{STATE}/{CLAIM}")
        return held

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        path = self._store.disk.root / f"{STATE}/claim.lock"[1:]
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
