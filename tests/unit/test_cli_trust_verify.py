"""`vaguemestre trust verify`: a list from a file, judged without host or network."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vaguemestre.cli import app, main
from vaguemestre.lab.listing import Line, compose, sign
from vaguemestre.pki.authority import Authority

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
DN = "CN=mx.operateur.test,OU=1990000001,O=OPERATEUR FICTIF,ST=Paris (75),C=FR"
LINES = (Line("a.mssante.test", DN), Line("b.mssante.test", DN.replace(",", ", ")), Line("pas un domaine", DN))


@cache
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a signed list and the anchors."""
    (tmp_path / "ca.pem").write_bytes(authority().anchors_pem())
    (tmp_path / "list.xml").write_bytes(sign(compose(LINES, NOW), authority().issue_signer("alb.mssante.fr")))
    return tmp_path


def asked(files: Path, *more: str, name: str = "list.xml") -> Result:
    return CliRunner().invoke(app, ["trust", "verify", str(files / name), "--anchor", str(files / "ca.pem"), *more])


def test_a_good_list_is_told_in_numbers(files: Path) -> None:
    said = asked(files)
    assert said.exit_code == 0
    assert f"{NOW:%Y-%m-%d %H:%M:%S} UTC" in said.output
    assert "CN=alb.mssante.fr" in said.output
    assert "2 entries, 2 domains, 1 operator, 1 certificate name" in said.output
    assert "entry 3 cannot be used: 'pas un domaine'" in said.output


def test_programs_get_the_same_as_json(files: Path) -> None:
    said = asked(files, "--json")
    told = json.loads(said.output)
    assert said.exit_code == 0
    assert told["valid"] is True
    assert (told["entries"], told["domains"], told["operators"]) == (2, 2, 1)
    assert told["generated"] == NOW.isoformat()
    assert told["signer"]["name"] == "alb.mssante.fr"
    assert [one["number"] for one in told["unusable"]] == [3]


def test_a_refused_list_is_told_with_its_reason(files: Path) -> None:
    (files / "cut.xml").write_bytes((files / "list.xml").read_bytes()[:-40])
    said = asked(files, name="cut.xml")
    assert said.exit_code == 1
    assert "refused" in said.output
    assert "[not_xml]" in said.output
    assert json.loads(asked(files, "--json", name="cut.xml").output)["reason"] == "not_xml"


def test_the_national_anchors_are_used_without_others(files: Path) -> None:
    said = CliRunner().invoke(app, ["trust", "verify", str(files / "list.xml")])
    assert said.exit_code == 1
    assert "[foreign_signer]" in said.output


def test_another_signer_must_be_named(files: Path) -> None:
    assert "[wrong_signer]" in asked(files, "--signer", "autre.mssante.fr").output


def test_an_archived_list_is_judged_at_a_given_date(files: Path) -> None:
    then = NOW - timedelta(days=400)
    old = authority().issue_signer("alb.mssante.fr", not_before=then, not_after=then + timedelta(days=300))
    (files / "old.xml").write_bytes(sign(compose(LINES, then), old))
    now = asked(files, name="old.xml")
    assert now.exit_code == 1
    assert "--at YYYY-MM-DD" in now.output
    at = asked(files, "--at", f"{then + timedelta(days=200):%Y-%m-%d}", name="old.xml")
    assert at.exit_code == 1, "the authority of this test did not exist yet"
    assert "[signer_not_yet_valid]" in at.output
    later = asked(files, "--at", f"{NOW + timedelta(days=9000):%Y-%m-%dT%H:%M:%SZ}")
    assert "[signer_expired]" in later.output


@pytest.mark.parametrize(
    "arguments",
    [["missing.xml"], ["list.xml", "--at", "hier"], ["list.xml", "--anchor", "missing.pem"],
     ["list.xml", "--anchor", "list.xml"]],
)  # fmt: skip
def test_a_file_or_an_option_that_cannot_be_used_ends_with_2(
    files: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    with pytest.raises(SystemExit) as ended:
        main(["trust", "verify", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("vaguemestre: ")
