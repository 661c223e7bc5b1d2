"""Publication by the interface, to the lab's nation: what arrives there, and what becomes of every kind of failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from publication_nation import DOCTOR, STRUCTURE, TEAM
from publication_trial import Trial, settings
from unit.annuaire.nation_server import NATION, NationServer

from vaguemestre.host.annuaire.publication.fhir import FhirWriter, Reply
from vaguemestre.host.annuaire.publication.listing import Listing
from vaguemestre.host.annuaire.publication.operation import Batch, Operation, Result
from vaguemestre.host.mailboxes.bal import Mailbox

pytestmark = pytest.mark.slow

NUMBERS: Iterator[int] = count(1)
HOUR = timedelta(hours=1)


@pytest.fixture
def doctor() -> Mailbox:
    """Somebody whom the nation knows, without a mailbox there."""
    number = next(NUMBERS)
    return replace(DOCTOR, address=f"p{number}@clinique.mssante.test", person=f"1000999{number:04}")


@pytest.fixture
def team() -> Mailbox:
    return replace(TEAM, address=f"t{next(NUMBERS)}@clinique.mssante.test")


def test_a_mailbox_of_each_type_arrives_with_all_that_the_nation_is_to_know(trial: Trial, doctor: Mailbox) -> None:
    number = next(NUMBERS)
    team = replace(TEAM, address=f"t{number}@clinique.mssante.test", rank=2, paperless="N")
    program = replace(team, address=f"a{number}@clinique.mssante.test", kind="APP", responsible="")
    practice = replace(doctor, address=f"c{number}@clinique.mssante.test", kind="CAB", description="Cabinet")
    trial.have(doctor, team, program, practice)
    assert trial.publish().results == {"confirmed": 4}
    assert trial.told(doctor) == {"type": "PER", "listeRouge": False, "digitization": True}
    assert trial.told(team) == {
        "type": "ORG",
        "listeRouge": False,
        "digitization": False,
        "service": "Cardiologie",
        "description": "Rendez-vous",
        "responsible": "Dominique Modèle",
        "rank": 2,
    }
    assert trial.told(program)["type"] == "APP"
    assert trial.told(practice)["description"] == "Cabinet"
    assert trial.publish().results == {}


def test_mailboxes_that_are_not_open_or_nobodys_are_not_declared(trial: Trial, doctor: Mailbox, team: Mailbox) -> None:
    postmaster = replace(team, address="postmaster@clinique.mssante.test")
    trial.have(replace(doctor, state="requested"), replace(team, state="suspended"), postmaster)
    assert trial.publish().results == {}
    assert trial.calls() == []


def test_a_red_listed_mailbox_stays_declared_and_nobody_finds_it(trial: Trial, doctor: Mailbox) -> None:
    trial.have(doctor)
    trial.publish()
    assert trial.publicly(doctor)
    trial.change(doctor, redlist="secretariat")
    assert trial.publish().results == {"confirmed": 1}
    assert trial.told(doctor)["listeRouge"] is True
    assert not trial.publicly(doctor)


def test_a_mailbox_without_a_choice_is_declared_as_red_listed(trial: Trial, doctor: Mailbox) -> None:
    trial.have(replace(doctor, redlist=""))
    trial.publish()
    assert trial.told(doctor)["listeRouge"] is True


@pytest.mark.parametrize("state", ["suspended", "closed"])
def test_a_mailbox_that_is_no_longer_open_is_withdrawn_and_declared_again_when_it_is(
    trial: Trial, doctor: Mailbox, state: str
) -> None:
    trial.have(doctor)
    trial.publish()
    trial.change(doctor, state=state)
    trial.publish()
    assert trial.listed(doctor) == []
    trial.change(doctor, state="active")
    trial.publish()
    assert trial.told(doctor)["type"] == "PER"


def test_several_changes_of_one_holder_are_one_call(trial: Trial, doctor: Mailbox) -> None:
    others = [replace(doctor, address=f"{name}.{doctor.address}") for name in ("a", "b", "c")]
    trial.have(doctor, *others)
    trial.publish()
    assert trial.calls() == [200]
    assert all(trial.told(one) for one in (doctor, *others))


def test_one_mailbox_that_is_refused_keeps_no_other_of_its_holder_back(trial: Trial, doctor: Mailbox) -> None:
    taken = next(line.split("|")[1] for line in list(NATION.extraction())[1:] if line.startswith("PER"))
    somebody_elses = replace(doctor, address=taken.lower())
    other = replace(doctor, address=f"z{doctor.address}")
    trial.have(doctor, somebody_elses, other)
    assert trial.publish().results == {"confirmed": 2, "rejected": 1}
    assert trial.told(doctor)
    assert trial.told(other)
    (line,) = trial.lines(somebody_elses.address)
    assert (line["operation"], line["result"]) == ("insert", "rejected")
    before = len(trial.calls())
    assert trial.publish(timedelta(days=30)).results == {}
    assert len(trial.calls()) == before


def test_a_refused_mailbox_is_tried_again_when_it_changes(trial: Trial, doctor: Mailbox) -> None:
    nobody = replace(doctor, person="19999999999")
    trial.have(nobody)
    assert trial.publish().results == {"rejected": 1}
    assert trial.publish(HOUR).results == {}
    trial.have(replace(nobody, person=doctor.person))
    assert trial.publish().results == {"confirmed": 1}


def test_somebody_whom_the_nation_gets_to_know_later_is_declared_then(trial: Trial, team: Mailbox) -> None:
    there = trial.nation.folder / "known.json"
    known = json.loads(there.read_text())
    structure = f"1{next(NUMBERS):09}"
    trial.have(replace(team, structure=structure))
    assert trial.publish().results == {"rejected": 1}
    assert trial.lines()[-1]["code"] == "unknown_holder"
    there.write_text(json.dumps({**known, "structures": {**known["structures"], structure: "CLINIQUE NOUVELLE"}}))
    assert trial.publish(HOUR).results == {}
    assert trial.publish(24 * HOUR).results == {"confirmed": 1}


def test_a_practice_without_a_person_is_told_so_and_asks_nothing(trial: Trial, doctor: Mailbox) -> None:
    trial.have(replace(doctor, kind="CAB", person="", structure=STRUCTURE))
    assert trial.publish().results == {"rejected": 1}
    assert trial.lines()[-1]["code"] == "no_holder"
    assert trial.calls() == []


def test_a_refused_key_stops_the_run_and_nothing_is_lost(trial: Trial, doctor: Mailbox, team: Mailbox) -> None:
    trial.have(doctor, team)
    known, trial.key = trial.key, "wrong"
    memory = trial.publish()
    assert (memory.results, memory.left) == ({"deferred": 1}, 2)
    assert "key" in memory.halted
    assert trial.calls() == [401]
    trial.key = known
    assert trial.publish(HOUR).results == {"confirmed": 2}


def test_a_throttled_run_stops_and_comes_back_when_the_nation_said(trial: Trial, doctor: Mailbox) -> None:
    trial.have(doctor)
    trial.nation.fail(fhir={"status": 429, "retry_after": 120})
    assert trial.publish().halted
    trial.nation.fail()
    assert trial.publish(timedelta(seconds=119)).results == {}
    assert trial.publish(timedelta(seconds=1)).results == {"confirmed": 1}


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 503}, {"status": 404}, {"status": 302}, {"html": True}, {"broken": 0.3}]
)
def test_whatever_the_nation_or_a_firewall_answers_nothing_is_lost_and_nothing_is_there_twice(
    trial: Trial, doctor: Mailbox, team: Mailbox, fault: dict[str, object]
) -> None:
    hidden = replace(doctor, address=f"h{doctor.address}")
    trial.have(doctor, hidden)
    trial.publish()
    trial.change(doctor, rank=1)
    trial.change(hidden, state="closed")
    trial.have(team)
    trial.nation.fail(fhir=fault)
    for _ in range(3):
        assert "confirmed" not in trial.publish(HOUR).results
    trial.nation.fail()
    trial.publish(24 * HOUR)
    assert trial.view().operations == ()
    assert trial.told(doctor)["rank"] == 1
    assert trial.listed(hidden) == []
    assert trial.told(team)


@pytest.mark.parametrize("change", [{"rank": 3}, {"state": "closed"}, {"redlist": "unlisted"}])
def test_a_change_whose_answer_was_lost_ends_as_it_is_wanted_by_then(
    trial: Trial, doctor: Mailbox, change: dict[str, object]
) -> None:
    """The nation did it and could not say so; meanwhile it is taken back here."""
    trial.have(doctor)
    trial.publish()
    before = trial.told(doctor)
    trial.nation.fail(fhir={"broken": 0.2})
    trial.have(replace(doctor, **change))  # type: ignore[arg-type]
    assert trial.publish().results == {"unknown": 1}
    trial.have(doctor)
    trial.nation.fail()
    trial.publish(HOUR)
    assert trial.told(doctor) == before
    assert trial.view().operations == ()


def test_a_nation_that_is_away_costs_one_call_a_run(trial: Trial, doctor: Mailbox, team: Mailbox) -> None:
    trial.have(doctor, team)
    away = replace(trial, nation=replace(trial.nation, base="http://127.0.0.1:9"))
    assert away.publish().results == {"deferred": 1}
    assert not any(one.uncertain for one in trial.records().values())
    assert trial.publish(HOUR).results == {"confirmed": 2}


def test_what_is_urgent_goes_while_the_rest_still_waits(trial: Trial, doctor: Mailbox, team: Mailbox) -> None:
    trial.have(doctor)
    trial.publish()
    trial.change(doctor, redlist="unlisted")
    trial.have(team, *(replace(team, address=f"n{number}.{team.address}") for number in range(5)))
    trial.nation.fail(fhir={"status": 429, "after": 1})
    trial.publish()
    trial.nation.fail()
    assert trial.told(doctor)["listeRouge"] is True
    assert trial.listed(team) == []


def test_a_lost_state_declares_everybody_anew_and_nobody_twice(trial: Trial, doctor: Mailbox, team: Mailbox) -> None:
    trial.have(doctor, team)
    trial.publish()
    trial.places.ledger.unlink()
    trial.change(doctor, rank=4)
    assert trial.publish().results == {"confirmed": 2}
    assert trial.told(doctor)["rank"] == 4
    assert trial.told(team)


def test_somebody_whom_the_nation_has_withdrawn_itself_is_no_failure(trial: Trial, doctor: Mailbox) -> None:
    trial.have(doctor)
    trial.publish()
    with trial.open() as held:
        records = held.all()
    trial.change(doctor, state="closed")
    trial.publish()
    with trial.open() as held:
        held.put(records.values())  # as if the withdrawal were not known here
    assert trial.publish().results == {"confirmed": 1}
    assert trial.listed(doctor) == []


def test_the_report_tells_of_every_outcome_and_of_no_content(trial: Trial, team: Mailbox) -> None:
    trial.have(team)
    trial.publish()
    trial.change(team, responsible="Camille Exemple", rank=1)
    trial.publish()
    trial.change(team, state="closed")
    trial.publish()
    told = trial.lines(team.address)
    assert [(one["operation"], one["result"]) for one in told] == [
        ("insert", "confirmed"),
        ("replace", "confirmed"),
        ("delete", "confirmed"),
    ]
    assert told[1]["fields"] == ["rank", "responsible"]
    assert "Exemple" not in trial.places.report.read_text()
    assert trial.places.report.stat().st_mode & 0o777 == 0o640


def test_what_stops_a_run_is_told_without_naming_anybody(trial: Trial, doctor: Mailbox, nation: NationServer) -> None:
    trial.have(doctor)
    away = replace(trial, nation=replace(nation, base="http://127.0.0.1:9"))
    nation.fail(fhir={"status": 503})
    for halted in (away.publish().halted, trial.publish(HOUR).halted):
        assert halted
        assert doctor.person not in halted
        assert doctor.address not in halted


def test_the_key_is_in_no_file_of_the_state(trial: Trial, doctor: Mailbox) -> None:
    trial.have(doctor)
    trial.publish()
    trial.key = "another-secret-key"
    trial.change(doctor, rank=7)
    trial.publish()
    written = b"".join(one.read_bytes() for one in trial.folder.rglob("*") if one.is_file())
    assert b"publish-" not in written
    assert b"another-secret-key" not in written


class Slow:
    """A clock that moves when somebody rests, and what was asked when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[float] = []

    def rest(self, seconds: float) -> None:
        self.now += seconds

    def ask(self, path: str, content: bytes) -> Reply:
        self.calls.append(self.now)
        return Reply(200, {"resourceType": "Practitioner"})


