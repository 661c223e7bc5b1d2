"""What fuzzing once found stays mended, and every fuzzer still runs; the long runs are `script/fuzz`'s."""

from __future__ import annotations

from random import Random

import pytest
from fuzz.fuzzer import Fuzzer, seeds
from fuzz.fuzzers import FUZZERS

ALL = pytest.mark.parametrize("fuzzer", FUZZERS, ids=lambda one: one.name)


@ALL
def test_every_kept_case_passes(fuzzer: Fuzzer) -> None:
    kept = [one for one in seeds(fuzzer.name) if not one.startswith(b"-----BEGIN CERTIFICATE")]
    assert kept
    for case in kept:
        fuzzer.check(case)


@ALL
def test_a_few_hundred_new_cases_pass(fuzzer: Fuzzer) -> None:
    became = {fuzzer.check(fuzzer.make(Random(f"tests {number}"))) for number in range(200)}  # noqa: S311
    assert len(became) > 1, "a fuzzer whose cases all end alike finds nothing"
