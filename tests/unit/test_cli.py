"""The command line from outside: what is printed, what is written, which code it ends with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from declared import LAB, OPERATOR, SECOND, write
from typer.main import get_command

from vaguemestre import inventory
from vaguemestre.cli import app, main, registered
from vaguemestre.inventory import EMBEDDED

ANSWERS = [
    "--name=Clinique Pasteur", "--city=Évreux", "--region=Haute-Normandie", "--department=Eure (27)",
    "--finess=270000999", "--domain=pasteur.mssante.test", "--address=192.0.2.10", "--responsible=Camille Exemple",
    "--phone=+33 2 00 00 00 01", "--mail=camille@pasteur.mssante.test",
]  # fmt: skip


def run(*arguments: str) -> int:
    """Run a command in this process; its exit code."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


def commands() -> Iterator[tuple[str, ...]]:
    """Every command and group, as words."""
    everything = registered(get_command(app).list_commands(None))  # type: ignore[attr-defined]
    for command in everything.registered_commands:
        yield (str(command.name),)
    for group in everything.registered_groups:
        yield (str(group.name),)
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            yield (str(group.name), command.name or command.callback.__name__)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_says_what_it_does(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words, "--help") == 0
    printed = capsys.readouterr().out
    assert f"vaguemestre {' '.join(words)}" in printed
    assert len(printed.splitlines()) > 5


def test_all_the_commands_of_the_kit_are_there() -> None:
    names = {words[0] for words in commands()}
    assert names >= {"init", "validate", "schema", "diff", "plan", "apply", "rollback", "status", "audit"}
    assert names >= {"verify", "rollout", "mailbox", "lab", "inventory"}


def test_help_comes_at_once_for_it_needs_nothing_heavy() -> None:
    heavy = {"pydantic", "yaml", "jinja2", "cryptography", "pyinfra", "ansible", "rich.console"}
    program = f"import sys, vaguemestre.cli; print(sorted({heavy!r} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_validate_counts_what_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path, pasteur=OPERATOR, lens=SECOND)
    assert run("validate", "-i", str(root)) == 0
    assert capsys.readouterr().out == f"{root}: 2 establishments, 2 hosts, 2 domains: valid\n"


def test_validate_lists_problems_where_editors_look_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path, pasteur=OPERATOR.replace("wave: 1", "wave: 0").replace("city:", "ctiy:"))
    assert run("validate", "-i", str(root)) == 2
    lines = capsys.readouterr().err.splitlines()
    file = root / "pasteur.yml"
    assert f"{file}:2: ctiy: the key ctiy is not known" in lines
    assert f"{file}:7: wave: 0 is too small" in lines
    assert lines[-1] == "vaguemestre: 3 problems in the inventory; nothing was done"


def test_validate_gives_programs_the_same_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path, pasteur=OPERATOR.replace("wave: 1", "wave: 0"))
    assert run("validate", "--json", "-i", str(root)) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "valid": False,
        "problems": [
            {
                "file": str(root / "pasteur.yml"),
                "line": 7,
                "field": "wave",
                "wrong": "0 is too small",
                "way_out": "1 is the least",
            }
        ],
    }


def test_a_wrong_option_ends_like_any_other_wrong_input() -> None:
    assert run("validate", "--no-such-option") == 2
    assert run("no-such-command") == 2


def test_the_schema_is_printed_as_it_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    kept = EMBEDDED.parent / "schema"
    assert run("schema") == 0
    assert capsys.readouterr().out == (kept / "establishment.json").read_text()
    assert run("schema", "--inventory") == 0
    assert capsys.readouterr().out == (kept / "inventory.json").read_text()


def test_init_writes_a_file_that_is_valid_and_the_national_certificates(tmp_path: Path) -> None:
    root = tmp_path / "new"
    assert run("init", "-i", str(root), *ANSWERS) == 0
    (one,) = inventory.read(root).establishments
    assert (one.slug, one.hosts[0].name) == ("clinique-pasteur-evreux", "mail.pasteur.mssante.test")
    assert b"AC RACINE IGC-SANTE ELEMENTAIRE" in (root / "trust" / "national.pem").read_bytes()


