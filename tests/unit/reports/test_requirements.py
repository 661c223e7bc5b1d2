"""The catalogue is whole, and every proof that it names exists."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from vaguemestre.lab.cases import CASES
from vaguemestre.reports.requirements import ALL_CASES, Requirement, Text, catalogue, french
from vaguemestre.verify import BEHAVIOURS

TESTS = Path(__file__).parents[2]
REQUIREMENTS = tuple(one for chapter in catalogue() for one in chapter.requirements)


@cache
def functions(path: Path) -> tuple[ast.FunctionDef, ...]:
    body = ast.parse(path.read_text()).body
    return tuple(one for one in body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"))


def behaviours() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(BEHAVIOURS.glob("test_*.py")):
        for one in functions(path):
            yield f"{path.stem.removeprefix('test_')}.{one.name.removeprefix('test_')}", one


def marked(function: ast.FunctionDef) -> set[int]:
    """The numbers in its marker ``requirement``."""
    calls = [one for one in function.decorator_list if isinstance(one, ast.Call)]
    mine = [one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr == "requirement"]
    return {ast.literal_eval(argument) for one in mine for argument in one.args}


def test_there_are_seventy_three_requirements_in_their_order() -> None:
    assert [one.number for one in REQUIREMENTS] == list(range(1, 74))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda one: str(one.number))
def test_a_requirement_says_all_in_both_languages(requirement: Requirement) -> None:
    texts = [requirement.title, requirement.required, requirement.tested, requirement.lacks]
    assert all(one.fr.strip() and one.en.strip() and one.fr != one.en for one in texts if isinstance(one, Text))
    assert requirement.basis


def test_behaviours_and_the_catalogue_agree_on_what_proves_what() -> None:
    by_marker = {(proof, number) for proof, function in behaviours() for number in marked(function)}
    by_catalogue = {(proof, one.number) for one in REQUIREMENTS for proof in one.behaviours}
    assert by_marker == by_catalogue


def test_every_behaviour_has_a_sentence_in_french_and_no_other_has() -> None:
    assert set(french()) == {proof for proof, _ in behaviours()}


def test_a_behaviour_that_is_asked_several_times_says_in_french_with_what() -> None:
    """Its English sentence holds the parameter in braces."""
    english = {proof: (ast.get_docstring(function) or "").splitlines()[0] for proof, function in behaviours()}
    assert {proof for proof, told in english.items() if "{" in told} == {
        p for p, told in french().items() if "{}" in told
    }


def test_every_case_that_proves_something_is_a_case_of_the_audit() -> None:
    played = {f"{case.slug}.{way}" for case in CASES for way in ("inbound", "outbound") if getattr(case, way)}
    named = {proof for one in REQUIREMENTS for proof in one.cases} - {ALL_CASES}
    assert named <= played


def test_every_test_of_the_kit_that_is_named_exists() -> None:
    named = {one for requirement in REQUIREMENTS for one in requirement.kit}
    files = {one.partition("::")[0] for one in named}
    there = {f"{file}::{one.name.removeprefix('test_')}" for file in files for one in functions(TESTS / f"{file}.py")}
    assert named <= there


def test_what_nothing_proves_says_what_is_lacking() -> None:
    silent = [one.number for one in REQUIREMENTS if not (one.behaviours or one.cases or one.kit or one.lacks)]
    assert silent == []
