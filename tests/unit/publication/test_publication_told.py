"""Publication: what is alarming and when, what is remembered and reported, and what the host's verb answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from publication_nation import DOCTOR, NOW, TEAM, held, listing
from publication_trial import rendered, settings

from vaguemestre.host import frame
from vaguemestre.host.annuaire.publication import admin, approval, confirmed, ledger, memory, report, run
from vaguemestre.host.annuaire.publication.alarms import alarms
from vaguemestre.host.annuaire.publication.confirmed import Record
from vaguemestre.host.annuaire.publication.desired import desired
from vaguemestre.host.annuaire.publication.difference import Withheld
from vaguemestre.host.annuaire.publication.entries import EntriesError
from vaguemestre.host.annuaire.publication.ledger import LedgerError
from vaguemestre.host.annuaire.publication.memory import Memory
from vaguemestre.host.annuaire.publication.operation import Batch, Operation, Outcome, Result
from vaguemestre.host.mailboxes.bal import Mailbox

ONE = listing(1)
HIDE = Operation("replace", ONE.address, ONE, replace(ONE, redlist=True), urgent=True)


def stages(records: dict[str, Record], now: datetime = NOW, withheld: Withheld | None = None) -> dict[str, str]:
    return {one.name: one.stage for one in alarms(records, withheld, "why", now)}


def failed(result: Result, since: datetime, urgent: datetime | None = None) -> dict[str, Record]:
    record = replace(held(ONE)[ONE.address], since=since, urgent_since=urgent)
    sent = confirmed.sent(record, HIDE, "", since)
    return {ONE.address: confirmed.after(sent, Outcome(HIDE, result, "refused"), since)}


def test_somebody_who_is_still_shown_after_an_hour_is_an_alarm_and_after_a_day_a_louder_one() -> None:
    records = failed(Result.DEFERRED, NOW, NOW)
    assert "late" not in stages(records, NOW + timedelta(minutes=59))
    assert stages(records, NOW + timedelta(hours=1))["late"] == "hour"
    assert stages(records, NOW + timedelta(hours=24))["late"] == "day"


def test_ordinary_changes_may_wait_a_day() -> None:
    records = failed(Result.DEFERRED, NOW)
    assert stages(records, NOW + timedelta(hours=23)) == {}
    assert stages(records, NOW + timedelta(hours=24)) == {"behind": "day"}


def test_refusals_and_what_is_held_back_are_alarms_at_once() -> None:
    found = stages(failed(Result.REJECTED, NOW), NOW, Withheld((ONE.address,), ("lost",)))
    assert set(found) == {"rejected", "withheld"}


def test_files_without_a_report_are_an_alarm_after_days() -> None:
    records = failed(Result.HANDED, NOW)
    assert stages(records, NOW + timedelta(days=2)) == {}
    assert stages(records, NOW + timedelta(days=3)) == {"unanswered": "days"}


def test_alarms_name_nobody() -> None:
    found = alarms(failed(Result.REJECTED, NOW, NOW), Withheld((ONE.address,), ("lost",)), "", NOW + timedelta(days=9))
    assert found
    assert not [one for one in found if ONE.address in f"{one.fr}{one.en}"]


def test_a_trouble_that_passes_is_nobodys_worry() -> None:
    first = Memory().troubled("slapd is away", NOW)
    again = first.troubled("slapd is away", NOW + timedelta(minutes=29))
    assert again.lasting(NOW + timedelta(minutes=29)) == ""
    assert again.lasting(NOW + timedelta(minutes=30)) == "slapd is away"


def test_a_run_is_remembered_and_a_spoilt_memory_is_none(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    memory.save(path, Memory(NOW.isoformat(), {"confirmed": 2}, "", 1))
    assert memory.load(path).results == {"confirmed": 2}
    path.write_text("{")
    assert memory.load(path) == Memory()


def test_an_approval_counts_for_a_day(tmp_path: Path) -> None:
    path = tmp_path / "approval.json"
    approval.add(path, [ONE.address], "somebody", NOW)
    assert approval.approved(path, NOW + timedelta(hours=23)) == {ONE.address}
    assert approval.approved(path, NOW + timedelta(hours=24)) == frozenset()
    path.write_text("spoilt")
    assert approval.approved(path, NOW) == frozenset()


def test_the_report_makes_room_and_loses_no_recent_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LARGEST", 2000)
    path = tmp_path / "report.jsonl"
    for number in range(60):
        report.write(path, [{"at": NOW.isoformat(), "address": f"b{number}@x.test", "result": "confirmed"}])
    found = report.lines(path, 40)
    assert [one["address"] for one in found] == [f"b{number}@x.test" for number in range(20, 60)]
    assert len(list(tmp_path.iterdir())) <= report.FILES + 1


def test_a_line_of_the_report_that_was_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    report.write(path, [{"address": "a@x.test"}])
    with path.open("ab") as file:
        file.write(b'{"address": "b@x')
    report.write(path, [{"address": "c@x.test"}])
    assert [one["address"] for one in report.lines(path, 9)] == ["a@x.test", "c@x.test"]


def test_what_was_withdrawn_long_ago_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    with ledger.opened(tmp_path / "ledger.db") as found:
        gone = Record("gone@x.test", None, NOW - timedelta(days=31), "delete")
        unsure = replace(gone, address="unsure@x.test", uncertain=True)
        found.put([gone, unsure, *held(ONE).values()])
        found.forget(found.all().values(), NOW)
        assert set(found.all()) == {"unsure@x.test", ONE.address}


@pytest.mark.parametrize("spoil", [b"no database at all, but long enough to be one" * 9, None])
def test_a_spoilt_ledger_stops_everything_and_says_the_way_out(tmp_path: Path, spoil: bytes | None) -> None:
    path = tmp_path / "ledger.db"
    with ledger.opened(path) as found:
        found.put(held(ONE).values())
        if spoil is None:
            found._database.execute("UPDATE mailbox SET record = '{}'")
            found._database.commit()
    if spoil:
        path.write_bytes(spoil)
    with pytest.raises(LedgerError, match="backup"), ledger.opened(path) as found:
        found.all()


def test_control_characters_that_people_typed_reach_nobody() -> None:
    box = replace(TEAM, service="Car\x00dio\nlogie\u202e  x", description="\x1b[31mrouge")
    (found,) = desired([box]).listings.values()
    assert (found.service, found.description) == ("Car dio logie x", "[31mrouge")


def test_a_mailbox_of_a_person_tells_neither_service_nor_who_answers_for_it() -> None:
    box = replace(DOCTOR, service="Cardiologie", responsible="X", description="Y")
    (found,) = desired([box]).listings.values()
    assert (found.service, found.responsible, found.description) == ("", "", "")


Ask = Callable[..., tuple[int, dict]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """The verb, with these mailboxes in the directory; its exit code and answer. None: the directory is away."""
    plain = {**rendered(), "writer": "csv", "notify": None}
    (tmp_path / "publication.json").write_text(json.dumps(plain))
    (tmp_path / "state" / "spool").mkdir(parents=True)

    def asked(boxes: list[Mailbox] | None, *words: str) -> tuple[int, dict]:
        def read(url: str) -> list[Mailbox]:
            if boxes is None:
                raise EntriesError("slapd is away; nothing was sent")
            return boxes

        monkeypatch.setattr(admin.entries, "mailboxes", read)
        place = [f"--settings={tmp_path / 'publication.json'}", f"--state={tmp_path / 'state'}"]
        code = admin.main([*place, *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return asked


def test_plan_changes_nothing_and_says_what_is_to_be_sent(ask: Ask) -> None:
    code, said = ask([DOCTOR, TEAM], "plan")
    assert (code, said["counts"]) == (admin.CHANGES, {"insert": 2})
    code, said = ask([DOCTOR, TEAM], "plan")
    assert (code, said["counts"]) == (admin.CHANGES, {"insert": 2})


def test_run_publishes_and_show_tells(ask: Ask, tmp_path: Path) -> None:
    code, said = ask([DOCTOR, TEAM], "run")
    assert (code, said["results"]) == (frame.OK, {"handed": 2})
    code, said = ask([], "show")
    assert (code, said["states"], said["writer"]) == (frame.OK, {"handed": 2}, "csv")
    (file,) = (tmp_path / "state" / "spool").iterdir()
    lines = [line.split(",")[1].strip('"') for line in file.read_text("iso8859-15").splitlines()[1:]]
    told = tmp_path / "answer.csv"
    told.write_text("\n".join(("Adresse,Retour,Motif,Fichier", *(f"{one},000,,{file.name}" for one in lines))))
    code, said = ask([], "import-report", str(told))
    assert (code, said["settled"], said["rejected"]) == (frame.OK, 2, [])
    assert ask([], "show")[1]["published"] == 2
    assert [one["result"] for one in ask([], "report", DOCTOR.address)[1]["lines"]] == ["handed", "confirmed"]


def test_a_directory_that_is_away_or_empty_withdraws_nobody(ask: Ask, tmp_path: Path) -> None:
    with ledger.opened(tmp_path / "state" / "ledger.db") as found:
        found.put(held(*(listing(number) for number in range(30))).values())
    code, said = ask(None, "run")
    assert (code, said["result"]) == (frame.FAILED, "failed")
    code, said = ask([], "run")
    assert (code, said["results"], said["withheld"]["number"]) == (frame.OK, {}, 30)
    assert {one["name"] for one in ask([], "show")[1]["alarms"]} == {"withheld"}


def test_a_run_prints_no_address_into_the_journal(ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ledger.opened(tmp_path / "state" / "ledger.db") as found:
        found.put(held(ONE).values())
    ask([DOCTOR], "show")
    admin.main([f"--settings={tmp_path / 'publication.json'}", f"--state={tmp_path / 'state'}", "run"])
    told = capsys.readouterr()
    assert "HELD BACK" in told.out
    assert "@" not in told.out + told.err


def test_withdrawals_are_approved_of_by_their_digest_and_then_go(ask: Ask, tmp_path: Path) -> None:
    with ledger.opened(tmp_path / "state" / "ledger.db") as found:
        found.put(held(ONE).values())
    digest = ask([], "plan")[1]["withheld"]["digest"]
    assert ask([], "approve", "0123456789")[0] == frame.REFUSED
    assert ask([], "approve", digest[:7])[0] == frame.REFUSED
    code, said = ask([], "approve", digest[:12], "--by=somebody")
    assert (code, said["addresses"]) == (frame.OK, [ONE.address])
    assert ask([], "run")[1]["results"] == {"handed": 1}
    assert ask([], "approve", digest)[0] == frame.REFUSED


def test_retry_of_somebody_unknown_is_refused(ask: Ask) -> None:
    code, said = ask([DOCTOR], "retry", DOCTOR.address)
    assert (code, said["result"]) == (frame.REFUSED, "refused")
    ask([DOCTOR], "run")
    assert ask([DOCTOR], "retry")[1]["addresses"] == []
    assert ask([DOCTOR], "retry", DOCTOR.address)[1]["addresses"] == [DOCTOR.address]
    assert ask([DOCTOR], "run")[1]["results"] == {"handed": 1}


def test_one_run_at_a_time(ask: Ask, tmp_path: Path) -> None:
    with run.alone(admin.Places(tmp_path / "state")):
        code, said = ask([DOCTOR], "run")
    assert (code, "under way" in said["message"]) == (frame.FAILED, True)


@pytest.mark.parametrize("words", [("show",), ("plan",), ("run",), ("report",), ("retry",), ("approve", "00000000")])
def test_every_answer_has_words_for_people(
    ask: Ask, tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ask([DOCTOR, TEAM], "run")
    place = [f"--settings={tmp_path / 'publication.json'}", f"--state={tmp_path / 'state'}"]
    admin.main([*place, *words])
    told = capsys.readouterr()
    assert f"{told.out}{told.err}".strip()


class Grudging:
    """A way to a nation that gives the same answer to everything."""

    certain = False

    def __init__(self, result: Result) -> None:
        self._result = result
        self.sent = 0

    def recover(self, handed: frozenset[str]) -> None: ...

    def batches(self, operations: Sequence[Operation]) -> Iterator[Batch]:
        return (Batch((one,)) for one in operations)

    def send(self, batch: Batch) -> list[Outcome]:
        self.sent += 1
        return [Outcome(one, self._result, "refused", "no") for one in batch.operations]

    def release(self, batch: Batch) -> None: ...


@pytest.mark.parametrize("result", [Result.REJECTED, Result.DEFERRED, Result.UNKNOWN])
def test_a_run_comes_to_an_end_whatever_the_nation_answers(tmp_path: Path, result: Result) -> None:
    boxes = [replace(DOCTOR, address=f"d{n}@x.test", redlist="unlisted", rank=2) for n in range(5)]
    listings = [replace(ONE, address=one.address, person=one.person) for one in boxes]
    writer = Grudging(result)
    with ledger.opened(tmp_path / "ledger.db") as found:
        found.put(held(*listings).values())
        for _ in range(3):
            run.publish(settings(), admin.Places(tmp_path), found, writer, lambda: boxes, lambda: NOW)
    assert writer.sent <= 2 * len(boxes)  # with all that changed, then the flag alone
