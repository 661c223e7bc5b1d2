"""What `vaguemestre init` asks: each question once, each answer checked at once, and no question to a script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError

from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Mode
from vaguemestre.inventory.beginning import Answers, slug_of
from vaguemestre.terms import Department, Finess, Fqdn, Line, MailAddress

Given = Mapping[str, str | None]
"""Answers so far, by the name of the option that gives them."""


class UnansweredError(VaguemestreError):
    """Something must be known, and nobody is at the terminal to ask."""

    exit_code = Exit.INVALID


@dataclass(frozen=True)
class Question:
    """`kind` is the type the answer must have, `shape` how to write it; `when` says whether it is asked at all."""

    option: str
    words: str
    kind: Any = Line
    shape: str = "one line of text"
    default: Callable[[Given], str | None] = lambda _: None
    when: Callable[[Given], bool] = lambda _: True

    def checked(self, answer: str) -> str:
        """The answer; raises typer.BadParameter, which makes a prompt ask again."""
        try:
            TypeAdapter(self.kind).validate_python(answer)
        except ValidationError as error:
            raise typer.BadParameter(f"{answer!r}: write {self.shape}", param_hint=f"--{self.option}") from error
        return answer


def _is(*modes: Mode) -> Callable[[Given], bool]:
    return lambda given: given["mode"] in modes


_MODES = "operator, hosted or individual"
QUESTIONS = (
    Question("name", "Name of the establishment"),
    Question("city", "City"),
    Question("region", "Region"),
    Question("department", "Department, as in Eure (27)", Department, "name and number: Eure (27)"),
    Question("finess", "FINESS number", Finess, "nine characters, such as 270000999"),
    Question(
        "mode", "Mode: operator, hosted or individual", Mode, "operator, hosted or individual", lambda _: "operator"
    ),
    Question("operator", "Which operator serves it (its file, without .yml)", when=_is(Mode.HOSTED)),
    Question("domain", "Mail domain", Fqdn, "a full name", when=_is(Mode.OPERATOR, Mode.HOSTED)),
    Question(
        "host", "Host's full name", Fqdn, "a full name", lambda given: f"mail.{given['domain']}", _is(Mode.OPERATOR)
    ),
    Question("address", "Host's IPv4 address", IPv4Address, "four numbers", when=_is(Mode.OPERATOR)),
    Question("responsible", "Who is responsible (name)"),
    Question("phone", "Telephone of the responsible person"),
    Question("mail", "Mail address of the responsible person", MailAddress, "an address"),
)


def answers(given: Given, slug: str | None, wave: int) -> Answers:
    """Everything `init` needs: what options gave, and the rest asked of the person at the terminal.

    Raises:
        UnansweredError: there is nobody to ask; it names every option that is missing.
        typer.BadParameter: an option's value is wrong.
    """
    known = dict(given)
    missing = [question for question in QUESTIONS if not _answer(question, known)]
    if missing:
        options = ", ".join(f"--{question.option}" for question in missing)
        raise UnansweredError(f"nobody is at the terminal to be asked\n    give {options}")
    chosen = slug or slug_of(str(known["name"]), str(known["city"]))
    return Answers(**known | {"slug": chosen, "wave": wave, "mode": Mode(known["mode"])})  # type: ignore[arg-type]


def _answer(question: Question, known: dict[str, str | None]) -> bool:
    """Put the answer among the known ones; False when it cannot be had."""
    given, default = known[question.option], None
    if given is not None:
        known[question.option] = question.checked(given)
    elif question.when(known):
        default = question.default(known)
        known[question.option] = _asked(question, default) if sys.stdin.isatty() else default
        return known[question.option] is not None
    return True


def _asked(question: Question, default: str | None) -> str:
    return str(typer.prompt(question.words, default=default, value_proc=question.checked))
