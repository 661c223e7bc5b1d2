"""Publication by files: each operation is in one file, no cell is a formula, and a report settles what it is about."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as fewer
from hypothesis import strategies as st
from publication_nation import DOCTOR, NOW, STRUCTURE, TEAM, by_address, done, listing
from publication_trial import settings

from vaguemestre.host.annuaire.publication import answers, ledger, run, table
from vaguemestre.host.annuaire.publication.answers import ReportError
from vaguemestre.host.annuaire.publication.confirmed import State
from vaguemestre.host.annuaire.publication.layout import Places
from vaguemestre.host.annuaire.publication.ledger import Ledger
from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.annuaire.publication.operation import Batch, Operation
from vaguemestre.host.annuaire.publication.table import TableWriter
from vaguemestre.host.mailboxes.bal import Mailbox

KNOWN = replace(settings(writer="csv"), max_removed_percent=100.0)
COLUMNS = tuple((name.title(), name) for name in ("operation", "address", "type", "structure", "service", "redlist"))
TABLE = replace(KNOWN.table, columns=COLUMNS, separator=";", encoding="utf-8", yes="O", no="N")
FORM = replace(KNOWN.answers, address="Address", result="Statut", message="Motif", batch="", accepted=("ok",))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "spool").mkdir()
    return Places(tmp_path)


@pytest.fixture
def held(places: Places) -> Iterator[Ledger]:
    with ledger.opened(places.ledger) as found:
        yield found


def publish(places: Places, held: Ledger, *boxes: Mailbox) -> None:
    writer = TableWriter(TABLE, places.spool, NOW)
    run.publish(KNOWN, places, held, writer, lambda: boxes, lambda: NOW)


def files(places: Places) -> list[list[dict[str, str]]]:
    """The lines of each file that can be taken."""
    found = sorted(places.spool.glob("*.csv"))
    return [list(csv.DictReader(io.StringIO(one.read_text()), delimiter=";")) for one in found]


def test_what_is_new_is_in_one_file_and_nothing_is_in_two(places: Places, held: Ledger) -> None:
    publish(places, held, DOCTOR, TEAM)
    publish(places, held, DOCTOR, TEAM)
    ((first, second),) = files(places)
    assert first["Address"] == DOCTOR.address
    assert second == {
        "Operation": KNOWN.table.codes["insert"],
        "Address": TEAM.address,
        "Type": "ORG",
        "Structure": STRUCTURE,
        "Service": "Cardiologie",
        "Redlist": "N",
    }
    assert {one.attempt.state for one in held.all().values() if one.attempt} == {State.HANDED}


def test_the_urgent_are_at_the_top_of_the_file(places: Places, held: Ledger) -> None:
    shown = listing(5)
    held.put(done({}, [Operation("insert", shown.address, None, shown)]).values())
    closed = Mailbox(shown.address, "PER", state="closed", person=shown.person)
    publish(places, held, DOCTOR, closed)
    ((first, _),) = files(places)
    assert (first["Operation"], first["Address"]) == (KNOWN.table.codes["delete"], shown.address)


class KilledError(Exception):
    """The run ends here."""


@pytest.mark.parametrize("moment", ["before", "staged", "written"])
def test_a_run_that_is_killed_leaves_each_operation_in_one_file(
    places: Places, held: Ledger, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    where = {"before": (table, "content"), "staged": (run.report, "write"), "written": (TableWriter, "release")}
    with monkeypatch.context() as patch:
        patch.setattr(*where[moment], killed)
        with pytest.raises(KilledError):
            publish(places, held, DOCTOR, TEAM)
    assert files(places) == []
    publish(places, held, DOCTOR, TEAM)
    assert [sorted(line["Address"] for line in one) for one in files(places)] == [[DOCTOR.address, TEAM.address]]
    assert len(list(places.spool.iterdir())) == 1


def test_a_file_that_was_taken_away_is_not_made_again(places: Places, held: Ledger) -> None:
    publish(places, held, DOCTOR)
    for one in places.spool.iterdir():
        one.unlink()
    publish(places, held, DOCTOR)
    assert files(places) == []


def test_what_the_encoding_cannot_write_waits_and_the_rest_goes(places: Places, held: Ledger) -> None:
    odd = replace(TEAM, address="autre@clinique.mssante.test", service="Ωmega")
    writer = TableWriter(replace(TABLE, encoding="cp1252"), places.spool, NOW)
    run.publish(KNOWN, places, held, writer, lambda: [TEAM, odd], lambda: NOW)
    (path,) = places.spool.glob("*.csv")
    assert TEAM.address in path.read_text("cp1252")
    assert odd.address not in path.read_text("cp1252")
    attempt = held.all()[odd.address].attempt
    assert attempt is not None
    assert (attempt.state, attempt.slug) == (State.REJECTED, "encoding")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\r\n=1"])
def test_nothing_that_people_type_becomes_a_formula(text: str) -> None:
    assert table.harmless(text).startswith("'")


@fewer(max_examples=60, deadline=None)
@given(st.text())
def test_whatever_people_type_is_one_cell_that_no_spreadsheet_computes(text: str) -> None:
    operation = Operation("insert", "b@x.test", None, Listing("b@x.test", "ORG", service=text))
    content = table.content(TABLE, [operation], "f", NOW).decode("utf-8", "surrogatepass") if _fits(text) else ""
    if content:
        (line,) = csv.DictReader(io.StringIO(content, newline=""), delimiter=";")
        assert line["Service"] == table.harmless(text)
        assert not line["Service"].startswith(("=", "+", "-", "@", "\t", "\r"))


def _fits(text: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in text)


def report(*lines: str, head: str = "Address;Statut;Motif") -> bytes:
    return "\r\n".join((head, *lines, "")).encode()


def settled(held: Ledger, content: bytes) -> answers.Settled:
    found = answers.settle(held.all(), answers.read(content, TABLE, FORM), NOW)
    held.put(found.records)
    return found


def test_a_report_confirms_what_it_names_and_reopens_nothing_else(places: Places, held: Ledger) -> None:
    publish(places, held, DOCTOR, TEAM)
    found = settled(held, report(f"{DOCTOR.address.upper()};OK;", "stranger@x.test;OK;"))
    assert (len(found.records), found.strangers) == (1, 1)
    records = held.all()
    assert records[DOCTOR.address].confirmed is not None
    assert records[TEAM.address].confirmed is None


def test_a_refused_line_waits_for_its_mailbox_to_change(places: Places, held: Ledger) -> None:
    publish(places, held, TEAM)
    settled(held, report(f"{TEAM.address};KO;structure inconnue"))
    publish(places, held, TEAM)
    assert len(files(places)) == 1
    attempt = held.all()[TEAM.address].attempt
    assert attempt is not None
    assert attempt.message == "KO structure inconnue"
    TableWriter(TABLE, places.spool, NOW)
    publish(places, held, replace(TEAM, service="Neurologie"))
    assert held.all()[TEAM.address].attempt != attempt


def test_a_line_about_an_older_file_settles_nothing(places: Places, held: Ledger) -> None:
    publish(places, held, DOCTOR)
    form = replace(FORM, batch="Fichier")
    told = answers.read(report(f"{DOCTOR.address};OK;older.csv", head="Address;Statut;Fichier"), TABLE, form)
    assert answers.settle(held.all(), told, NOW).strangers == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (report("a@x.test;OK;", head="Adresse;Statut;Motif"), "no column 'Address'"),
        (report("a@x.test;OK;", "a@x.test;KO;"), "line 3: says the contrary of line 2"),
        (report("nobody;OK;"), "line 2: no address"),
        (report("a@x.test;OK;").replace(b"OK", b"\xe9"), "line 2: this is not utf-8"),
        (b"", "no column"),
    ],
)
def test_a_report_that_cannot_be_used_says_where_and_changes_nothing(content: bytes, words: str) -> None:
    with pytest.raises(ReportError, match=words):
        answers.read(content, TABLE, FORM)


def test_many_operations_are_several_files(places: Places) -> None:
    writer = TableWriter(TABLE, places.spool, NOW)
    operations = [Operation("insert", f"b{n}@x.test", None, Listing(f"b{n}@x.test", "PER")) for n in range(11_000)]
    batches = list(writer.batches(operations))
    assert [len(one.operations) for one in batches] == [5000, 5000, 1000]
    assert len({one.name for one in batches}) == 3
    assert all(isinstance(one, Batch) for one in batches)


def test_a_wanted_state_that_was_reached_by_files_is_no_difference() -> None:
    one = listing(1)
    assert run.difference(by_address(one), done({}, [Operation("insert", one.address, None, one)])) == ()
