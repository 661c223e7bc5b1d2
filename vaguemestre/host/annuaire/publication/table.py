"""The writer ``csv``: files in a spool folder, for whatever tool carries them to the nation's channel.

Columns, separator, encoding and codes are the inventory's. A file appears in the folder whole, under a name of its own,
and only once what is in it is written down as handed over; so each operation is in one file, whatever kills the run.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from vaguemestre.host.annuaire.publication.layout import Table
from vaguemestre.host.annuaire.publication.operation import Batch, Operation, Outcome, Result
from vaguemestre.host.trust import durable

LINES = 5_000  # operations in one file

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), in both widths.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class TableWriter:
    """`now` names the files, and is in them."""

    certain = True

    def __init__(self, table: Table, spool: Path, now: datetime) -> None:
        self._table = table
        self._spool = spool
        self._staging = spool.with_name("staged")  # beside it: whoever takes files may take all that is in the spool
        self._now = now

    def recover(self, handed: frozenset[str]) -> None:
        """A file that was written down as handed over appears; one that was not, was never there."""
        for staged in self._staging.glob("*"):
            if staged.name in handed:
                self._show(staged.name)
            else:
                staged.unlink()

    def batches(self, operations: Sequence[Operation]) -> Iterator[Batch]:
        """Files of `LINES` lines at most."""
        for number, at in enumerate(range(0, len(operations), LINES)):
            name = f"publication-{self._now:%Y%m%dT%H%M%S%f}Z-{number:03}.csv"
            yield Batch(tuple(operations[at : at + LINES]), name)

    def send(self, batch: Batch) -> Iterator[Outcome]:
        """Stage the file; what cannot be written in its encoding is left out and waits for a change of the mailbox."""
        fitting = []
        for one in batch.operations:
            if unfit := self._unfit(one, batch.name):
                yield Outcome(one, Result.REJECTED, "encoding", unfit)
            else:
                fitting.append(one)
        if fitting:
            durable.write(self._staging / batch.name, content(self._table, fitting, batch.name, self._now))
        yield from (Outcome(one, Result.HANDED) for one in fitting)

    def release(self, batch: Batch) -> None:
        """It is written down: the file may be taken."""
        self._show(batch.name)

    def _unfit(self, operation: Operation, batch: str) -> str:
        for header, text in row(self._table, operation, batch, self._now).items():
            try:
                text.encode(self._table.encoding)
            except UnicodeEncodeError:
                return f"{header!r} holds what {self._table.encoding} cannot write; change the mailbox's text"
        return ""

    def _show(self, name: str) -> None:
        with suppress(FileNotFoundError):
            (self._staging / name).replace(self._spool / name)
            durable.sync(self._spool)


def content(table: Table, operations: Sequence[Operation], batch: str, now: datetime) -> bytes:
    """The whole file (RFC 4180): a header, then a line for each operation, every cell in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=table.separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([header for header, _ in table.columns])
    writer.writerows(row(table, one, batch, now).values() for one in operations)
    return text.getvalue().encode(table.encoding)


def row(table: Table, operation: Operation, batch: str, now: datetime) -> dict[str, str]:
    """The cells of one operation by header, harmless to whoever opens the file in a spreadsheet."""
    fields = _fields(table, operation, batch, now)
    return {header: harmless(fields[field]) for header, field in table.columns}


def harmless(text: str) -> str:
    """One line that no spreadsheet computes: what would begin a formula gets an apostrophe before it."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(_FORMULA) else line


def _fields(table: Table, operation: Operation, batch: str, now: datetime) -> Mapping[str, str]:
    listing = operation.listing
    return {
        "operation": table.codes[operation.kind],
        "address": listing.address,
        "type": listing.kind,
        "person": listing.person,
        "structure": listing.structure,
        "redlist": table.yes if listing.redlist else table.no,
        "paperless": {"O": table.yes, "N": table.no}.get(listing.paperless, ""),
        "rank": str(listing.rank or ""),
        "service": listing.service,
        "description": listing.description,
        "responsible": listing.responsible,
        "batch": batch,
        "date": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
