"""The lines of an extraction: read in one pass and constant memory, dirt cleaned, what cannot be used counted.

A line is passed over, and counted by what is wrong with it, when it is not UTF-8, has not 31 columns, or its type or
address cannot be used. What is strange otherwise is a remark.

Half a million lines are read for the sake of a few: a line without dirt is not split any further than it takes to know
that. Its rest, from the profession to the country, is that of many others, and is looked at once.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter

from vaguemestre.host.annuaire.cleaning import mended, tidy, without_excess
from vaguemestre.host.annuaire.columns import COLUMNS, SEPARATOR, wrong_header
from vaguemestre.host.annuaire.line import APART, Line, Row
from vaguemestre.host.annuaire.mailbox import FLAGS
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

_RESTS_KEPT = 50_000
_KIND, _ADDRESS, _REST = itemgetter(0), itemgetter(1), itemgetter(-1)

# An address is a dot-string (RFC 5321 section 4.1.2) and a domain, 254 octets in all (section 4.5.3.1.3).
_LONGEST_ADDRESS = 254
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{}~.-]+")
_ORDINARY = b"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{}~.-"
_BOUNDS = bytes.maketrans(b"@\n", b"..")  # with these as dots, two in a row are a label, or a whole part, without text


_ROW: Callable[[list[str]], Row] = partial(tuple.__new__, Row)  # what Row._make does, without another call


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
        self._rests: set[str] = set()  # of lines that were whole

    def __iter__(self) -> Iterator[Line | Row]:
        for first, text in self._texts():
            numbers, rows = self._rows(first, text)
            addresses = self._addresses(rows)
            if all(addresses) and _HOLDER.keys() >= set(map(_KIND, rows)) and {APART + 1}.issuperset(map(len, rows)):
                for number, cells, address in zip(numbers, rows, addresses, strict=True):
                    cells[1] = address
                    if not cells[_HOLDER[cells[0]]]:
                        self._remark_holder(cells, number)
                yield from map(_ROW, rows)
            else:
                yield from self._one_by_one(numbers, rows, addresses)

    def _one_by_one(self, numbers: Sequence[int], rows: list[list[str]], addresses: list[str]) -> Iterator[Line | Row]:
        for number, cells, address in zip(numbers, rows, addresses, strict=True):
            if not address or cells[0] not in _HOLDER:
                self._fault("address" if cells[0] in _HOLDER else "type", number)
                continue
            cells[1] = address
            if not cells[_HOLDER[cells[0]]]:
                self._remark_holder(cells, number)
            if len(cells) == APART + 1:
                yield _ROW(cells)
            else:
                if cells[_FLAG] not in FLAGS:
                    cells[_FLAG] = ""
                    self._remark("paperless", number)
                yield Line._make(cells)

    @property
    def truncated(self) -> bool:
        return bool(self.faults["truncated"])

    def _rows(self, first: int, text: str) -> tuple[Sequence[int], list[list[str]]]:
        """The lines of a text, those without dirt as the cells of a Row, others as all of theirs; with their numbers.

        Those that have not 31 are left out.
        """
        texts = text.split("\n")
        rows = [one.split(SEPARATOR, APART) for one in texts]
        numbers: Sequence[int] = range(first, first + len(rows))
        known = self._rests
        if '"' in text or not known.issuperset(map(_REST, rows)):
            pairs = zip(texts, rows, strict=True)
            rows = [cells if cells[-1] in known and '"' not in one else self._cells(one, cells) for one, cells in pairs]
            if [] in rows:
                return self._without_faulty(numbers, rows)
        return numbers, rows

    def _cells(self, text: str, cells: list[str]) -> list[str]:
        """Those of a Row when that says it all, else those of a Line; none of a line that is faulty."""
        if '"' in text or text.count(SEPARATOR) != len(COLUMNS) - 1:
            whole = mended(text) if '"' in text else without_excess(text.split(SEPARATOR))
            cells = [*whole[:APART], SEPARATOR.join(whole[APART:])]
        else:
            whole = text.split(SEPARATOR)
        if len(whole) != len(COLUMNS):
            return []
        rest = cells[-1]
        if whole[_FLAG] not in FLAGS or rest.count(SEPARATOR) != len(COLUMNS) - 1 - APART:
            return whole
        if len(self._rests) >= _RESTS_KEPT:
            self._rests.clear()
        self._rests.add(rest)
        return cells

    def _without_faulty(self, numbers: Sequence[int], rows: list[list[str]]) -> tuple[list[int], list[list[str]]]:
        for number, cells in zip(numbers, rows, strict=True):
            if not cells:
                self._fault("columns", number)
        good = [(number, cells) for number, cells in zip(numbers, rows, strict=True) if cells]
        return [number for number, _ in good], [cells for _, cells in good]

    def _addresses(self, rows: list[list[str]]) -> list[str]:
        """The rows' addresses as they are compared, empty for one that cannot be used; all at once if they can."""
        joined = "\n".join(map(_ADDRESS, rows)).lower()
        found = joined.split("\n") if rows else []
        if _ordinary(joined, len(rows)) and max(map(len, found)) <= _LONGEST_ADDRESS:
            names = set(joined.replace("@", "\n").split("\n")[1::2])
            if self._domains.plain(names):
                return found
        return [self._address(one) for one in found]

    def _address(self, address: str) -> str:
        local, _, written = address.rpartition("@")
        name = self._domains[written]
        whole = f"{local}@{name}"
        usable = name and len(whole) <= _LONGEST_ADDRESS and _LOCAL.fullmatch(local) and _ordinary(whole, 1)
        return whole if usable else ""

    def _fault(self, kind: str, number: int) -> None:
        kind = "truncated" if self._unended else kind
        self.faults[kind] += 1
        self._number(kind, number)

    def _remark_holder(self, cells: list[str], number: int) -> None:
        if _HOLDER[cells[0]]:
            self._remark("person" if cells[0] == "PER" else "structure", number)

    def _remark(self, kind: str, number: int) -> None:
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

    def __init__(self) -> None:
        super().__init__()
        self._plain: set[str] = set()

    def plain(self, names: set[str]) -> bool:
        """Whether all of them can stay as they are written."""
        if not names <= self._plain:
            self._plain.update(one for one in names if self[one] == one)
        return names <= self._plain

    def __missing__(self, written: str) -> str:
        if len(self) >= _DOMAINS_KEPT:
            self.clear()
            self._plain.clear()
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
    alone = octets.translate(None, _ORDINARY) == b"\n@" * number + b"\n"
    return alone and b".." not in octets.translate(_BOUNDS)


def _check_header(line: bytes) -> None:
    if line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise ExtractionError("it is a web page or XML, not an extraction")
    try:
        wrong = wrong_header(line.decode())
    except UnicodeDecodeError:
        wrong = "it is not UTF-8"
    if wrong:
        raise ExtractionError(wrong)
