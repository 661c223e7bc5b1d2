"""Whose list it is, what is told of a plan, and what the command answers when it must not go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from declared import HOSTED, OPERATOR, SECOND, fleet
from typer.testing import CliRunner

from vaguemestre.cli import app
from vaguemestre.cli.mailbox_plan import MOST, shown, summary
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.trouble import Trouble
from vaguemestre.establishment import Fleet
from vaguemestre.host.mailboxes.roster import Roster, Row
from vaguemestre.staff.errors import StaffFileError
from vaguemestre.staff.importing import Import, ImportRefusedError, whose
from vaguemestre.staff.line import Place
from vaguemestre.staff.reading import Reading
from vaguemestre.verbs.mailbox import MailboxError, holders

WITH_MAIL = "roles: [base, pki, openldap, dovecot, trust, postfix, edge]"
DOMAIN = "pasteur.mssante.test"
PLAN: dict[str, Any] = {"steps": [], "unchanged": 3, "managed": 3, "left": [], "digest": "d"}


@pytest.fixture
def three(tmp_path: Path) -> Fleet:
    (tmp_path / "lens.csv").touch()
    files = {
        "pasteur": OPERATOR,
        "ch-lens": SECOND + "mailboxes: {source: csv, file: lens.csv, import: {absent: close}}\n",
        "tilleuls": HOSTED,
        "seule": OPERATOR.replace("operator", "individual").replace("270000999", "270000888"),
    }
    files["seule"] = files["seule"].partition("domains:")[0] + "contacts:" + files["seule"].partition("contacts:")[2]
    return fleet(tmp_path, **{slug: text.replace("roles: [base, pki]", WITH_MAIL) for slug, text in files.items()})


def test_the_rules_of_the_inventory_reach_the_import(three: Fleet) -> None:
    assert whose(three, Path("any.csv"), "ch-lens").mailboxes.imports.absent == "close"


def test_a_list_is_that_of_who_is_named_or_whose_file_it_is(three: Fleet) -> None:
    assert whose(three, Path("any.csv"), "tilleuls").slug == "tilleuls"
    assert whose(three, three.root / "lens.csv", None).slug == "ch-lens"


@pytest.mark.parametrize(
    ("slug", "wrong"), [(None, "whose list is any.csv"), ("x", "no establishment x"), ("seule", "mail domain")]
)
def test_a_list_of_nobody_is_refused_naming_whose_it_could_be(three: Fleet, slug: str | None, wrong: str) -> None:
    with pytest.raises(ImportRefusedError, match=wrong) as refused:
        whose(three, Path("any.csv"), slug)
    assert "name one of: ch-lens, pasteur, tilleuls" in str(refused.value)


def asked(fleet: Fleet, answer: Ran | Failure, monkeypatch: pytest.MonkeyPatch, **reading: Any) -> Import:
    """An import whose host answers so."""
    monkeypatch.setattr("vaguemestre.engines.pyinfra.run", lambda _fleet, names, *_, **__: dict.fromkeys(names, answer))
    place = Place(Path("staff.csv"), (DOMAIN,), {"address": "BAL", "rpps": "rpps"})
    rows = (Row(2, {"address": f"anne@{DOMAIN}"}),)
    read = Reading(place, rows, **{"problems": (), **reading})
    holder = next(one for one in holders(fleet) if one.operator.slug == "pasteur")
    return Import(holder, read, Roster((DOMAIN,), rows), lambda _host, _text: None)


def said(code: int = 0, **values: object) -> Ran:
    steps = json.dumps({"event": "step", "text": "1 of 2 mailboxes"})
    return Ran(f"{steps}\n{json.dumps(values)}\n".encode(), b"", code)


def test_the_last_line_of_a_host_is_its_answer(three: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = said(result="planned", plan=PLAN, without_password=["a"], too_many=None)
    planned = asked(three, answer, monkeypatch).plan()
    assert (planned.plan, planned.without_password, planned.too_many) == (PLAN, ("a",), None)


def test_what_the_file_and_what_the_host_find_wrong_is_told_together(
    three: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_host = {"line": 2, "field": "address", "wrong": "was given before", "way_out": "choose another"}
    own = Place(Path("staff.csv"), (DOMAIN,), {}).problem(1, "rpps", "no column", "name it")
    one = asked(three, said(2, result="wrong", problems=[of_host]), monkeypatch, problems=(own,))
    with pytest.raises(StaffFileError) as wrong:
        one.plan()
    assert [(p.line, p.field) for p in wrong.value.problems] == [(1, "rpps"), (2, "address (BAL)")]


def test_what_is_wrong_with_the_file_is_told_though_the_host_is_away(
    three: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Failure(Trouble.UNREACHABLE, "no route")
    own = Place(Path("staff.csv"), (DOMAIN,), {}).problem(1, "rpps", "no column", "name it")
    with pytest.raises(StaffFileError, match="no column"):
        asked(three, away, monkeypatch, problems=(own,)).plan()
    with pytest.raises(MailboxError, match="no route"):
        asked(three, away, monkeypatch).plan()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (said(2, result="refused", message="too many"), ImportRefusedError, "too many"),
        (said(1, result="failed", message="slapd is away"), MailboxError, "slapd is away"),
        (Ran(b"", b"invalid choice: 'import'", 2), MailboxError, "is it provisioned"),
    ],
)
def test_what_a_host_refuses_or_fails_at_ends_with_its_own_words(
    three: Fleet, monkeypatch: pytest.MonkeyPatch, answer: Ran, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        asked(three, answer, monkeypatch).plan()


def step(action: str, number: int, **changes: list[object]) -> dict[str, Any]:
    return {"action": action, "address": f"a{number}@{DOMAIN}", "changes": changes}


def test_a_plan_is_a_page_with_what_was_and_what_will_be() -> None:
    steps = [
        *(step("open", n, type=["", "PER"], name=["", f"N{n}"]) for n in range(MOST + 2)),
        step("change", 90, service=["Bloc", ""]),
        step("suspend", 91, state=["active", "suspended"]),
    ]
    plan = PLAN | {"steps": steps, "left": [f"held@{DOMAIN}"]}
    lines = [line.plain for line in shown(plan, {"passed_over": 4, "disabled": 0})]
    assert lines[0] == f"+ a0@{DOMAIN}  opened PER N0"
    assert lines[MOST:] == [
        "  and 2 more to be opened (--json tells all)",
        f"~ a90@{DOMAIN}  changed; service: Bloc → nothing",
        f"- a91@{DOMAIN}  suspended",
        f"! held@{DOMAIN} was suspended by hand and stays so",
        f"to do: {MOST + 2} opened, 1 changed, 1 suspended; 3 are as they should be"
        "; 4 entries without an address were passed over",
    ]


def test_nothing_to_do_is_said_so() -> None:
    assert summary(dict.fromkeys(("open", "change"), 0)) == "nothing"


def test_a_wrong_list_is_json_for_programs_and_ends_with_2(three: Fleet) -> None:
    file = three.root / "any.csv"
    file.write_text("Nom;Prénom\nESSAI;Anne\n")
    ran = CliRunner().invoke(app, ["mailbox", "import", str(file), "tilleuls", "-i", str(three.root), "--json"])
    assert ran.exit_code == 2
    answer = json.loads(ran.stdout)
    assert answer["result"] == "wrong"
    assert [(one["line"], one["field"]) for one in answer["problems"]] == [(1, "address")]
