"""The directory read by FHIR, from the process that the lab's world host runs: all, then changes, and faults."""

from __future__ import annotations

import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nation_server import (
    NATION,
    OPERATOR,
    READER,
    STRUCTURE,
    NationServer,
    delete,
    insert,
    mailbox,
    refresh,
    replace,
    serving,
)

from vaguemestre.host.annuaire import fhir
from vaguemestre.host.annuaire.fhir import Access, Client, Snapshot, snapshot
from vaguemestre.host.annuaire.fhir_store import Known, Store
from vaguemestre.host.annuaire.gathering import mailboxes
from vaguemestre.host.annuaire.inspection import Limits, inspect
from vaguemestre.host.annuaire.mailbox import NationalMailbox
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.source import Source
from vaguemestre.host.trust.fetch import FetchError

pytestmark = pytest.mark.slow

ANNE, BOX = "10009990010", "anne.essai@clinique.mssante.test"
BY_RPPS = f"Practitioner?identifier=https://rpps.esante.gouv.fr%7C{ANNE}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NationServer]:
    with serving(tmp_path_factory.mktemp("nation")) as server:
        yield server


@pytest.fixture
def nation(server: NationServer) -> Iterator[NationServer]:
    """The nation as it was at first."""
    yield server
    refresh(server.folder)


