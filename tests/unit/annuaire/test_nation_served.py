"""The lab's national directory: what it serves is what the nation's serves, as far as its documents say."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from nation_server import (
    NATION,
    OPERATOR,
    READER,
    STRUCTURE,
    NationServer,
    at,
    delete,
    insert,
    mailbox,
    operation,
    refresh,
    replace,
    serving,
)

from vaguemestre.host.annuaire.columns import date_of
from vaguemestre.host.annuaire.inspection import Inspection, Limits, inspect
from vaguemestre.host.annuaire.line import Line
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.source import ExtractionError, Source
from vaguemestre.lab.world.annuaire.interface import CALLS, Pace

pytestmark = pytest.mark.slow

ANNE = "10009990010"
BY_RPPS = f"Practitioner?identifier={quote(f'https://rpps.esante.gouv.fr|{ANNE}', safe='')}"
TEAM = f"Organization/001-{STRUCTURE}"
BOX = "anne.essai@clinique.mssante.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NationServer]:
    with serving(tmp_path_factory.mktemp("nation")) as server:
        yield server


@pytest.fixture
def nation(server: NationServer) -> Iterator[NationServer]:
    """The nation as it was at first."""
    yield server
    refresh(server.folder)


def lines(nation: NationServer, folder: Path) -> dict[str, Line]:
    """What the extraction has, by address."""
    file, _ = nation.fetch(folder)
    with Source(file) as source:
        return {line.address: line.line for line in Reading(source)}


def examined(nation: NationServer, folder: Path, held: Path | None = None) -> Inspection:
    file, _ = nation.fetch(folder)
    return inspect(file, folder / f"digest-{file.stem}", held, Limits())


def test_its_extraction_is_one_and_says_its_date_before_it_is_fetched(nation: NationServer, tmp_path: Path) -> None:
    connection = http.client.HTTPConnection(nation.base.removeprefix("http://"))
    connection.request("HEAD", nation.extraction.removeprefix(nation.base))
    headers = connection.getresponse().headers
    connection.close()
    file, name = nation.fetch(tmp_path)
    assert name in headers["Content-Disposition"]
    assert int(headers["Content-Length"]) == file.stat().st_size
    made = date_of(name)
    assert made
    assert timedelta() <= datetime.now(UTC) - made < timedelta(hours=24)
    found = examined(nation, tmp_path)
    assert (found.unfit, found.found.lines, dict(found.found.faults)) == ((), NATION.lines, {})


def test_what_is_accepted_is_in_the_next_edition_which_bears_a_later_date(nation: NationServer, tmp_path: Path) -> None:
    _, before = nation.fetch(tmp_path)
    point = mailbox(BOX, service="Cardiologie", listeRouge=False, digitization=True)
    status, answer = nation.patch(BY_RPPS, insert("Practitioner", point))
    assert (status, answer["id"], answer["meta"]["versionId"]) == (200, f"003-{ANNE}", "2")
    line = lines(nation, tmp_path)[BOX]
    assert (line.kind, line.person, line.national_person) == ("PER", ANNE, f"8{ANNE}")
    assert (line.service, line.paperless) == ("Cardiologie", "O")
    earlier, later = date_of(before), date_of(nation.fetch(tmp_path)[1])
    assert earlier
    assert later
    assert earlier < later
    assert nation.fetch(tmp_path)[1] == nation.fetch(tmp_path)[1]


def test_it_remembers_what_it_accepted_over_a_restart(nation: NationServer, tmp_path: Path) -> None:
    nation.patch(TEAM, insert("Organization", mailbox(BOX, "ORG", description="Accueil", responsible="Mme Essai")))
    with serving(tmp_path) as again:
        assert BOX not in lines(again, tmp_path)
        shutil.copy(nation.folder / "changes.json", again.folder)
        assert lines(again, tmp_path)[BOX].structure == STRUCTURE[1:]


def test_red_listed_and_technical_mailboxes_are_published_nowhere(nation: NationServer, tmp_path: Path) -> None:
    red = mailbox(BOX, listeRouge=True)
    nation.patch(BY_RPPS, insert("Practitioner", red))
    nation.patch(TEAM, insert("Organization", mailbox("pfi@clinique.mssante.test", "APP")))
    assert not lines(nation, tmp_path).keys() & {BOX, "pfi@clinique.mssante.test"}
    assert nation.ask(f"Practitioner?mailbox-mss:exact={BOX}")[1]["total"] == 0
    assert "telecom" in nation.ask(f"Practitioner/003-{ANNE}", OPERATOR)[1]
    assert nation.ask(f"Practitioner/003-{ANNE}")[1]["telecom"] == []
    path = replace("Practitioner", BOX, "listeRouge", False)
    assert nation.patch(BY_RPPS, path)[0] == 200
    assert BOX in lines(nation, tmp_path)


def test_the_public_does_not_see_who_is_responsible(nation: NationServer) -> None:
    nation.patch(TEAM, insert("Organization", mailbox(BOX, "ORG", responsible="Mme Essai, poste 12")))
    assert "Mme Essai" in str(nation.ask(TEAM, OPERATOR))
    assert "Mme Essai" not in str(nation.ask(TEAM))


def test_pages_have_fifty_and_lead_on_to_the_last(nation: NationServer) -> None:
    _, page = nation.ask("Practitioner?mailbox-mss:contains=%40")
    sizes, seen = [], set()
    while True:
        sizes.append(len(page["entry"]))
        seen |= {one["resource"]["id"] for one in page["entry"]}
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        _, page = nation.ask(following[0].removeprefix(f"{nation.fhir}/"))
    assert sizes[:-1] == [50] * (len(sizes) - 1)
    assert len(seen) == page["total"] == sum(sizes)


def test_a_role_comes_with_whom_it_refers_to(nation: NationServer) -> None:
    query = "PractitionerRole?mailbox-mss:contains=%40&_include=PractitionerRole:practitioner&_count=1"
    _, page = nation.ask(query)
    role, person = (one["resource"] for one in page["entry"])
    assert role["practitioner"]["reference"] == f"Practitioner/{person['id']}"
    assert [one["search"]["mode"] for one in page["entry"]] == ["match", "include"]


def test_only_thirty_days_are_remembered(nation: NationServer) -> None:
    nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX)))
    now = datetime.now(UTC)
    recent, old = ((now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (29, 31))
    _, page = nation.ask(f"Practitioner?_lastUpdated=ge{recent}")
    assert [one["resource"]["id"] for one in page["entry"]] == [f"003-{ANNE}"]
    status, outcome = nation.ask(f"Practitioner?_lastUpdated=ge{old}")
    assert (status, outcome["resourceType"]) == (400, "OperationOutcome")


def test_a_nation_that_changes_tells_so_and_those_who_lost_their_mailbox_are_still_somebody(
    nation: NationServer, tmp_path: Path
) -> None:
    before = examined(nation, tmp_path)
    digest = next(tmp_path.glob("digest-*"))
    header, twice, gone, *others = NATION.extraction()
    nation.hold((header, twice, *others))
    found = examined(nation, tmp_path, digest)
    assert found.churn
    assert (found.churn.balance.removed, found.churn.balance.added) == (1, 0)
    assert before.found.mailboxes == found.found.mailboxes + 1
    since = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = [
        one["resource"]
        for kind in ("Practitioner", "PractitionerRole", "Organization")
        for one in nation.ask(f"{kind}?_lastUpdated=ge{since}")[1]["entry"]
    ]
    assert changed
    assert gone.split("|")[1].lower() not in str(changed).lower()


REFUSED: list[tuple[str, list[dict[str, Any]], int, str]] = [
    ("Practitioner/003-99999999999", [delete("Practitioner", BOX)], 404, "not-found"),
    ("Practitioner?identifier=https://rpps.esante.gouv.fr%7C55555555555", [delete("Practitioner", BOX)], 404, ""),
    ("Practitioner?identifier=10009990010", [delete("Practitioner", BOX)], 400, "required"),
    (BY_RPPS, [], 400, "required"),
    (BY_RPPS, [operation("move", "Practitioner.telecom")], 400, "not-supported"),
    (BY_RPPS, [operation("delete", "Practitioner.name")], 400, "value"),
    (BY_RPPS, [operation("delete", "Practitioner.telecom")], 400, "value"),
    (BY_RPPS, [insert("Organization", mailbox(BOX, "ORG"))], 400, ""),
    (BY_RPPS, [insert("Practitioner", mailbox(BOX), index=1)], 400, "value"),
    (BY_RPPS, [insert("Practitioner", mailbox(BOX)), insert("Practitioner", mailbox(BOX))], 400, "duplicate"),
    (BY_RPPS, [insert("Practitioner", mailbox(BOX, "ORG"))], 400, "business-rule"),
    (BY_RPPS, [insert("Practitioner", mailbox(BOX, "LOT"))], 400, "code-invalid"),
    (BY_RPPS, [insert("Practitioner", mailbox(BOX, responsible="moi"))], 400, "business-rule"),
    (BY_RPPS, [insert("Practitioner", mailbox(BOX, listeRouge="non"))], 400, "value"),
    (BY_RPPS, [insert("Practitioner", mailbox("nulle part"))], 400, "value"),
    (BY_RPPS, [insert("Practitioner", {"system": "phone", "value": "0199000000"})], 400, "value"),
    (BY_RPPS, [replace("Practitioner", BOX, "description", "x")], 400, "not-found"),
    (
        BY_RPPS,
        [insert("Practitioner", mailbox(BOX)), replace("Practitioner", BOX, "type", "CAB")],
        400,
        "business-rule",
    ),
]


@pytest.mark.parametrize(("path", "operations", "status", "code"), REFUSED)
def test_a_wrong_change_is_refused_whole(
    nation: NationServer, path: str, operations: list[dict[str, Any]], status: int, code: str
) -> None:
    found, answer = nation.patch(path, *operations)
    assert found == status, answer
    assert answer["issue"][0]["code"] == code or not code
    assert not (nation.folder / "changes.json").exists()


@pytest.mark.parametrize(("key", "status"), [("", 401), ("guessed", 401), (READER, 403)])
def test_a_change_needs_the_right_key(nation: NationServer, key: str, status: int) -> None:
    assert nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX)), key=key)[0] == status


def test_an_identifier_of_several_is_no_condition(nation: NationServer) -> None:
    """The guide's example of FINESS has no prefix: one number may then name more than one structure."""
    text = (nation.folder / "known.json").read_text()
    nation.folder.joinpath("known.json").write_text(text.replace(STRUCTURE, f'{STRUCTURE}": "A", "2270000999'))
    status, _ = nation.patch(
        "Organization?identifier=urn:oid:1.2.250.1.71.4.2.2%7C1270000999", delete("Organization", BOX)
    )
    assert status == 200
    wanted = quote("https://sirene.fr|270000999", safe="")
    assert nation.ask(f"Organization?identifier={wanted}")[1]["total"] == 1