def test_init_gives_a_new_inventory_its_settings_and_keeps_its_keys_out_of_git(tmp_path: Path) -> None:
    assert run("init", "-i", str(tmp_path), *ANSWERS) == 0
    assert inventory.read(tmp_path).settings.ssh.key == Path("ssh/vaguemestre")
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    private = ["secrets/mail.pasteur.mssante.test/tls.key", "ssh/vaguemestre"]
    public = ["ssh/vaguemestre.pub", "ssh/known_hosts", "trust/national.pem", "inventory.yml"]
    ignored = subprocess.run([*git, "check-ignore", *private, *public], capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == private


@pytest.mark.parametrize("slug", ["Bad Slug", "../elsewhere", "été"])
def test_init_refuses_a_name_that_no_command_could_use(
    tmp_path: Path, slug: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", slug, "-i", str(tmp_path / "new"), *ANSWERS) == 2
    assert "is no name for an establishment" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_init_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("init", "mine", "-i", str(tmp_path), *ANSWERS)
    (tmp_path / "mine.yml").write_text("# edited by hand\n")
    assert run("init", "mine", "-i", str(tmp_path), *ANSWERS) == 2
    assert "exists and is left as it is" in capsys.readouterr().err
    assert (tmp_path / "mine.yml").read_text() == "# edited by hand\n"


def test_init_writes_nothing_that_would_not_be_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("init", "first", "-i", str(tmp_path), *ANSWERS)
    assert run("init", "second", "-i", str(tmp_path), *ANSWERS) == 2
    assert "the FINESS number 270000999 is already taken in first.yml" in capsys.readouterr().err
    assert not (tmp_path / "second.yml").exists()


def test_init_tells_a_script_every_option_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115, PTH123
    assert run("init", "-i", str(tmp_path), *ANSWERS[2:]) == 2
    assert "give --name, --city\n" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_init_refuses_an_option_that_is_wrong_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "-i", str(tmp_path), *ANSWERS, "--finess=27") == 2
    assert "Invalid value for --finess" in capsys.readouterr().err


class Terminal(StringIO):
    """A person who types these lines."""

    def isatty(self) -> bool:
        return True


def test_init_asks_what_it_was_not_told_and_asks_again_when_the_answer_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["Eure", "Eure (27)", "270000999", "", "pasteur.mssante.test", "", "192.0.2.300", "192.0.2.10"]
    monkeypatch.setattr("sys.stdin", Terminal("".join(f"{line}\n" for line in lines)))
    assert run("init", "-i", str(tmp_path), *ANSWERS[:3], *ANSWERS[7:]) == 0
    (one,) = inventory.read(tmp_path).establishments
    assert (one.department, one.mode, one.hosts[0].name) == ("Eure (27)", "operator", "mail.pasteur.mssante.test")
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("write name and number: Eure (27)") == 1


@pytest.mark.parametrize("mode", ["hosted", "individual"])
def test_init_asks_only_what_concerns_the_mode(tmp_path: Path, mode: str) -> None:
    run("init", "pasteur", "-i", str(tmp_path), *ANSWERS)
    own = [one for one in ANSWERS if not one.startswith(("--finess", "--domain", "--address"))]
    more = ["--operator=pasteur", "--domain=tilleuls.mssante.test"] if mode == "hosted" else []
    assert run("init", "other", "-i", str(tmp_path), *own, *more, f"--mode={mode}", "--finess=620000111") == 0
    assert {one.slug: one.mode for one in inventory.read(tmp_path).establishments}["other"] == mode


def test_the_lab_that_is_not_up_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAGUEMESTRE_STATE", str(tmp_path))
    assert run("lab", "status", "--name", "nowhere") == 1
    assert "vaguemestre lab up" in capsys.readouterr().out


def test_ansible_is_given_every_host_of_the_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAGUEMESTRE_STATE", str(tmp_path / "state"))
    root = write(tmp_path / "lab", inventory=LAB, pasteur=OPERATOR, lens=SECOND)
    assert run("inventory", "-i", str(root), "--list") == 0
    hosts = json.loads(capsys.readouterr().out)["_meta"]["hostvars"]
    assert hosts["mail.pasteur.mssante.test"]["ansible_host"] == "10.83.27.11"
    assert run("inventory", "-i", str(root), "--host", "mail.ch-lens.mssante.test") == 0
    assert json.loads(capsys.readouterr().out) == hosts["mail.ch-lens.mssante.test"]
