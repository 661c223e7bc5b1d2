"""One change at the nation's, and what a writer says became of it; the frame that every writer fits into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from vaguemestre.host.annuaire.publication.listing import Listing


@dataclass(frozen=True)
class Operation:
    """``insert``, ``replace`` or ``delete`` of one mailbox, from what is held to what is wanted.

    `urgent` hides somebody whom the nation may be showing. Unless `sure`, an earlier operation's outcome is unknown:
    the writer must end in `after` whatever the nation holds.
    """

    kind: str
    address: str
    before: Listing | None
    after: Listing | None
    urgent: bool = False
    sure: bool = True

    @property
    def listing(self) -> Listing:
        """What names its holder."""
        found = self.after or self.before
        if found is None:
            raise ValueError(f"{self.kind} of nothing")
        return found


class Result(StrEnum):
    """What became of an operation."""

    CONFIRMED = "confirmed"  # the nation said so
    HANDED = "handed"  # in a file; a report will tell
    REJECTED = "rejected"  # the nation does not want this one
    DEFERRED = "deferred"  # surely not done; later
    UNKNOWN = "unknown"  # perhaps done; later, and so that it does no harm twice


@dataclass(frozen=True)
class Outcome:
    """`slug` and `message` say why, `retry_after` (seconds) how long the nation wants to be left alone.

    `halt`: there is no use in going on with this run (the key, the way, too many calls). `message` may hold words of
    the nation, which may name people; `loggable` is what may stand in a log and in a mail.
    """

    operation: Operation
    result: Result
    slug: str = ""
    message: str = ""
    retry_after: float = 0.0
    halt: bool = False
    loggable: str = ""


@dataclass(frozen=True)
class Batch:
    """Operations that go together: all are written down as sent, then given to the writer. `name` may be empty."""

    operations: tuple[Operation, ...]
    name: str = ""


class Writer(Protocol):
    """A way to the nation. `certain` says that what was not said to have left has surely not left."""

    certain: bool

    def recover(self, handed: frozenset[str]) -> None:
        """Before anything else, after a run that may have been killed; `handed` are the batches known as handed."""

    def batches(self, operations: Sequence[Operation]) -> Iterator[Batch]:
        """The operations, the urgent first, in the portions that `send` takes."""

    def send(self, batch: Batch) -> Iterable[Outcome]:
        """Bring one portion to the nation: one outcome for each operation. Whatever goes wrong is an outcome.

        Raises:
            OSError: this host's own disk.
        """

    def release(self, batch: Batch) -> None:
        """The outcomes of this batch are written down."""