def test_a_version_that_is_not_the_one_meant_is_refused(nation: NationServer) -> None:
    inserted = insert("Practitioner", mailbox(BOX))
    assert nation.patch(BY_RPPS, inserted, **{"If-Match": 'W/"7"'})[0] == 412
    assert nation.patch(BY_RPPS, inserted, **{"If-Match": 'W/"1"'})[0] == 200


def test_deleting_what_is_not_there_changes_nothing(nation: NationServer) -> None:
    status, answer = nation.patch(BY_RPPS, delete("Practitioner", BOX), insert("Practitioner", mailbox(BOX)))
    assert (status, len(answer["telecom"])) == (200, 1)


def test_an_address_is_one_persons(nation: NationServer) -> None:
    nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX)))
    other = "Practitioner?identifier=https://rpps.esante.gouv.fr%7C10009990028"
    status, answer = nation.patch(other, insert("Practitioner", mailbox(BOX)))
    assert (status, answer["issue"][0]["code"]) == (400, "duplicate")


def test_what_is_told_of_a_mailbox_is_replaced_alone(nation: NationServer) -> None:
    nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX, service="A")))
    ranked = operation("replace", f"{at('Practitioner', BOX)}.rank", {"name": "value", "valueInteger": 2})
    status, answer = nation.patch(BY_RPPS, replace("Practitioner", BOX, "service", "B"), ranked)
    assert status == 200
    assert answer["telecom"][0]["rank"] == 2
    assert "'B'" in str(answer["telecom"][0])
    assert "'A'" not in str(answer["telecom"][0])


