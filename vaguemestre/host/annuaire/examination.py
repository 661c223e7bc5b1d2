"""What is in an extraction and what is wrong with it: one pass over the file, one over its sorted addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median

from vaguemestre.host.annuaire import digest
from vaguemestre.host.annuaire.digest import Record
from vaguemestre.host.annuaire.mailbox import KINDS, mark, united
from vaguemestre.host.annuaire.reading import FAULTS, REMARKS, Reading
from vaguemestre.host.annuaire.runs import Runs
from vaguemestre.host.annuaire.source import Source
from vaguemestre.host.annuaire.wording import crossed, many

_MERGED_AT_MOST = 50_000  # addresses on several lines that are remembered; a usable file has far fewer


@dataclass(frozen=True)
class Met:
    """Lines of which the same is to be said: what, how many, and the first ones' numbers (the header is line 1)."""

    what: str
    count: int
    first: tuple[int, ...]

    def __str__(self) -> str:
        numbers = ", ".join(f"{one:,}" for one in self.first)
        more = ", ..." if self.count > len(self.first) else ""
        return f"{many(self.count, 'line')}: {self.what} (line{'s' if self.count > 1 else ''} {numbers}{more})"


@dataclass(frozen=True)
class Findings:
    """An extraction, counted.

    `size` is octets of text, `lines` those after the header. `faults` were passed over, `remarks` count nevertheless,
    by the words of `reading`. `merged` are the addresses found on several lines, `merged_number` how many they are.
    """

    generated: datetime | None
    size: int
    lines: int
    faults: Mapping[str, Met]
    remarks: Mapping[str, Met]
    mailboxes: int
    kinds: Mapping[str, int]
    domains: Mapping[str, int] = field(repr=False)
    merged: frozenset[str] = field(repr=False)
    merged_number: int
    digest: digest.Facts

    @property
    def passed_over(self) -> int:
        return sum(one.count for one in self.faults.values())

    @property
    def domain_median(self) -> float:
        return median(self.domains.values()) if self.domains else 0

    @property
    def domain_most(self) -> int:
        return max(self.domains.values(), default=0)


@dataclass(frozen=True)
class Limits:
    """What makes a file unfit. `mailboxes`: fewer are refused; shares in percent of lines passed over, or merged."""

    mailboxes: int = 1
    passed_over: float = 0.5
    merged: float = 5.0


def examine(source: Source, path: Path) -> Findings:
    """Read a whole extraction, and leave its digest at `path`; sorting is done in the folder of that.

    Raises:
        ExtractionError: it is no extraction, or it is damaged.
        OSError: the disk.
    """
    reading, tally = Reading(source), _Tally()
    with Runs(path.parent) as runs:
        for line in reading:
            runs.add(f"{line[1]}\t{mark(line[0], line.text)}")
        known = digest.write(path, tally.records(runs.sorted()), source.generated)
    return Findings(
        generated=source.generated,
        size=source.read,
        lines=reading.lines,
        faults=_met(FAULTS, reading.faults, reading.numbers),
        remarks=_met(REMARKS, reading.remarks, reading.numbers),
        mailboxes=known.mailboxes,
        kinds=tally.by_kind(),
        domains=dict(tally.domains),
        merged=frozenset(tally.merged),
        merged_number=tally.merged_number,
        digest=known,
    )


def unfit(found: Findings, limits: Limits) -> tuple[str, ...]:
    """Why a file must not be used, whatever is held: nothing, or a sentence for each reason."""
    reasons = (
        _too_few(found.mailboxes, limits.mailboxes),
        "it is cut short: its last line is not whole" if "truncated" in found.faults else "",
        crossed(found.passed_over, found.lines, limits.passed_over, "lines cannot be used"),
        crossed(found.merged_number, found.mailboxes, limits.merged, "addresses stand on several lines"),
    )
    return tuple(filter(None, reasons))


class _Tally:
    """Counts mailboxes on their way into a digest."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.domains: Counter[str] = Counter()
        self.merged: list[str] = []
        self.merged_number = 0

    def records(self, lines: Iterable[str]) -> Iterator[Record]:
        """One record an address, of lines ``address TAB mark`` that are sorted."""
        for address, marks in _by_address(lines):
            fingerprint = united(marks) if len(marks) > 1 else marks[0]
            self.kinds[fingerprint[0]] += 1
            self.domains[address.rpartition("@")[2]] += 1
            if len(marks) > 1:
                self._merged(address)
            yield Record(address, fingerprint)

    def by_kind(self) -> dict[str, int]:
        return {KINDS[int(place)]: number for place, number in sorted(self.kinds.items())}

    def _merged(self, address: str) -> None:
        self.merged_number += 1
        if len(self.merged) < _MERGED_AT_MOST:
            self.merged.append(address)


def _by_address(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    held, marks = "", [""]
    for line in lines:
        address, _, one = line.partition("\t")
        if address == held:
            marks.append(one)
            continue
        if held:
            yield held, marks
        held, marks = address, [one]
    if held:
        yield held, marks


def _met(words: Mapping[str, str], counted: Counter[str], numbers: Mapping[str, list[int]]) -> dict[str, Met]:
    return {kind: Met(words[kind], counted[kind], tuple(numbers[kind])) for kind in words if counted[kind]}


def _too_few(number: int, least: int) -> str:
    if number >= least:
        return ""
    return f"it has {many(number, 'mailbox')}; {least:,} are the least" if number else "it has no usable mailbox"
