"""Printed pipelines: valid where they will run, made of commands that exist, and their steps do what they say."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

import click
import pytest
import typer
import yaml
from declared import OPERATOR, write

from vaguemestre.cli import app
from vaguemestre.cli.diff_comment import MARK
from vaguemestre.pipelines import PipelineError, Place, System, pipeline

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
INVENTORY = PurePosixPath("inventories/production")
SCHEMAS = {
    System.GITHUB: ("--builtin-schema=vendor.github-workflows",),
    System.GITLAB: ("--builtin-schema=vendor.gitlab-ci", "--data-transform=gitlab-ci"),
}


def printed(system: System, kit: str = ".") -> str:
    return pipeline(system, Place(INVENTORY, PurePosixPath(kit)), ["pasteur"])


@pytest.mark.slow
@pytest.mark.parametrize("system", System)
def test_it_is_valid_by_the_published_schema(system: System, tmp_path: Path) -> None:
    (tmp_path / "pipeline.yml").write_text(printed(system))
    program = [BIN / "check-jsonschema", *SCHEMAS[system], tmp_path / "pipeline.yml"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("system", "kit"), [(System.GITHUB, "."), (System.GITLAB, "tools/kit")])
def test_every_command_in_it_exists_with_its_options(system: System, kit: str) -> None:
    prefix = "" if kit == "." else f"{kit}/"
    called = re.findall(rf"(?<![\w/]){re.escape(prefix)}\.venv/bin/vaguemestre ([^\n>|]+)", printed(system, kit))
    assert len(called) == 7  # validate, diff, lab copy, lab up, apply, verify, lab down
    for line in called:
        assert understood(shlex.split(line)), line
    assert (ROOT / "script/setup").exists()
    assert (ROOT / "script/lab-requirements").exists()


def understood(arguments: list[str]) -> bool:
    """Whether the command line takes these arguments; nothing is run."""
    command: click.Command = typer.main.get_command(app)
    while isinstance(command, click.Group):
        command = command.commands[arguments.pop(0)]
    command.make_context("vaguemestre", arguments)
    return True


@pytest.mark.parametrize("word", ["$(id)", "a b", "../up", "-x", "a;b", "'", "/etc"])
def test_nothing_that_a_shell_would_read_gets_into_it(word: str) -> None:
    for place in ((word,), (INVENTORY, word), (INVENTORY, ".", word)):
        with pytest.raises(PipelineError):
            Place(PurePosixPath(place[0]), PurePosixPath(*place[1:2]), *place[2:])  # type: ignore[arg-type]


@pytest.fixture
def branch(tmp_path: Path) -> Path:
    """A clone of somebody's repository, the kit a folder in it, with a change that is committed on a branch."""
    origin = tmp_path / "origin"
    write(origin / INVENTORY, pasteur=OPERATOR)
    git(origin, "init", "--quiet", "--initial-branch=main")
    commit(origin)
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    clone = tmp_path / "clone"
    (clone / "kit").symlink_to(ROOT)
    git(clone, "checkout", "--quiet", "-b", "more-journal")
    (clone / INVENTORY / "inventory.yml").write_text("journal: {max_use: 3G}\n")
    commit(clone)
    return clone


@pytest.mark.slow
def test_on_github_the_diff_becomes_the_comment_and_the_summary(branch: Path, tmp_path: Path) -> None:
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\nprintf "%s\\n" "$*" >>"$GH_LOG"\ncase "$*" in *--paginate*) echo 41; echo 42 ;; esac\n')
    gh.chmod(0o755)
    steps = yaml.safe_load(printed(System.GITHUB, "kit"))["jobs"]["files"]["steps"]
    given = {
        "PATH": f"{gh.parent}:{os.environ['PATH']}",
        "GH_LOG": str(tmp_path / "gh.log"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "THREAD": "repos/chu/mail/issues",
        "NUMBER": "7",
    }
    for step in steps[2:]:
        done = run(branch, step["run"], given)
        assert done.returncode == 0, done.stderr
    assert "+SystemMaxUse=3G" in (tmp_path / "summary.md").read_text()
    last = (tmp_path / "gh.log").read_text().splitlines()[-1]
    assert last == "api --silent --method PATCH repos/chu/mail/issues/comments/42 --field body=@diff.md"


@pytest.mark.slow
def test_on_gitlab_the_comment_that_is_there_is_brought_up_to_date(branch: Path, notes: Notes) -> None:
    job = yaml.safe_load(printed(System.GITLAB, "kit"))["diff"]
    given = {
        "CI_API_V4_URL": notes.url,
        "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "7",
        "VAGUEMESTRE_NOTES_TOKEN": "a-token",
    }
    done = run(branch, "\n".join(job["script"]), given)
    assert done.returncode == 0, done.stderr
    method, path, body = notes.received[-1]
    assert (method, path) == ("PUT", "/projects/3/merge_requests/7/notes/12")
    assert "+SystemMaxUse=3G" in body
    assert notes.tokens == {"a-token"}


@pytest.mark.slow
def test_files_that_are_wrong_stop_the_pipeline_where_they_are_wrong(branch: Path) -> None:
    (branch / INVENTORY / "pasteur.yml").write_text(OPERATOR.replace("finess", "finnes"))
    job = yaml.safe_load(printed(System.GITLAB, "kit"))["validate"]
    done = run(branch, "\n".join(job["script"]), {})
    assert done.returncode == 2
    assert "pasteur.yml:5" in done.stderr


@pytest.mark.slow
def test_what_is_rehearsed_is_a_valid_inventory_of_the_lab(branch: Path) -> None:
    steps = yaml.safe_load(printed(System.GITHUB, "kit"))["jobs"]["rehearsal"]["steps"]
    (copied,) = (step["run"] for step in steps if step.get("name") == "A copy for the lab")
    done = run(branch, f"{copied}\nkit/.venv/bin/vaguemestre validate --inventory build/rehearsal", {})
    assert done.returncode == 0, done.stderr
    assert "build/rehearsal: 1 establishment, 1 host" in done.stdout


class Notes:
    """The notes of a merge request, as much of GitLab's interface as the pipeline asks."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, str]] = []
        self.tokens: set[str | None] = set()
        notes = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer([{"id": 13, "body": "LGTM"}, {"id": 12, "body": f"{MARK}\n..."}, {"id": 3, "body": MARK}])

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                notes.received.append((self.command, self.path, body))
                self._answer({})

            do_POST = do_PUT  # noqa: N815 - as http.server wants it

            def _answer(self, content: Any) -> None:
                notes.tokens.add(self.headers["PRIVATE-TOKEN"])
                body = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def notes() -> Iterator[Notes]:
    kept = Notes()
    Thread(target=kept.server.serve_forever, daemon=True).start()
    yield kept
    kept.server.shutdown()
    kept.server.server_close()


def run(where: Path, script: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A step as both systems run it: bash, ending at the first command that fails."""
    program = ["bash", "-eo", "pipefail", "-c", script]
    env = os.environ | {"VAGUEMESTRE_INVENTORY": str(INVENTORY)} | given
    return subprocess.run(program, cwd=where, env=env, capture_output=True, text=True, check=False)


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "-c", "user.name=Test", "-c", "user.email=test@example.test", "commit", "--quiet", "-m", "as it is")
