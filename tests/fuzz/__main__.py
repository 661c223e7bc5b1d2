"""Runs the fuzzers: so many cases in all, each fuzzer its share; any case can be made again from its number."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType

from fuzz.fuzzer import SEEDS, Fuzzer
from fuzz.fuzzers import FUZZERS

HANG = 10.0  # seconds for one case
_FINDS = 5  # of one fuzzer, then it stops


class HangError(Exception):
    """One case took longer than HANG."""


def main() -> None:
    options = _options()
    os.nice(10)
    chosen = [one for one in FUZZERS if not options.names or one.name in options.names]
    shares = sum(one.share for one in chosen)
    finds = sum(_run(one, options.count * one.share // shares, options.seed, options.only) for one in chosen)
    sys.exit(f"\n{finds} finds; each is in tests/fuzz/seeds" if finds else 0)


def _options() -> argparse.Namespace:
    known = ", ".join(one.name for one in FUZZERS)
    parser = argparse.ArgumentParser(prog="script/fuzz", description=f"Fuzzes {known}.")
    parser.add_argument("count", nargs="?", type=int, default=20_000, help="cases in all (20000)")
    parser.add_argument("names", nargs="*", help="only these fuzzers")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="to draw the same cases again")
    parser.add_argument("--only", type=int, help="only the case of this number")
    return parser.parse_args()


def _run(fuzzer: Fuzzer, count: int, seed: int, only: int | None) -> int:
    became: Counter[str] = Counter()
    finds, slowest, begun = 0, (0.0, 0), time.monotonic()
    for number in range(count) if only is None else (only,):
        case = fuzzer.make(Random(f"{fuzzer.name} {seed} {number}"))  # noqa: S311 - to be drawn again
        started = time.perf_counter()
        try:
            with _deadline():
                became[fuzzer.check(case)] += 1
        except Exception:
            finds += 1
            _found(fuzzer, seed, number, case)
            if finds >= _FINDS:
                break
        slowest = max(slowest, (time.perf_counter() - started, number))
        if number % 997 == 0:
            _progress(fuzzer, number, count, begun)
    _told(fuzzer, became, finds, slowest, time.monotonic() - begun, seed)
    return finds


@contextmanager
def _deadline() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _hang(_: int, __: FrameType | None) -> None:
    raise HangError(f"more than {HANG:g} s")


def _found(fuzzer: Fuzzer, seed: int, number: int, case: bytes) -> None:
    file = SEEDS / fuzzer.name / f"find-{seed}-{number}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(case)
    print(f"\n{fuzzer.name}: find, case {number} of seed {seed}, kept as {file}: {case[:300]!r}")
    traceback.print_exc(limit=-4)


def _progress(fuzzer: Fuzzer, number: int, count: int, begun: float) -> None:
    if sys.stderr.isatty():
        rate = number / max(time.monotonic() - begun, 0.001)
        print(f"\r{fuzzer.name}: {number:,} of {count:,}, {rate:,.0f}/s ", end="", file=sys.stderr, flush=True)


def _told(
    fuzzer: Fuzzer, became: Counter[str], finds: int, slowest: tuple[float, int], seconds: float, seed: int
) -> None:
    kinds = ", ".join(f"{number:,} {word}" for word, number in became.most_common(8))
    print(
        f"\r{fuzzer.name}: {became.total() + finds:,} cases in {seconds:,.0f} s, {finds} finds; {kinds}; slowest "
        f"{slowest[0] * 1000:.0f} ms (case {slowest[1]}, seed {seed})",
        flush=True,
    )


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _hang)
    main()