def test_calls_beyond_seventeen_a_second_are_counted_by_key() -> None:
    pace = Pace()
    assert [pace.exceeded("a") for _ in range(CALLS + 2)] == [False] * CALLS + [True] * 2
    assert not pace.exceeded("b")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("half", lambda found: found.found.mailboxes < NATION.lines * 0.6),
        ("reordered", lambda found: not found.unfit),
        ("duplicated", lambda found: "several lines" in str(found.unfit)),
        ("mixed", lambda found: "encoding" in found.found.faults),
        ("cut", lambda found: "truncated" in found.found.faults),
        ("header", lambda found: "no usable mailbox" in str(found.unfit)),
    ],
)
def test_an_extraction_may_be_spoiled(nation: NationServer, tmp_path: Path, spoil: str, told: Any) -> None:
    nation.fail(extraction={"spoil": spoil})
    assert told(examined(nation, tmp_path))


@pytest.mark.parametrize("spoil", ["columns", "empty", "latin1"])
def test_an_extraction_may_be_none(nation: NationServer, tmp_path: Path, spoil: str) -> None:
    nation.fail(extraction={"spoil": spoil})
    with pytest.raises(ExtractionError):
        examined(nation, tmp_path)


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"html": True}, (200, "text/html", b"<!DOCTYPE")),
        ({"status": 429, "retry_after": 7}, (429, "7", b"")),
        ({"status": 503, "times": 0}, (200, None, b"PK")),
        ({"status": 503, "after": 1}, (200, None, b"PK")),
        ({"pace": 100_000}, (200, None, b"PK")),
    ],
)
def test_a_service_may_fail_as_asked(nation: NationServer, faults: dict[str, Any], told: Any) -> None:
    nation.fail(extraction=faults)
    connection = http.client.HTTPConnection(nation.base.removeprefix("http://"))
    connection.request("GET", nation.extraction.removeprefix(nation.base))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    said = {"html": "Content-Type", "retry_after": "Retry-After"}.get(
        next(iter({*faults} & {"html", "retry_after"}), "")
    )
    assert (answer.status, answer.headers[said] if said else None, body[: len(told[2])]) == told


def test_a_connection_may_end_in_the_middle(nation: NationServer) -> None:
    nation.fail(extraction={"broken": 0.5})
    connection = http.client.HTTPConnection(nation.base.removeprefix("http://"))
    connection.request("GET", nation.extraction.removeprefix(nation.base))
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()
