"""`vaguemestre directory search` for people: what a line tells."""

from __future__ import annotations

import io

from rich.console import Console
from typer.testing import CliRunner

from vaguemestre.cli import app
from vaguemestre.cli.directory_search import _table

FOUND = [
    {
        "address": "h@x.mssante.test",
        "name": "Hélène [b]LE GALL[/b]",
        "kind": "PER",
        "match": "accents apart",
        "title": "Médecin, Cardiologie",
        "establishment": "CH FICTIF",
        "place": "62300 LENS",
        "paperless": "O",
    },
    {"address": "s@x.mssante.test", "name": "Secrétariat", "kind": "ORG", "match": "begins so", "service": "Imagerie"},
]


def lines() -> list[str]:
    screen = Console(file=io.StringIO(), width=200)
    screen.print(_table(FOUND))
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_line_tells_who_what_where_and_whether_paper_is_wanted() -> None:
    _, person, team = lines()
    assert person == (
        "Hélène [b]LE GALL[/b] Médecin, Cardiologie CH FICTIF, 62300 LENS h@x.mssante.test no paper accents apart"
    )
    assert team == "Secrétariat Imagerie s@x.mssante.test begins so"


def test_the_help_teaches() -> None:
    said = CliRunner().invoke(app, ["directory", "search", "--help"], env={"COLUMNS": "120"}).output
    assert "dupont cardiologue lille" in said
    assert "red list" in said