def test_calls_keep_the_pace_that_the_nation_allows() -> None:
    slow = Slow()
    known = replace(settings().fhir, calls_per_second=8.0)
    writer = FhirWriter(known, slow.ask, rest=slow.rest, clock=lambda: slow.now)
    operations = [
        Operation("insert", f"b{n}@x.test", None, Listing(f"b{n}@x.test", "PER", f"{n:011}")) for n in range(40)
    ]
    for batch in writer.batches(operations):
        assert [one.result for one in writer.send(batch)] == [Result.CONFIRMED]
    assert len(slow.calls) == 40
    assert all(sum(start <= at < start + 1 for at in slow.calls) <= 9 for start in slow.calls)
    assert slow.now < 6


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (Reply(412, {"resourceType": "OperationOutcome"}), Result.REJECTED),
        (Reply(422, {"resourceType": "OperationOutcome"}, "business-rule", "no"), Result.REJECTED),
        (Reply(403, None), Result.DEFERRED),
        (Reply(404, {"resourceType": "OperationOutcome"}, "not-supported"), Result.DEFERRED),
        (Reply(200, {"resourceType": "Bundle"}), Result.UNKNOWN),
        (Reply(200, {"resourceType": "Practitioner", "telecom": []}), Result.UNKNOWN),
        (Reply(200, {"resourceType": "Practitioner", "telecom": [{"value": "b@x.test"}] * 2}), Result.UNKNOWN),
        (Reply(200, {"resourceType": "Practitioner", "telecom": [{"value": "b@x.test"}]}), Result.CONFIRMED),
        (Reply(200, {"resourceType": "Practitioner"}), Result.CONFIRMED),
        (Reply(502, {"resourceType": "OperationOutcome"}), Result.UNKNOWN),
    ],
)
def test_only_an_answer_that_shows_it_confirms(reply: Reply, result: Result) -> None:
    writer = FhirWriter(settings().fhir, lambda path, content: reply)
    wanted = Listing("b@x.test", "PER", "10009990001", redlist=False)
    (outcome,) = writer.send(Batch((Operation("insert", "b@x.test", None, wanted),)))
    assert outcome.result is result
