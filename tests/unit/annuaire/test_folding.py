"""Words as people search them: accents, case and signs do not count, and spelling hardly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.annuaire.folding import folded, sound, telling, words


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("HÉLÈNE", "helene"),
        ("Jean-Pierre", "jean pierre"),
        ("Le Bœuf d'Île", "le boeuf d ile"),
        ("François  ŸVES\u00a0Straße", "francois yves strasse"),
        ("C.H.U. (site nord)", "c h u site nord"),
        ("*)(mail=*", "mail"),
        ("", ""),
    ],
)
def test_accents_case_and_signs_do_not_count(written: str, plain: str) -> None:
    assert folded(written) == plain


@given(st.text(max_size=40))
def test_what_is_folded_stays_so_and_holds_no_sign(text: str) -> None:
    plain = folded(text)
    assert folded(plain) == plain
    assert all(one.isalnum() for one in plain.split(" ") if one)


def test_words_come_once_and_the_silent_ones_tell_nothing() -> None:
    assert words("Centre de santé", "SANTE des Ormeaux") == ("centre", "de", "sante", "des", "ormeaux")
    assert telling("Centre de santé", "SANTE des Ormeaux") == ("centre", "sante", "ormeaux")


@pytest.mark.parametrize(
    "alike",
    [
        "gauthier gautier gotier",
        "dupont dupond",
        "philippe filipe philipe",
        "lefebvre lefevre",
        "thibault thibaud thibaut tibo",
        "renault renaud renaux",
        "chevallier chevalier",
        "schmitt schmit",
        "meyer mayer meier",
        "rousseau rousso",
        "catherine katerine",
        "helene elene",
        "saint sein",
    ],
)
def test_names_that_are_heard_alike_have_one_sound(alike: str) -> None:
    assert len({sound(one) for one in alike.split()}) == 1


@pytest.mark.parametrize("apart", ["martin morin", "leroy leroux", "simon salmon", "blanc blin", "petit petain"])
def test_names_that_are_heard_apart_keep_apart(apart: str) -> None:
    first, second = map(sound, apart.split())
    assert first != second


@given(st.text(max_size=30))
def test_every_word_has_a_sound(text: str) -> None:
    assert all(sound(one) for one in words(text))
