"""The report (compte rendu) on files that were handed over: which lines the nation took, which it did not. Pure.

Its columns are the inventory's. A line settles what was handed over last for its mailbox; where the report names the
file, only lines of that very file do. All that is wrong with a report is said at once, and then nothing of it counts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from vaguemestre.host.annuaire.publication import confirmed, report
from vaguemestre.host.annuaire.publication.confirmed import Record, State
from vaguemestre.host.annuaire.publication.layout import Answers, Table
from vaguemestre.host.annuaire.publication.operation import Operation, Outcome, Result

LARGEST = 64 << 20  # bytes
_SHOWN = 10  # problems in one message
_SHORT = 300  # characters of the nation's words that are kept


class ReportError(Exception):
    """The report cannot be used; `str()` names the lines, says what is wrong and the way out."""


@dataclass(frozen=True)
class Answer:
    """What a line says of one mailbox; `batch` is empty when it names no file."""

    address: str
    accepted: bool
    message: str
    batch: str


@dataclass(frozen=True)
class Settled:
    """Records that change, lines for our own report, and how many answers were about nothing that waits for one."""

    records: tuple[Record, ...]
    lines: tuple[report.Line, ...]
    strangers: int


def read(content: bytes, table: Table, form: Answers) -> tuple[Answer, ...]:
    """The answers of a report.

    Raises:
        ReportError: another encoding, columns missing, lines unusable, or one mailbox answered in two ways.
    """
    rows = csv.DictReader(io.StringIO(_text(content, table.encoding)), delimiter=table.separator, strict=True)
    try:
        _check_columns(rows.fieldnames or (), form)
        return _consistent([_answer(one, rows.line_num, form) for one in rows])
    except csv.Error as error:
        raise ReportError(f"line {rows.line_num}: {error}\n    it must be a CSV file as the nation gave it") from error


def settle(records: Mapping[str, Record], answers: Iterable[Answer], now: datetime) -> Settled:
    """What follows from the answers for the mailboxes that wait for one."""
    changed, lines, strangers = [], [], 0
    for one in answers:
        record = records.get(one.address)
        attempt = record.attempt if record else None
        handed = attempt is not None and attempt.state is State.HANDED and one.batch in ("", attempt.batch)
        if record is None or attempt is None or not handed:
            strangers += 1
            continue
        outcome = _outcome(record, one)
        changed.append(confirmed.after(record, outcome, now))
        lines.append(report.line(outcome, attempt.batch, now))
    return Settled(tuple(changed), tuple(lines), strangers)


def _outcome(record: Record, answer: Answer) -> Outcome:
    target = record.attempt.target if record.attempt else None
    kind = "delete" if target is None else "replace" if record.confirmed else "insert"
    operation = Operation(kind, record.address, record.confirmed, target)
    if answer.accepted:
        return Outcome(operation, Result.CONFIRMED, message=answer.message)
    return Outcome(operation, Result.REJECTED, "refused", answer.message or "refused without a word")


def _text(content: bytes, encoding: str) -> str:
    if len(content) > LARGEST:
        raise ReportError(f"larger than the {LARGEST} bytes that are read: this is no report")
    try:
        return content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ReportError(
            f"line {line}: this is not {encoding}\n    publication.csv.encoding in the inventory says how it is read"
        ) from error


def _check_columns(found: Iterable[str], form: Answers) -> None:
    headers = list(found)
    wanted = [one for one in (form.address, form.result) if one not in headers]
    if wanted:
        missing = " and ".join(map(repr, wanted))
        raise ReportError(
            f"line 1: no column {missing}; there are: {', '.join(headers) or 'none'}\n"
            "    publication.csv.report in the inventory says how the columns are called"
        )


def _answer(cells: Mapping[str, str | None], number: int, form: Answers) -> tuple[int, Answer]:
    def cell(header: str) -> str:
        return " ".join((cells.get(header) or "").split())

    accepted = cell(form.result).casefold() in form.accepted
    message = "" if accepted else " ".join(filter(None, (cell(form.result), cell(form.message))))
    address = cell(form.address).lower().removeprefix("'")
    return number, Answer(address, accepted, message[:_SHORT], cell(form.batch) if form.batch else "")


def _consistent(numbered: list[tuple[int, Answer]]) -> tuple[Answer, ...]:
    first: dict[tuple[str, str], tuple[int, Answer]] = {}
    wrong = []
    for number, one in numbered:
        if "@" not in one.address:
            wrong.append(f"line {number}: no address")
            continue
        before = first.setdefault((one.address, one.batch), (number, one))
        if before[1].accepted != one.accepted:
            wrong.append(f"line {number}: says the contrary of line {before[0]}")
    if wrong:
        rest = len(wrong) - _SHOWN
        more = [f"and {rest} more"] if rest > 0 else []
        raise ReportError("\n".join([*wrong[:_SHOWN], *more, "    nothing of this report was used; ask for another"]))
    return tuple(one for _, one in first.values())
