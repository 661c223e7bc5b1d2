"""The lines of an extraction: read in one pass and constant memory, dirt cleaned, what cannot be used counted.

A line is passed over, and counted by what is wrong with it, when it is not UTF-8, has not 31 columns, or its type or
address cannot be used. What is strange otherwise is a remark.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from vaguemestre.host.annuaire.cleaning import mended, tidy
from vaguemestre.host.annuaire.columns import COLUMNS, SEPARATOR, wrong_header
from vaguemestre.host.annuaire.mailbox import FLAGS, Activity, NationalMailbox, Place
from vaguemestre.host.annuaire.source import ExtractionError, Source
from vaguemestre.host.trust.domains import DomainError, domain

FAULTS = {
    "encoding": "not UTF-8",
    "columns": f"not {len(COLUMNS)} columns",
    "type": "a type of mailbox that is not known",
    "address": "an address that cannot be used",
    "truncated": "cut short, at the end of the file",
}
"""Why a line is passed over."""

REMARKS = {
    "person": "PER without a person's identifier",
    "structure": "ORG or APP without a structure's identifier",
    "paperless": "dematerialisation neither O nor N",
}
"""What is strange about a line that counts nevertheless."""

TOLD = 5
"""So many line numbers are kept of each."""

_LONGEST = 1 << 16  # octets of a line
_DOMAINS_KEPT = 100_000
_HOLDER = {"PER": 3, "CAB": 0, "ORG": 6, "APP": 6}  # the column that identifies the holder; 0: none has to
_FLAG = COLUMNS.index("Dématérialisation")  # of the columns 0 to 30

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{}~.-]{1,64}")  # RFC 5321 section 4.1.2, dot-string; dots: see below


class Line(NamedTuple):
    """One line, cleaned: its columns in their order; `address` in lower case, its domain as A-labels."""

    kind: str
    address: str
    person_kind: str
    person: str
    national_person: str
    structure_kind: str
    structure: str
    service: str
    title: str
    family_name: str
    given_name: str
    category: str
    category_label: str
    profession: str
    profession_label: str
    speciality: str
    speciality_label: str
    paperless: str
    legal_name: str
    trade_name: str
    complement: str
    distribution: str
    number: str
    number_suffix: str
    way_kind: str
    way: str
    locality: str
    routing: str
    postal_code: str
    department: str
    country: str

    @property
    def mailbox(self) -> NationalMailbox:
        """What this line alone says, in the neutral model."""
        activity = Activity(*self[2:17], FLAGS[self.paperless], self.legal_name, self.trade_name, Place(*self[20:]))
        return NationalMailbox(self.address, self.kind, (activity,))

    @property
    def text(self) -> str:
        """`mailbox.text` of its activity, without making one."""
        return SEPARATOR.join(self[2:])


class Reading:
    """One pass over an extraction, iterated once; afterwards it knows what it met.

    `lines` counts those after the header, usable or not; `faults` and `remarks` by kind, with the first line numbers
    of each in `numbers` (the header is line 1); `truncated` is whether the last line is cut.

    Raises:
        ExtractionError: while iterating; it is no extraction, or it is damaged.
    """

    def __init__(self, source: Source) -> None:
        self.lines = 0
        self.faults: Counter[str] = Counter()
        self.remarks: Counter[str] = Counter()
        self.numbers: defaultdict[str, list[int]] = defaultdict(list)
        self._source = source
        self._unended = False  # the line at hand has no line end: the file ends with it
        self._domains = _Domains()

    def __iter__(self) -> Iterator[Line]:
        new, domains, usable, width, holder = tuple.__new__, self._domains, _LOCAL.fullmatch, len(COLUMNS), _HOLDER
        for first, texts in self._texts():
            for number, text in enumerate(texts, first):
                cells = text.split(SEPARATOR)
                if len(cells) != width or '"' in text:
                    cells = mended(text)
                    if len(cells) != width:
                        self._fault("columns", number)
                        continue
                kind, address = cells[0], cells[1].lower()
                local, _, written = address.rpartition("@")
                name = domains[written]
                misplaced = address[:1] == "." or ".." in address or ".@" in address
                if misplaced or not name or not usable(local) or kind not in holder:
                    self._fault("address" if kind in holder else "type", number)
                    continue
                cells[1] = address if name == written else f"{local}@{name}"
                if cells[_FLAG] not in FLAGS or not cells[holder[kind]]:
                    self._remark(cells, number)
                line: Line = new(Line, cells)
                yield line

    @property
    def truncated(self) -> bool:
        return bool(self.faults["truncated"])

    def _fault(self, kind: str, number: int) -> None:
        kind = "truncated" if self._unended else kind
        self.faults[kind] += 1
        self._number(kind, number)

    def _remark(self, cells: list[str], number: int) -> None:
        if cells[_FLAG] not in FLAGS:
            cells[_FLAG] = ""
            self.remarks["paperless"] += 1
            self._number("paperless", number)
        if not cells[_HOLDER[cells[0]]]:
            kind = "person" if cells[0] == "PER" else "structure"
            self.remarks[kind] += 1
            self._number(kind, number)

    def _number(self, kind: str, number: int) -> None:
        if len(self.numbers[kind]) < TOLD:
            self.numbers[kind].append(number)

    def _texts(self) -> Iterator[tuple[int, list[str]]]:
        """The lines after the header, cleaned, many at a time, each time with the first one's number."""
        blocks = self._blocks()
        header, end, rest = next(blocks, b"").partition(b"\n")
        _check_header(header)
        for block in chain((rest,) if end else (), blocks):
            first = self.lines + 2
            self.lines += block.count(b"\n") + 1
            try:
                yield first, tidy(block).split("\n")
            except UnicodeDecodeError:
                yield from self._decodable(block, first)

    def _decodable(self, block: bytes, first: int) -> Iterator[tuple[int, list[str]]]:
        """Line by line, without those that are not UTF-8."""
        for number, line in enumerate(block.split(b"\n"), first):
            try:
                yield number, [tidy(line)]
            except UnicodeDecodeError:
                self._fault("encoding", number)

    def _blocks(self) -> Iterator[bytes]:
        """Whole lines, many at a time, without the last one's end."""
        rest = b""
        for chunk in self._source.chunks():
            block, end, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > _LONGEST:
                raise ExtractionError(f"a line has more than {_LONGEST:,} octets: this is no extraction")
            if end:
                yield block
        self._unended = bool(rest)
        if rest:
            yield rest


class _Domains(dict[str, str]):
    """Domains as they are written -> as A-labels, empty for what is no domain; each is looked at once."""

    def __missing__(self, written: str) -> str:
        if len(self) >= _DOMAINS_KEPT:
            self.clear()
        try:
            name = domain(written)
        except DomainError:
            name = ""
        self[written] = name
        return name


def _check_header(line: bytes) -> None:
    if line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise ExtractionError("it is a web page or XML, not an extraction")
    try:
        wrong = wrong_header(line.decode())
    except UnicodeDecodeError:
        wrong = "it is not UTF-8"
    if wrong:
        raise ExtractionError(wrong)
