"""The rendered hosts, kept as real file trees so that a change of a role is reviewed as the change of a host."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import pytest
from golden.hosts import HERE, NAMES, OLDER, tree


def _kept(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def _keep(folder: Path, drawn: dict[str, str]) -> None:
    for gone in _kept(folder).keys() - drawn.keys():
        (folder / gone).unlink()
    for name, text in drawn.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _differences(kept: dict[str, str], drawn: dict[str, str]) -> Iterator[str]:
    for name in sorted(kept.keys() | drawn.keys()):
        before, after = kept.get(name, ""), drawn.get(name, "")
        yield from difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"kept/{name}", f"now/{name}", lineterm=""
        )


@pytest.mark.parametrize("name", [*NAMES, *OLDER])
def test_the_hosts_are_rendered_as_they_are_kept(name: str, request: pytest.FixtureRequest) -> None:
    drawn = tree(name)
    if request.config.getoption("--update-golden"):
        _keep(HERE / name, drawn)
    different = list(_differences(_kept(HERE / name), drawn))
    if different:
        shown = "\n".join(different[:200])
        pytest.fail(
            f"{shown}\n\nIf this is meant: pytest tests/golden --update-golden, and review git diff.", pytrace=False
        )


@pytest.mark.parametrize("name", [*NAMES, *OLDER])
def test_no_template_leaves_a_trace_of_its_language(name: str) -> None:
    marks = [(path, mark) for path, text in tree(name).items() for mark in ("{%", "%}", "{#", "None") if mark in text]
    assert not marks


@pytest.mark.parametrize("name", [*NAMES, *OLDER])
def test_no_rendered_line_ends_in_blanks_and_every_file_ends_its_last_line(name: str) -> None:
    untidy = [
        path
        for path, text in tree(name).items()
        if not text.endswith("\n") or any(line != line.rstrip() for line in text.splitlines())
    ]
    assert not untidy