class Rests:
    """Waits that are written down and not waited for, but for those of the pace."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def __call__(self, seconds: float) -> None:
        if seconds > 0.1:
            self.waits.append(round(seconds, 2))


Take = Callable[..., Snapshot]


@pytest.fixture
def rests() -> Rests:
    return Rests()


@pytest.fixture
def take(nation: NationServer, tmp_path: Path, rests: Rests) -> Take:
    """One reading, without waits after failures."""

    def take(key: str = READER, **options: Any) -> Snapshot:
        access = Access(nation.fhir, key, calls_per_second=10_000)
        options = {"now": datetime.now(UTC), **options}
        client = Client(access, rest=rests)
        return snapshot(access, tmp_path / "fhir.db", tmp_path / "taken", client=client, **options)

    return take


def listed(path: Path) -> dict[str, NationalMailbox]:
    """The mailboxes of an extraction."""
    with Source(path) as source:
        lines = list(Reading(source))
    several = {address for address, number in Counter(line.address for line in lines).items() if number > 1}
    return {one.address: one for one in mailboxes(lines, several)}


def asked(nation: NationServer) -> list[str]:
    """What was asked for by FHIR, without what follows the `?`."""
    return [str(one["path"]).partition("?")[0].removeprefix("/fhir/v2/") for one in nation.record()]


def test_both_readers_know_the_same_mailboxes(nation: NationServer, take: Take, tmp_path: Path) -> None:
    found = take()
    assert (found.full, found.changed) == (True, True)
    assert listed(found.path) == listed(nation.fetch(tmp_path)[0])
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600
    inspection = inspect(found.path, tmp_path / "digest", None, Limits(), made=found.made)
    assert (inspection.unfit, inspection.found.faults, inspection.found.remarks) == ((), {}, {})
    assert timedelta() <= datetime.now(UTC) - found.made < timedelta(minutes=1)


def test_afterwards_only_what_changed_is_asked_for(nation: NationServer, take: Take) -> None:
    take()
    first = len(nation.record())
    again = take()
    assert (again.full, again.changed) == (False, False)
    assert len(nation.record()) - first == 3
    nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX, service="Cardiologie")))
    found = take()
    assert (found.full, found.changed) == (False, True)
    assert listed(found.path)[BOX].activities[0].person == ANNE


def test_who_lost_a_mailbox_is_met_by_the_next_delta(nation: NationServer, take: Take) -> None:
    nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX)))
    assert BOX in listed(take().path)
    nation.patch(BY_RPPS, delete("Practitioner", BOX))
    after = take()
    assert not after.full
    assert BOX not in listed(after.path)


def test_nobody_of_the_red_list_is_handed_over_whatever_the_key_shows(nation: NationServer, take: Take) -> None:
    nation.patch(BY_RPPS, insert("Practitioner", mailbox(BOX)))
    assert BOX in listed(take(OPERATOR).path)
    nation.patch(BY_RPPS, replace("Practitioner", BOX, "listeRouge", True))
    assert BOX in str(nation.ask(f"Practitioner/003-{ANNE}", OPERATOR))
    assert BOX not in listed(take(OPERATOR).path)


def test_programs_and_practices_are_handed_over_too(nation: NationServer, take: Take) -> None:
    nation.patch(f"Organization/001-{STRUCTURE}", insert("Organization", mailbox("pfi@x.mssante.test", "APP")))
    nation.patch(BY_RPPS, insert("Practitioner", mailbox("cabinet@x.mssante.test", "CAB")))
    found = listed(take().path)
    assert (found["pfi@x.mssante.test"].kind, found["cabinet@x.mssante.test"].kind) == ("APP", "CAB")


def test_a_reading_that_was_cut_goes_on_at_its_page_and_hands_nothing_over_before(
    nation: NationServer, take: Take, tmp_path: Path
) -> None:
    nation.fail(fhir={"status": 500, "after": 1})
    with pytest.raises(FetchError, match="HTTP 500"):
        take()
    assert not (tmp_path / "taken").exists()
    nation.fail()
    before = len(nation.record())
    found = take()
    assert len(listed(found.path)) == len(listed(nation.fetch(tmp_path)[0]))
    assert asked(nation)[before] == "_page"


def test_a_killed_reading_loses_one_page_at_most(nation: NationServer, take: Take, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(met: int, _: int) -> None:
        if met >= 50:
            raise Killed

    with pytest.raises(Killed):
        take(progress=kill)
    with Store(tmp_path / "fhir.db") as store:
        going = store.progress()
    assert going
    assert (going.met, bool(going.next)) == (50, True)
    assert listed(take().path) == listed(nation.fetch(tmp_path)[0])


def test_a_link_that_the_server_has_forgotten_begins_its_type_anew(nation: NationServer, take: Take) -> None:
    nation.fail(fhir={"status": 500, "after": 1})
    with pytest.raises(FetchError):
        take()
    nation.fail(fhir={"status": 410, "times": 1})
    assert len(listed(take().path)) == NATION.lines - 1


@pytest.mark.slow
def test_a_reading_that_is_too_old_to_go_on_begins_anew(nation: NationServer, take: Take) -> None:
    now = datetime.now(UTC)
    nation.fail(fhir={"status": 500, "after": 2})
    with pytest.raises(FetchError):
        take(now=now - timedelta(hours=25))
    nation.fail()
    before = len(nation.record())
    take()
    assert asked(nation)[before] == "Practitioner"


def test_a_busy_server_is_left_alone_as_long_as_it_asks(nation: NationServer, take: Take, rests: Rests) -> None:
    nation.fail(fhir={"status": 429, "retry_after": 7, "times": 2})
    assert take().full
    assert rests.waits == [7.0, 7.0]


def test_a_server_that_fails_is_asked_less_and_less_often_and_then_not_any_more(
    nation: NationServer, take: Take, rests: Rests
) -> None:
    nation.fail(fhir={"status": 503})
    with pytest.raises(FetchError) as error:
        take()
    assert error.value.slug == "http_503"
    assert rests.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert len(nation.record()) == 6


def test_a_page_that_breaks_off_is_asked_for_again(nation: NationServer, take: Take, rests: Rests) -> None:
    nation.fail(fhir={"broken": 0.5, "times": 1})
    assert len(listed(take().path)) == NATION.lines - 1
    assert rests.waits == [1.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("faults", "slug"),
    [
        ({"html": True}, "web_page"),
        ({"next": "http://127.0.0.1:9/fhir/v2/_page?id=x"}, "foreign_next"),
        ({"next": "http://[broken"}, "foreign_next"),
        ({"next": "../../elsewhere"}, "foreign_next"),
        ({"next": "?"}, "foreign_next"),
        ({"lost": 3}, "short"),
        ({"status": 404}, "http_404"),
        ({"status": 302}, "http_302"),
    ],
)
def test_what_is_no_whole_and_honest_answer_is_named_and_nothing_is_handed_over(
    nation: NationServer, take: Take, tmp_path: Path, faults: dict[str, Any], slug: str
) -> None:
    held = listed(take().path)
    nation.fail(fhir=faults)
    with pytest.raises(FetchError) as error:
        take(full=True)
    assert error.value.slug == slug
    assert listed(tmp_path / "taken") == held
    nation.fail()
    assert listed(take(full=True).path) == held


def test_an_unknown_key_is_named(take: Take) -> None:
    with pytest.raises(FetchError) as error:
        take("guessed")
    assert error.value.slug == "key"
    assert "guessed" not in str(error.value)


def test_a_server_that_does_not_remember_so_far_back_is_read_whole(nation: NationServer, take: Take) -> None:
    take()
    nation.fail(fhir={"status": 400, "times": 1})
    assert take().full


@pytest.mark.parametrize(
    ("until", "full", "delta"),
    [
        (timedelta(hours=1), timedelta(days=6), True),
        (timedelta(hours=1), timedelta(days=7), False),
        (timedelta(days=29), timedelta(days=6), False),
        (timedelta(hours=1), timedelta(days=-1), False),
        (timedelta(hours=-1), timedelta(days=1), True),
    ],
)
def test_when_all_is_read_anew(until: timedelta, full: timedelta, delta: bool) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    told = fhir.since(Known((now - until).isoformat(), (now - full).isoformat(), 1), now)
    assert bool(told) == delta
    assert not told or datetime.fromisoformat(told) < now
    assert fhir.since(Known(), now) == ""


@pytest.mark.slow
def test_when_many_are_gone_at_once_all_is_read_again_the_next_time(nation: NationServer, take: Take) -> None:
    """The interface's search was seen to forget some."""
    take()
    nation.hold(list(NATION.extraction())[: NATION.lines // 2])
    assert len(listed(take(full=True).path)) < NATION.lines * 0.6
    refresh(nation.folder)
    found = take()
    assert found.full
    assert len(listed(found.path)) == NATION.lines - 1


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"no database at all, but text" * 99, b""])
def test_a_damaged_store_is_made_anew(nation: NationServer, take: Take, tmp_path: Path, damage: bytes) -> None:
    held = listed(take().path)
    (tmp_path / "fhir.db").write_bytes(damage)
    for beside in ("fhir.db-wal", "fhir.db-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    found = take()
    assert found.full
    assert listed(found.path) == held


def test_a_store_found_damaged_while_it_is_used_is_made_anew_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "fhir.db"
    with pytest.raises(OSError, match=r"fhir\.db"), Store(path):
        raise sqlite3.DatabaseError("database disk image is malformed")
    assert not path.exists()


def test_a_full_disk_keeps_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "fhir.db"
    with pytest.raises(OSError, match="full"), Store(path):
        raise sqlite3.OperationalError("database or disk is full")
    assert path.exists()


def test_calls_are_paced() -> None:
    now, rests = [0.0], list[float]()

    def rest(seconds: float) -> None:
        rests.append(seconds)
        now[0] += seconds

    client = Client(Access("http://127.0.0.1:9/fhir/v2", "k", calls_per_second=10), rest=rest, clock=lambda: now[0])
    with pytest.raises(FetchError, match="refused"):
        client.page(client.url("Practitioner"))
    assert all(wait >= 0.1 or wait >= 1 for wait in rests)
    assert now[0] >= 0.5


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Access("https://x.test", "secret"))
