"""What a fuzzer is, and the mutations that any of them may use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

SEEDS = Path(__file__).with_name("seeds")


@dataclass(frozen=True)
class Fuzzer:
    """One thing that is fuzzed.

    `make` draws a case; `check` runs it and gives a word for what became of it ("taken", "refused"...), which is
    counted. Whatever `check` raises is a find. `share` is its part of all cases, next to the others' shares.
    """

    name: str
    make: Callable[[Random], bytes]
    check: Callable[[bytes], str]
    share: int = 10


@cache
def seeds(name: str, pattern: str = "*") -> tuple[bytes, ...]:
    """The seeds of a fuzzer, those that others once found included."""
    return tuple(path.read_bytes() for path in sorted((SEEDS / name).glob(pattern)))


def mutated(draw: Random, data: bytes, words: Sequence[bytes] = ()) -> bytes:
    """`data` changed in one to four places; `words` are pieces that mean something to the reader."""
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))):
        data = draw.choice(_MUTATIONS)(draw, data, words)
    return data


def _flip(draw: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :] if at < len(data) else data + b"\0"


def _insert(draw: Random, data: bytes, words: Sequence[bytes]) -> bytes:
    at = draw.randrange(len(data) + 1)
    piece = draw.choice(words) if words and draw.random() < 0.7 else bytes([draw.randrange(256)])
    return data[:at] + piece * draw.choice((1, 1, 1, 2, 9)) + data[at:]


def _remove(draw: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + data[at + draw.choice((1, 1, 2, 5, 20, 200)) :]


def _replace(draw: Random, data: bytes, words: Sequence[bytes]) -> bytes:
    return _insert(draw, _remove(draw, data, words), words)


def _copy(draw: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    begin, at = draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)
    return data[:at] + data[begin : begin + draw.choice((1, 4, 16, 64, 500))] + data[at:]


def _cut(draw: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


_MUTATIONS = (_flip, _flip, _insert, _insert, _remove, _replace, _copy, _cut)
