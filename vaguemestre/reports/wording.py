"""The words of pages in one language, and how dates are written in it. Times are UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import TypeAdapter

from vaguemestre.reports.requirements import Text

Language = Literal["fr", "en"]
_FILE = Path(__file__).parent / "words.yml"
_BEFORE = re.compile(" ([;:!?»])")
_DAY = {"fr": "%d/%m/%Y", "en": "%Y-%m-%d"}


@dataclass(frozen=True)
class Words:
    """One language; `words["hosts"]` in Python, ``words.hosts`` in templates."""

    language: Language

    def __getitem__(self, name: str) -> str:
        return self.of(_words()[name])

    def of(self, text: Text) -> str:
        """In this language, set as its typography wants it."""
        return _set(text.fr) if self.language == "fr" else text.en

    def day(self, moment: datetime) -> str:
        return moment.strftime(_DAY[self.language])

    def time(self, moment: datetime) -> str:
        return f"{self.day(moment)} {moment:%H:%M} UTC"

    def age(self, moment: datetime, now: datetime) -> str:
        """``yesterday``, ``12 days ago``, by calendar days."""
        days = (now.date() - moment.date()).days
        return self["today"] if days <= 0 else self["yesterday"] if days == 1 else self["days_old"].format(days)


def _set(french: str) -> str:
    """No line begins with a mark that belongs to the word before it (Lexique de l'Imprimerie nationale)."""
    return _BEFORE.sub("\N{NO-BREAK SPACE}\\1", french).replace("« ", "«\N{NO-BREAK SPACE}")


@cache
def _words() -> dict[str, Text]:
    plain = yaml.load(_FILE.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return TypeAdapter(dict[str, Text]).validate_python(plain)
