"""Whom a verification asks: establishments with mail somewhere, hosted ones too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vaguemestre import inventory
from vaguemestre.engines.targets import SelectionError
from vaguemestre.establishment import Fleet
from vaguemestre.verify.site import chosen

FULLEST = Path(__file__).parents[1] / "golden" / "inventories" / "fullest"


@pytest.fixture(scope="module")
def moving() -> Fleet:
    """EHPAD Les Tilleuls is on its way to CH de Lens."""
    return inventory.read(FULLEST)


@pytest.fixture(scope="module")
def fleet(moving: Fleet) -> Fleet:
    """It has arrived."""
    arrived = (one.model_copy(update={"moving_from": None}) for one in moving.establishments)
    return replace(moving, establishments=tuple(arrived))


def asked(fleet: Fleet, *names: str) -> list[tuple[str, str]]:
    return [(site.establishment.slug, site.host.name) for site in chosen(fleet, names)]


def test_without_a_name_everybody_with_mail_is_asked(fleet: Fleet) -> None:
    assert [slug for slug, _ in asked(fleet)] == ["ch-lens", "ehpad-les-tilleuls", "clinique-des-iles"]


def test_a_hosted_establishment_is_asked_on_its_operators_host(fleet: Fleet) -> None:
    assert asked(fleet, "ehpad-les-tilleuls") == [("ehpad-les-tilleuls", "mail.ch-lens.mssante.test")]


def test_who_is_on_the_move_is_asked_when_it_has_arrived(moving: Fleet) -> None:
    assert [slug for slug, _ in asked(moving)] == ["ch-lens", "clinique-des-iles"]


def test_a_host_is_asked_for_all_that_it_serves(fleet: Fleet) -> None:
    assert [slug for slug, _ in asked(fleet, "mail.ch-lens.mssante.test")] == ["ch-lens", "ehpad-les-tilleuls"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ch-lense", "did you mean ch-lens?"),
        ("maison-de-sante-calais", "there is no mail host to verify"),
        ("bastion.ch-lens.mssante.test", "there is no mail host to verify"),
    ],
)
def test_who_has_no_mail_here_cannot_be_verified(fleet: Fleet, name: str, words: str) -> None:
    with pytest.raises(SelectionError) as caught:
        chosen(fleet, [name])
    assert words in str(caught.value)
