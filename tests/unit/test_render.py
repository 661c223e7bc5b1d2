"""Templates are strict: what is missing is named, with the template and its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vaguemestre import render
from vaguemestre.errors import ReleaseError


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of templates in place of the kit's."""
    monkeypatch.setattr(render, "TEMPLATES", tmp_path)
    render._environment.cache_clear()
    yield tmp_path
    render._environment.cache_clear()


def test_a_missing_variable_is_named_with_its_template_and_line(templates: Path) -> None:
    (templates / "main.cf.j2").write_text("a\nb\nname = {{ fqdn }}\n")
    with pytest.raises(ReleaseError, match=r"templates/main\.cf\.j2:3: .*fqdn"):
        render.text("main.cf.j2")


def test_a_missing_variable_behind_a_test_is_refused_too(templates: Path) -> None:
    (templates / "main.cf.j2").write_text("{% if fqdn %}x{% endif %}")
    with pytest.raises(ReleaseError, match="fqdn"):
        render.text("main.cf.j2")


def test_a_template_that_does_not_parse_is_named_with_its_line(templates: Path) -> None:
    (templates / "main.cf.j2").write_text("a\n{% for %}\n")
    with pytest.raises(ReleaseError, match=r"templates/main\.cf\.j2:2: "):
        render.text("main.cf.j2")


def test_a_template_that_is_not_there_is_named(templates: Path) -> None:
    with pytest.raises(ReleaseError, match=r"templates/base/etc/nowhere\.j2"):
        render.file("base", "/etc/nowhere")


def test_a_file_comes_from_the_template_of_its_role_and_path(templates: Path) -> None:
    (templates / "base/etc").mkdir(parents=True)
    (templates / "base/etc/motd.j2").write_text("Bienvenue à {{ city }}\n")
    file = render.file("base", "/etc/motd", mode=0o600, city="Évreux")
    assert (file.path, file.content.decode(), file.mode) == ("/etc/motd", "Bienvenue à Évreux\n", 0o600)


def test_nothing_is_escaped_for_a_web_page(templates: Path) -> None:
    (templates / "x.j2").write_text("{{ value }}")
    assert render.text("x.j2", value="a <b> & 'c'") == "a <b> & 'c'"


def test_lines_of_the_template_language_leave_no_empty_line(templates: Path) -> None:
    (templates / "x.j2").write_text("one\n  {% for item in given %}\n{{ item }}\n  {% endfor %}\nend\n")
    assert render.text("x.j2", given=["a", "b"]) == "one\na\nb\nend\n"
