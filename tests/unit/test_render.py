"""Templates are strict: what is missing is named, with the template and its line."""

from __future__ import annotations

import base64
import hashlib
import html
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


def test_nothing_is_escaped_in_a_configuration_file(templates: Path) -> None:
    (templates / "x.j2").write_text("{{ value }}")
    assert render.text("x.j2", value="a <b> & 'c'") == "a <b> & 'c'"


def test_lines_of_the_template_language_leave_no_empty_line(templates: Path) -> None:
    (templates / "x.j2").write_text("one\n  {% for item in given %}\n{{ item }}\n  {% endfor %}\nend\n")
    assert render.text("x.j2", given=["a", "b"]) == "one\na\nb\nend\n"


@pytest.fixture
def pages(templates: Path) -> Path:
    (templates / "report").mkdir()
    (templates / "report/style.css.j2").write_text("p > b { color: red; }\n")
    return templates


def test_a_name_in_a_page_stays_a_name(pages: Path) -> None:
    (pages / "x.j2").write_text('<p title="{{ name }}">{{ name }}</p>')
    made = render.page("x.j2", name="\"'><script>alert(1)</script>&")
    assert "<script" not in made
    assert made.count("&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;") == 2


def test_what_a_name_hides_is_marked_in_a_page(pages: Path) -> None:
    """A NUL, an ANSI sequence, and U+202E, which would turn the rest of the line round."""
    (pages / "x.j2").write_text("{{ name }}")
    assert render.page("x.j2", name="a\0b\x1b[31m\u202egpj.exe\nÉvreux") == "a\ufffdb\ufffd[31m\ufffdgpj.exe\nÉvreux"


def test_the_style_of_a_page_is_the_one_its_policy_lets_in(pages: Path) -> None:
    (pages / "x.j2").write_text("{{ policy }}|{{ style }}")
    policy, style = render.page("x.j2").split("|")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert style == "p > b { color: red; }\n"
    assert f"style-src 'sha256-{digest}'" in html.unescape(policy)


def test_a_page_names_what_is_missing_like_any_template(pages: Path) -> None:
    (pages / "x.j2").write_text("<h1>\n{{ title }}</h1>")
    with pytest.raises(ReleaseError, match=r"templates/x\.j2:2: .*title"):
        render.page("x.j2")
