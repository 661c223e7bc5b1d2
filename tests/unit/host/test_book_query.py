"""Questions as filters: nothing that is typed becomes grammar, and what is found comes in the order people expect."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.book.found import ordered
from vaguemestre.host.book.query import Question, filters, root, variants

ATTRIBUTES = {
    *("vgmName", "vgmSound", "vgmTrade", "vgmSite", "vgmPlace"),
    *("vgmProfession", "vgmSpeciality", "vgmStructureId"),
}
_TERM = re.compile(r"\((\w+)=([^()*\\&|!]+)\*?\)")


def person(family: str, given_name: str, address: str, **more: list[str]) -> dict[str, list[str]]:
    return {
        "mail": [address],
        "sn": [family],
        "givenName": [given_name],
        "displayName": [f"{given_name} {family}"],
        "vgmMailboxType": ["PER"],
        **more,
    }


def nearest(asked: Question, *entries: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(one.address, one.match) for one in ordered(asked, entries)]


@given(
    st.builds(Question, *(st.text(st.characters(exclude_categories=("Cs",)), max_size=25) for _ in range(4))).filter(
        lambda one: not one.empty
    )
)
def test_whatever_is_typed_a_filter_holds_our_attributes_and_words_alone(asked: Question) -> None:
    for text in filters(asked):
        left = _TERM.sub("", text)
        assert re.fullmatch(r"[&|()]*", left)
        assert {name for name, _ in _TERM.findall(text)} <= ATTRIBUTES


@pytest.mark.parametrize("field", ["name", "profession", "place", "establishment"])
def test_a_filter_typed_into_any_field_is_words(field: str) -> None:
    asked = Question(**{field: "*)(userPassword=*))(|(mail=*"})
    assert not asked.empty
    assert all("userPassword=" not in text and "mail=" not in text for text in filters(asked))


def test_a_question_of_signs_alone_is_empty() -> None:
    assert Question(name="*", place="(", profession="\\").empty


def test_the_first_filter_is_the_names_as_they_are() -> None:
    first, *_ = filters(Question(name="Hélène Le Gall"))
    assert first == "(&(vgmName=helene)(vgmName=gall))"


def test_a_name_of_silent_words_alone_is_asked_by_them() -> None:
    assert next(filters(Question(name="Le"))) == "(vgmName=le)"


def test_who_asks_for_no_name_is_answered_by_the_facets_at_once() -> None:
    assert list(filters(Question(profession="cardiologue", place="Lille 59"))) == [
        "(&(vgmTrade=cardiolog*)(vgmPlace=lille*)(vgmPlace=59*))"
    ]


def test_codes_and_numbers_are_compared_as_such() -> None:
    (text,) = filters(Question(profession="sm04", establishment="620000999"))
    assert "(vgmSpeciality=SM04)" in text
    assert "(vgmStructureId=1620000999)" in text


@pytest.mark.parametrize(
    ("asked", "label"),
    [
        ("cardiologue", "cardiologie"),
        ("infirmiere", "infirmier"),
        ("generaliste", "generale"),
        ("pediatre", "pediatrie"),
        ("chirurgienne", "chirurgien"),
        ("orl", "orl"),
    ],
)
def test_who_does_it_is_found_by_what_it_is(asked: str, label: str) -> None:
    assert label.startswith(root(asked))


def test_one_error_is_a_letter_dropped_added_wrong_or_exchanged() -> None:
    assert {"dupon", "dupontt", "dupond", "duopnt"} <= set(variants("dupont"))
    assert "dpont" in set(variants("dupont"))
    assert "dont" not in set(variants("dupont"))


def test_exact_comes_before_accents_before_beginnings_before_errors() -> None:
    found = nearest(
        Question(name="lefevre"),
        person("LEFEBVRE", "Zoé", "sound@x.test"),
        person("LEFÈVRE", "Zoé", "accent@x.test"),
        person("LEFEVRET", "Zoé", "begins@x.test"),
        person("LEFEVRE", "Zoé", "exact@x.test"),
        person("LEFEVKE", "Zoé", "off@x.test"),
    )
    assert found == [
        ("exact@x.test", "exact"),
        ("accent@x.test", "accents apart"),
        ("begins@x.test", "begins so"),
        ("sound@x.test", "sounds alike"),
        ("off@x.test", "one letter off"),
    ]


def test_every_word_counts_and_the_worst_most() -> None:
    both = Question(name="dupont lille")
    found = nearest(both, person("DUPONT", "A", "here@x.test", l=["LILLE"]), person("DUPOND", "A", "far@x.test"))
    assert found == [("here@x.test", "by place or trade"), ("far@x.test", "otherwise")]


def test_those_alike_come_by_name() -> None:
    entries = (person("MARTIN", "Zoé", "z@x.test"), person("MARTIN", "Éloïse", "e@x.test"))
    assert [address for address, _ in nearest(Question(name="martin"), *entries)] == ["e@x.test", "z@x.test"]
