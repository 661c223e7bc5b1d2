"""A host whose national directory comes by the FHIR interface: everything else is as with the daily extraction."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from extraction_server import publishing
from nation_server import NATION, READER, NationServer, delete, insert, mailbox, refresh, serving
from rehearsed_directory import Host, host

from vaguemestre.host.annuaire import interface
from vaguemestre.host.annuaire.alarms import alarms
from vaguemestre.host.annuaire.layout import Api
from vaguemestre.host.trust.fetch import FetchError

ANNE, BOX = "10009990010", "anne.essai@clinique.mssante.test"
BY_RPPS = f"Practitioner?identifier=https://rpps.esante.gouv.fr%7C{ANNE}"
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NationServer]:
    with serving(tmp_path_factory.mktemp("nation")) as server:
        yield server


@pytest.fixture
def nation(server: NationServer) -> Iterator[NationServer]:
    yield server
    refresh(server.folder)


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The credential as systemd hands it on."""
    path = tmp_path / "api-key"
    path.write_text(f"{READER}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return path


@pytest.fixture
def one(tmp_path: Path, nation: NationServer, key: Path) -> Iterator[Host]:
    with publishing(tmp_path) as site:
        made = host(tmp_path, site)
        made.settings = replace(made.settings, source="fhir", url=nation.fhir, api=Api(nation.fhir, 10_000))
        yield made


def test_the_first_reading_fills_the_directory_and_later_ones_follow_the_nation(
    one: Host, nation: NationServer
) -> None:
    one.run(NOW)
    assert len(one.found) == NATION.lines - 1
    nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX)))
    report = one.run(NOW + HOUR)
    assert BOX in one.found
    assert [event["event"] for event in report.events] == ["taken", "applied"]
    nation.patch(BY_RPPS, delete("Practitioner", BOX))
    one.run(NOW + 2 * HOUR)
    assert BOX not in one.found
    assert not [request for request in one.site.methods() if request]


def test_a_nation_of_which_half_is_gone_waits_for_a_person(one: Host, nation: NationServer) -> None:
    one.run(NOW)
    before = one.found
    nation.hold(list(NATION.extraction())[: NATION.lines // 2])
    one.run(NOW + HOUR)
    assert one.found == before
    assert one.state.waiting


def test_a_reading_that_ends_early_changes_nothing_and_is_gone_on_with(one: Host, nation: NationServer) -> None:
    one.run(NOW)
    before = one.found
    nation.fail(fhir={"html": True})
    one.run(NOW + HOUR)
    assert one.found == before
    assert one.state.source(nation.fhir).failure == "web_page"
    nation.fail()
    one.run(NOW + 2 * HOUR)
    assert not one.state.source(nation.fhir).failure


def test_a_key_that_is_refused_is_an_alarm_and_shown_nowhere(one: Host, key: Path) -> None:
    key.write_text("guessed-key")
    for hour in range(3):
        one.run(NOW + hour * HOUR)
    found = alarms(one.state, one.settings, NOW + 3 * HOUR)
    assert "key" in {alarm.stage for alarm in found}
    texts = [path.read_text(errors="replace") for path in one.places.root.rglob("*") if path.is_file()]
    assert not [text for text in (*texts, str(found)) if "guessed-key" in text]


@pytest.mark.parametrize("content", ["", "two words", "\x07", "é"])
def test_what_is_no_key_is_named_before_anybody_is_asked(key: Path, content: str) -> None:
    key.write_text(content)
    with pytest.raises(FetchError, match=r"annuaire\.key"):
        interface.key()


def test_root_hands_the_key_on_by_standard_input_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "KEY", tmp_path / "annuaire-api.key")
    with interface.handed_on() as (file, environment):
        assert file is None
    interface.KEY.write_text("a-key")
    with interface.handed_on() as (file, environment):
        assert file
        assert "a-key" not in str(environment)
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(file.read())))
    for name in environment.keys() - {"CREDENTIALS_DIRECTORY"}:
        monkeypatch.setenv(name, environment[name])
    assert interface.key() == "a-key"
