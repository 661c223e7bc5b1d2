"""The national authorities are known by fingerprint: one more, one less or one altered is noticed."""

from __future__ import annotations

import pytest

from vaguemestre.errors import Exit
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.national import BUNDLE, PinError, check_pins

SHIPPED = BUNDLE.read_text()
END = "-----END CERTIFICATE-----\n"
FIRST, SECOND = (f"{part}{END}" for part in SHIPPED.split(END)[:2])


def test_the_authorities_that_ship_are_the_nations() -> None:
    check_pins(SHIPPED)
    check_pins(SHIPPED.encode())
    check_pins(SECOND + FIRST)


@pytest.mark.parametrize("pem", [FIRST, SECOND], ids=["no root", "no issuing authority"])
def test_a_missing_authority_is_named(pem: str) -> None:
    with pytest.raises(PinError, match=r"IGC-SANTE ELEMENTAIRE.* is missing"):
        check_pins(pem)


def test_a_strange_authority_is_named_even_beside_the_nations() -> None:
    stranger = Authority.create().anchors_pem().decode()
    with pytest.raises(PinError, match=r"trust/national\.pem.*\n.*TEST AC.*is none of the nation's") as caught:
        check_pins(SHIPPED + stranger, source="trust/national.pem")
    assert caught.value.exit_code is Exit.INVALID
    assert "trust.authority: test" in str(caught.value)


def test_a_rehearsal_may_have_its_own() -> None:
    check_pins(Authority.create().anchors_pem(), "test")


@pytest.mark.parametrize("authority", ["national", "test"])
def test_what_is_no_pem_is_refused(authority: str) -> None:
    with pytest.raises(PinError, match="no readable PEM"):
        check_pins("words", authority)
