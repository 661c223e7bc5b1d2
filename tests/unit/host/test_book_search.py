"""The host's verb `search`: what is no question is refused, whatever it is, before slapd is asked."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from vaguemestre.host.book import search


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        "null",
        '"dupont"',
        "{}",
        '{"name": ""}',
        '{"name": "*"}',
        '{"name": 1}',
        '{"name": ["dupont"]}',
        '{"name": "dupont", "limit": 0}',
        '{"name": "dupont", "limit": "20"}',
        '{"name": "dupont", "limit": true}',
        '{"name": "' + "x" * 70_000 + '"}',
        "[" * 60_000,
    ],
)
def test_what_is_no_question_is_refused_with_words(
    said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    assert search.main(["--json"]) == 2
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["result"] == "refused"
    assert answer["message"]


def test_words_on_the_command_line_are_not_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(["dupont"]) == 2
    assert "usage" in capsys.readouterr().err
