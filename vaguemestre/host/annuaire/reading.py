"""The lines of an extraction: read in one pass and constant memory, dirt cleaned, what cannot be used counted.

A line is passed over, and counted by what is wrong with it, when it is not UTF-8, has not 31 columns, or its type or
address cannot be used. What is strange otherwise is a remark.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from vaguemestre.host.annuaire.cleaning import mended, tidy, without_excess
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

_WIDTHS = {len(COLUMNS)}
_ADDRESS = itemgetter(1)

# An address is a dot-string (RFC 5321 section 4.1.2) and a domain, 254 octets in all (section 4.5.3.1.3).
_LONGEST_ADDRESS = 254
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{}~.-]+")
_ORDINARY = b"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{}~.-"
_MISPLACED = (b"..", b".@", b"\n.", b"\n@", b"@\n")


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
        new, holder = tuple.__new__, _HOLDER
        for first, text in self._texts():
            numbers, rows = self._rows(first, text)
            for number, cells, address in zip(numbers, rows, self._addresses(rows), strict=True):
                kind = cells[0]
                if not address or kind not in holder:
                    self._fault("address" if kind in holder else "type", number)
                    continue
                cells[1] = address
                if cells[_FLAG] not in FLAGS or not cells[holder[kind]]:
                    self._remark(cells, number)
                line: Line = new(Line, cells)
                yield line

    @property
    def truncated(self) -> bool:
        return bool(self.faults["truncated"])

    def _rows(self, first: int, text: str) -> tuple[Sequence[int], list[list[str]]]:
        """The lines of a text as cells, with their numbers; those that have not 31 are left out."""
        texts = text.split("\n")
        rows = [one.split(SEPARATOR) for one in texts]
        numbers: Sequence[int] = range(first, first + len(rows))
        if '"' in text:
            rows = [mended(one) if '"' in one else cells for one, cells in zip(texts, rows, strict=True)]
        if set(map(len, rows)) != _WIDTHS:
            rows = [without_excess(cells) for cells in rows]
            for number, cells in zip(numbers, rows, strict=True):
                if len(cells) not in _WIDTHS:
                    self._fault("columns", number)
            whole = [(number, cells) for number, cells in zip(numbers, rows, strict=True) if len(cells) in _WIDTHS]
            numbers, rows = [number for number, _ in whole], [cells for _, cells in whole]
        return numbers, rows

    def _addresses(self, rows: list[list[str]]) -> list[str]:
        """The rows' addresses as they are compared, empty for one that cannot be used."""
        joined = "\n".join(map(_ADDRESS, rows)).lower()
        found = joined.split("\n") if rows else []
        if _ordinary(joined, len(rows)):
            domains = self._domains
            if all(domains[name] == name for name in {one.partition("@")[2] for one in found}):
                return found
        return [self._address(one) for one in found]

    def _address(self, address: str) -> str:
        local, _, written = address.rpartition("@")
        name = self._domains[written]
        whole = f"{local}@{name}"
        return whole if name and _LOCAL.fullmatch(local) and _ordinary(whole, 1) else ""

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

    def _texts(self) -> Iterator[tuple[int, str]]:
        """The lines after the header, cleaned, many at a time, each time with the first one's number."""
        blocks = self._blocks()
        header, end, rest = next(blocks, b"").partition(b"\n")
        _check_header(header)
        for block in chain((rest,) if end else (), blocks):
            first = self.lines + 2
            self.lines += block.count(b"\n") + 1
            try:
                yield first, tidy(block)
            except UnicodeDecodeError:
                yield from self._decodable(block, first)

    def _decodable(self, block: bytes, first: int) -> Iterator[tuple[int, str]]:
        """Line by line, without those that are not UTF-8."""
        for number, line in enumerate(block.split(b"\n"), first):
            try:
                yield number, tidy(line)
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


def _ordinary(addresses: str, number: int) -> bool:
    """Whether so many addresses, a line each, all consist of ordinary characters and one @; looks at all at once."""
    if not addresses.isascii():
        return False
    octets = b"\n%b\n" % addresses.encode()
    if octets.translate(None, _ORDINARY) != b"\n@" * number + b"\n" or any(one in octets for one in _MISPLACED):
        return False
    return len(octets) <= _LONGEST_ADDRESS or max(map(len, octets.split(b"\n"))) <= _LONGEST_ADDRESS


def _check_header(line: bytes) -> None:
    if line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise ExtractionError("it is a web page or XML, not an extraction")
    try:
        wrong = wrong_header(line.decode())
    except UnicodeDecodeError:
        wrong = "it is not UTF-8"
    if wrong:
        raise ExtractionError(wrong)
