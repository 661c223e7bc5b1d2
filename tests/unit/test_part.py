"""A lab may hold a part of an inventory: what is chosen, whoever serves it, and all that those serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaguemestre import inventory
from vaguemestre.engines.targets import SelectionError
from vaguemestre.establishment import Fleet
from vaguemestre.rehearsal import lab_plan

PILOTS = Path(__file__).parents[2] / "inventories" / "pilots"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return inventory.read(PILOTS)


def test_a_hosted_establishment_brings_its_operator_and_that_ones_guests(fleet: Fleet) -> None:
    assert {one.slug for one in fleet.part(["clinique-du-cedre"]).establishments} == {"chu-rouen", "clinique-du-cedre"}


def test_a_lab_of_a_part_has_its_hosts_only_and_the_packages_of_all(fleet: Fleet) -> None:
    part, whole = lab_plan(fleet, "one", ["chu-rouen"]), lab_plan(fleet, "one")
    assert [guest.name for guest in part.guests] == ["mail.chu-rouen.mssante.test"]
    assert part.packages == whole.packages


def test_other_operators_are_sent_to_the_edges_and_hear_from_the_mail_host(fleet: Fleet) -> None:
    (domain,) = [one for one in lab_plan(fleet, "one", ["chu-lille"]).domains if one.domain == "chu-lille.mssante.test"]
    assert domain.mx == ("mx1.chu-lille.mssante.test", "mx2.chu-lille.mssante.test")
    assert domain.senders == ("mail.chu-lille.mssante.test",)


def test_a_part_that_nobody_knows_is_refused(fleet: Fleet) -> None:
    with pytest.raises(SelectionError, match="did you mean chu-rouen"):
        lab_plan(fleet, "one", ["chu-rouan"])
