"""Three of the fifteen pilots, others each day, provisioned and verified in a lab of their own; `full`: all of them.

$VAGUEMESTRE_PILOTS names others, such as the three of a day that failed: "chu-lille ch-lens chu-rouen".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from images import shared_packages
from terminal import Terminal

from vaguemestre import inventory
from vaguemestre.establishment import Mode
from vaguemestre.lab import Lab
from vaguemestre.overlay import VARIABLE
from vaguemestre.rehearsal import lab_plan
from vaguemestre.verify.site import sites

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


def provisioned(lab: Lab, slugs: list[str]) -> Terminal:
    """The command line on a lab of these pilots and all that they serve, each host what its file says."""
    print(f"{CHOICE}={' '.join(slugs)!r}", file=sys.stderr, flush=True)
    plan = replace(lab_plan(inventory.read(PILOTS), NAME, slugs), packages=shared_packages())
    lab.up(plan, lambda text: print(text, file=sys.stderr, flush=True))
    Terminal(PILOTS)("apply", VAGUEMESTRE_LAB=NAME).succeeded()
    return Terminal(PILOTS)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded in this process is of the pilots' lab."""
    monkeypatch.setenv(VARIABLE, NAME)


def everybody_writes_to_the_next() -> None:
    """Every establishment of the lab, hosted ones too, writes to another; all of it arrives."""
    fleet = inventory.load(PILOTS)
    with ExitStack() as stack:
        people = [stack.enter_context(site.probe(fleet)) for site in sites(fleet)]
        sent = [(to, one.send(to.address, "d'un pilote")) for one, to in pairwise([*people, people[0]])]
        for to, message in sent:
            to.wait_for(message, seconds=60)


@pytest.mark.usefixtures("here")
def test_three_pilots_are_provisioned_side_by_side_write_to_each_other_and_the_first_is_verified(lab: Lab) -> None:
    slugs = os.environ.get(CHOICE, "").split() or of_day(date.today().toordinal(), stacks())
    typed = provisioned(lab, slugs)
    everybody_writes_to_the_next()
    typed("verify", slugs[0], VAGUEMESTRE_LAB=NAME).succeeded()


@pytest.mark.full
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("first", range(0, len(stacks()), AT_ONCE))
def test_all_pilots_are_provisioned_and_verified_site_by_site(lab: Lab, first: int) -> None:
    typed = provisioned(lab, stacks()[first : first + AT_ONCE])
    everybody_writes_to_the_next()
    typed("verify", VAGUEMESTRE_LAB=NAME).succeeded()
