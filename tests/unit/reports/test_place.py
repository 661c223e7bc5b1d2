"""Where an establishment stands follows from the newest word on record; the overview counts and draws it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.declared import HOSTED, LAB, OPERATOR, SECOND, fleet

from vaguemestre import records
from vaguemestre.audit.finding import Finding, HostAudit, Severity, Subject
from vaguemestre.establishment import Establishment, Fleet, Mode
from vaguemestre.records import Kind
from vaguemestre.reports import document
from vaguemestre.reports.fleet import stood
from vaguemestre.reports.overview import Overview, Stood, overview
from vaguemestre.reports.place import Known, Place, Stand, stand
from vaguemestre.reports.requirements import Text
from vaguemestre.reports.tiles import COLUMNS, ROWS, TILES, code
from vaguemestre.rollouts.record import HostRecord, Record, Result, write
from vaguemestre.verify.kept import Evidence, Run, Verification, keep

AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
HOST = "mail.pasteur.mssante.test"
NOTHING = Text("", "")


@pytest.fixture
def found(tmp_path: Path) -> Fleet:
    return fleet(tmp_path, pasteur=OPERATOR, lens=SECOND, tilleuls=HOSTED)


@pytest.fixture
def one(found: Fleet) -> Establishment:
    return next(each for each in found.establishments if each.slug == "pasteur")


def verified(outcome: Any = "passed", at: datetime = AT) -> Verification:
    evidence = Evidence("mail.to_a_peer", "", (22,), "A message arrives", outcome, 1.0)
    return Verification("20261123T140000Z-abcd", "behaviours", "pasteur", at, at, "x", "1", True, True, (), (evidence,))


def rolled_out(result: Result, at: datetime) -> HostRecord:
    return HostRecord(HOST, "pasteur", 1, "ab" * 32, result, ended=at.isoformat())


def audited(severity: Severity, at: datetime) -> HostAudit:
    finding = Finding(Subject.DISK, "/", severity, "the disk is full", "le disque est plein")
    return HostAudit(HOST, "pasteur", 1, at.isoformat(), (finding,), since=at.isoformat())


def after(hours: int) -> datetime:
    return AT + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("known", "place", "since"),
    [
        ({}, Place.WAITING, None),
        ({"rollouts": [rolled_out(Result.DONE, after(-1))]}, Place.WAITING, after(-1)),
        ({"rollouts": [rolled_out(Result.FAILED, after(-1))]}, Place.FAILED, after(-1)),
        ({"verified": verified(), "since": after(-9)}, Place.JOINED, after(-9)),
        ({"verified": verified("failed"), "since": after(-2)}, Place.FAILED, after(-2)),
        ({"verified": verified(), "since": AT, "rollouts": [rolled_out(Result.FAILED, after(-1))]}, Place.JOINED, AT),
        ({"verified": verified(), "rollouts": [rolled_out(Result.FAILED, after(1))]}, Place.FAILED, after(1)),
        ({"verified": verified(), "rollouts": [rolled_out(Result.UNREACHABLE, after(1))]}, Place.FAILED, after(1)),
        ({"verified": verified(), "since": AT, "rollouts": [rolled_out(Result.PUT_BACK, after(1))]}, Place.JOINED, AT),
        ({"verified": verified(), "audits": [audited(Severity.BAD, after(1))]}, Place.FAILED, after(1)),
        ({"verified": verified(), "since": AT, "audits": [audited(Severity.BAD, after(-1))]}, Place.JOINED, AT),
        ({"verified": verified(), "since": AT, "audits": [audited(Severity.WARN, after(1))]}, Place.JOINED, AT),
    ],
)
def test_the_newest_word_decides(
    one: Establishment, known: dict[str, Any], place: Place, since: datetime | None
) -> None:
    told = stand(Known(one, **known))
    assert (told.place, told.since) == (place, since)


def test_the_first_of_several_troubles_is_told(one: Establishment) -> None:
    told = stand(Known(one, None, None, [rolled_out(Result.FAILED, after(3))], [audited(Severity.BAD, after(2))]))
    assert (told.since, told.why.fr) == (after(2), f"{HOST} : le disque est plein")


def test_an_individual_establishment_is_neither_joined_nor_waiting(one: Establishment) -> None:
    individual = one.model_copy(update={"mode": Mode.INDIVIDUAL})
    assert stand(Known(individual, audits=[audited(Severity.BAD, AT)])).place is Place.INDIVIDUAL


def test_records_beside_the_inventory_say_where_each_stands(found: Fleet) -> None:
    """A hosted establishment shares the fate of its operator's hosts."""
    run = replace(Run.begin("behaviours"), id="20261123T140500Z-abcd")
    evidence = verified().evidence
    for slug in ("pasteur", "tilleuls"):
        keep(found, replace(run.ended(found, slug, (), evidence), ended=AT))
    assert places(found) == {"pasteur": Place.JOINED, "tilleuls": Place.JOINED, "lens": Place.WAITING}
    rollout = Record("20261123T150000Z-abcd", "x", "1", None, after(1).isoformat(), after(1).isoformat())
    record = replace(rollout, ended=after(1).isoformat(), hosts=(rolled_out(Result.FAILED, after(1)),))
    write(records.folder(found, Kind.ROLLOUTS) / f"{record.id}.json", record)
    assert places(found) == {"pasteur": Place.FAILED, "tilleuls": Place.FAILED, "lens": Place.WAITING}


