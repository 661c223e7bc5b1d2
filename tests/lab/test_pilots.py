"""Three of the fifteen pilots, others each day, provisioned and verified in a lab of their own; `full`: all of them.

$VAGUEMESTRE_PILOTS names others, such as the three of a day that failed: "chu-lille ch-lens chu-rouen".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from images import shared_packages
from terminal import Terminal

from vaguemestre import inventory
from vaguemestre.establishment import Mode
from vaguemestre.lab import Lab
from vaguemestre.rehearsal import lab_plan

PILOTS = Path(__file__).resolve().parents[2] / "inventories" / "pilots"
CHOICE = "VAGUEMESTRE_PILOTS"
NAME = "pilots"
AT_ONCE = 3


def stacks() -> list[str]:
    """The pilots with hosts, in rollout order; those that they host are verified with them."""
    return [one.slug for one in inventory.read(PILOTS).establishments if one.mode is Mode.OPERATOR]


def of_day(day: int, known: list[str]) -> list[str]:
    """Three a day, each in its turn."""
    return [known[(day * AT_ONCE + place) % len(known)] for place in range(AT_ONCE)]


@pytest.fixture(scope="module")
def lab(pytestconfig: pytest.Config) -> Iterator[Lab]:
    """A lab apart from the session's, without a host yet."""
    instance = Lab.open(NAME)
    yield instance
    if not pytestconfig.getoption("--keep-lab"):
        instance.down()


def provisioned_and_verified(lab: Lab, slugs: list[str]) -> None:
    print(f"{CHOICE}={' '.join(slugs)!r}", file=sys.stderr, flush=True)
    plan = replace(lab_plan(inventory.read(PILOTS), NAME, slugs), packages=shared_packages())
    lab.up(plan, lambda text: print(text, file=sys.stderr, flush=True))
    typed = Terminal(PILOTS)
    typed("apply", VAGUEMESTRE_LAB=NAME).succeeded()
    typed("verify", VAGUEMESTRE_LAB=NAME).succeeded()


def test_three_pilots_are_provisioned_side_by_side_and_verified_site_by_site(lab: Lab) -> None:
    named = os.environ.get(CHOICE, "").split()
    provisioned_and_verified(lab, named or of_day(date.today().toordinal(), stacks()))


@pytest.mark.full
@pytest.mark.parametrize("first", range(0, len(stacks()), AT_ONCE))
def test_all_pilots_are_provisioned_and_verified(lab: Lab, first: int) -> None:
    provisioned_and_verified(lab, stacks()[first : first + AT_ONCE])