def places(found: Fleet) -> dict[str, Place]:
    return {one.slug: told.place for one, told, _ in stood(found)}


def shown(found: Fleet, **places_: Place) -> Overview:
    return overview(stands(found, **places_), "en", AT, "1")


def stands(found: Fleet, **places_: Place) -> list[Stood]:
    return [(one, Stand(places_[one.slug], AT, NOTHING), AT) for one in found.establishments]


def test_the_worst_of_a_department_gives_its_tile_its_colour(found: Fleet) -> None:
    """Lens is declared in Eure here too."""
    told = shown(found, pasteur=Place.JOINED, lens=Place.FAILED, tilleuls=Place.WAITING)
    tiles = {tile.code: (tile.style, tile.count) for tile in told.tiles}
    assert (tiles["27"], tiles["62"], tiles["75"]) == (("bad", "2"), ("wait", "1"), ("none", ""))
    assert {share.name: share.total for share in told.regions} == {"Haute-Normandie": 2, "Nord-Pas-de-Calais": 1}


def test_every_department_has_a_tile_of_its_own() -> None:
    mainland = {f"{number:02}" for number in range(1, 96)} - {"20"} | {"2A", "2B"}
    assert set(TILES) == mainland | {"971", "972", "973", "974", "976"}
    assert len(set(TILES.values())) == len(TILES)
    assert (COLUMNS, ROWS) == (12, 12)


@pytest.mark.parametrize(
    ("department", "tile"),
    [("Eure (27)", "27"), ("Corse-du-Sud (2A)", "2A"), ("La Réunion (974)", "974"), ("Collectivité (975)", None)],
)
def test_a_departments_tile_is_found_by_its_code(department: str, tile: str | None) -> None:
    assert code(department) == tile


def test_whoever_has_no_tile_is_named_beside_the_map(found: Fleet) -> None:
    odd = [(one.model_copy(update={"department": "X (99)"}), told, at) for one, told, at in stands(
        found, pasteur=Place.JOINED, lens=Place.JOINED, tilleuls=Place.JOINED)]  # fmt: skip
    assert overview(odd, "en", AT, "1").off_map == "Not on the map: Clinique Lens, Clinique Pasteur, Les Tilleuls"


def test_no_name_becomes_anything_but_a_name_on_the_overview(tmp_path: Path) -> None:
    lab = fleet(
        tmp_path / "lab", inventory=LAB, pasteur=OPERATOR.replace("city: Évreux", "city: '<script>alert(1)</script>'")
    )
    text = document.fleet_html(lab, stands(lab, pasteur=Place.JOINED), ("fr", "en"))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
