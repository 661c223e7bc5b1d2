"""The host's verb `trust`: what administrators see and may do, and what they are told when it cannot be."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trust_nation import CRL, HOUR, LIST, NATION, Host, World, dn, host, lines

from vaguemestre.host.trust import admin, database, wording
from vaguemestre.host.trust.dn import key
from vaguemestre.host.trust.values import Standing
from vaguemestre.lab.listing import Line

GREEK = Line("ΕΤΑΒ.mssante.test", dn(3))


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores look for a new file at each question; nothing waits for the disk, which is another test's business."""
    monkeypatch.setattr(database, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = host(tmp_path_factory.mktemp("running"))
    made.publish([*lines(100), Line("multi.mssante.test", dn(3)), Line("multi.mssante.test", dn(2)), GREEK])
    made.run()
    return made


@pytest.fixture
def one(running: Host, tmp_path: Path) -> Host:
    return replace(running.copied(tmp_path / "host"), world=World(dict(running.world.pages)))


def words(said: dict[str, Any]) -> str:
    """As it goes to the controller, and as a person on the host reads it."""
    return wording.text(json.loads(json.dumps(said)))


def called(one: Host, capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """The whole program; exit code, stdout, stderr."""
    root = one.places.root
    code = admin.main(["--settings", str(root.parent / "trust.json"), "--state", str(root), *argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_show_tells_what_is_held_and_how_it_stands(one: Host) -> None:
    code, said = one.trust("show")
    assert code == 0
    assert (said["list"]["entries"], said["list"]["domains"], said["list"]["fresh"]) == (103, 102, True)
    assert said["crls"][0]["stands"] == "current"
    assert said["own"] == [{"domain": "etab-1.mssante.test", "listed": [dn(1)], "ours": True, "changed": None, "before": None}]  # fmt: skip  # noqa: E501
    assert said["alarms"] == []
    assert "listed for this host's certificate" in words(said)


def test_show_before_anything_was_fetched_says_so(tmp_path: Path) -> None:
    new = host(tmp_path)
    new.places.root.mkdir()
    code, said = new.trust("show")
    assert (code, said["list"], said["crls"][0]["stands"]) == (0, None, "missing")
    assert "all mail of the trust space is deferred" in words(said)


def test_show_changes_nothing(one: Host) -> None:
    before = {path: path.stat().st_mtime_ns for path in one.places.root.rglob("*")}
    one.trust("show")
    one.trust("diff")
    one.trust("lookup", "etab-1.mssante.test")
    assert {path: path.stat().st_mtime_ns for path in one.places.root.rglob("*")} == before


def test_lookup_tells_every_name_that_speaks_for_a_domain_whose_and_since_when(one: Host) -> None:
    code, said = one.trust("lookup", "multi.mssante.test")
    assert code == 0
    assert [(entry["operator"], entry["structure"]) for entry in said["entries"]] == [
        ("OPERATEUR FICTIF 3", "1099000003"), ("OPERATEUR FICTIF 2", "1099000002"),
    ]  # fmt: skip
    assert "since 2026-01-15" in words(said)


@pytest.mark.parametrize("asked", ["ETAB-1.MSSANTE.TEST", "urgences@etab-1.mssante.test", " etab-1.mssante.test. "])
def test_lookup_takes_a_domain_or_an_address_however_it_is_written(one: Host, asked: str) -> None:
    assert one.trust("lookup", asked)[1]["domain"] == "etab-1.mssante.test"


def test_lookup_takes_names_that_are_not_ascii(one: Host) -> None:
    assert one.trust("lookup", "εταβ.mssante.test")[0] == 0


def test_lookup_of_a_stranger_offers_near_spellings_and_tells_of_a_listed_parent(one: Host) -> None:
    code, said = one.trust("lookup", "service.etab-7.mssante.test")
    assert (code, said["result"], said["parents"]) == (1, "not_listed", ["etab-7.mssante.test"])
    assert "etab-42.mssante.test" in one.trust("lookup", "etab42.mssante.test")[1]["near"]
    assert one.trust("lookup", "mssante.test")[1]["children"]


@pytest.mark.parametrize("asked", ["", "a b", "192.0.2.1", "x" * 300])
def test_lookup_of_what_is_no_domain_is_refused(one: Host, capsys: pytest.CaptureFixture[str], asked: str) -> None:
    code, out, err = called(one, capsys, "lookup", asked)
    assert (code, out) == (2, "")
    assert err.startswith("trust: ")


def test_a_program_gets_its_refusals_as_json_too(one: Host, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(one, capsys, "approve", "--json")
    assert (code, json.loads(out)) == (2, {"result": "refused", "message": "no list waits for approval"})


def test_a_host_without_the_role_says_what_brings_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = admin.main(["--state", str(tmp_path / "missing"), "show"])
    assert code == 2
    assert "vaguemestre apply brings it" in capsys.readouterr().err


def test_settings_that_cannot_be_used_are_named(one: Host, capsys: pytest.CaptureFixture[str]) -> None:
    (one.places.root.parent / "trust.json").write_text('{"own_domains": 5}')
    code, _, err = called(one, capsys, "show")
    assert code == 2
    assert "trust.json" in err


def waiting(one: Host) -> dict[str, Any]:
    one.now += HOUR
    one.publish([*lines(80), *lines(20, operator=12, start=80)])
    one.run()
    return one.trust("diff")[1]


def test_diff_explains_by_operator_and_exits_with_three(one: Host) -> None:
    said = waiting(one)
    assert one.trust("diff")[0] == 3
    assert said["gone"] == ["multi.mssante.test", "xn--mxach4d.mssante.test"]
    to = {move["after"]["name"] for move in said["moves"] if move["kind"] == "moved"}
    assert to == {"OPERATEUR FICTIF 12"}
    assert sum(len(move["domains"]) for move in said["moves"] if move["kind"] == "moved") == 20
    assert "OPERATEUR FICTIF 12" in words(said)


def test_diff_without_a_quarantine_says_so(one: Host) -> None:
    assert one.trust("diff") == (0, {"result": "nothing", "quarantine": None})


def test_approve_takes_the_beginning_of_a_digest_and_writes_down_who_it_was(one: Host) -> None:
    digest = waiting(one)["quarantine"]["digest"]
    assert one.trust("approve", digest[:8].upper(), "--by", "anne@poste")[1]["digest"] == digest
    assert one.listing.knows(key(dn(12)))
    assert one.trust("history")[1]["events"][-1]["by"] == "anne@poste"


@pytest.mark.parametrize("digest", ["0" * 64, "1234", "e3b0c44298fc1c149afbf4c8996fb924"])
def test_approve_refuses_another_digest_and_changes_nothing(one: Host, digest: str) -> None:
    waiting(one)
    with pytest.raises(admin.RefusedError, match="look at it"):
        one.trust("approve", digest)
    assert not one.listing.knows(key(dn(12)))


def test_approve_refuses_a_file_that_was_changed_since(one: Host) -> None:
    waiting(one)
    one.places.quarantine.write_bytes(NATION.white_list(lines(3), one.now))
    with pytest.raises(admin.RefusedError, match="no list waits"):
        one.trust("approve")
    assert one.listing.listed("etab-50.mssante.test")


def brought(one: Host, tmp_path: Path, verb: str, content: bytes) -> tuple[int, dict[str, Any]]:
    file = tmp_path / "brought"
    file.write_bytes(content)
    return one.trust(verb, str(file))


def test_a_site_without_internet_lives_by_what_is_brought_to_it(tmp_path: Path) -> None:
    away = host(tmp_path)
    page, crl = away.world.pages.pop(LIST), away.world.pages.pop(CRL)
    away.places.root.mkdir()
    assert brought(away, tmp_path, "push", page)[1]["result"] == "accepted"
    assert brought(away, tmp_path, "push-crl", crl)[1]["result"] == "taken"
    away.run()
    assert away.listing.listed("etab-1.mssante.test")
    assert away.listing.fresh(away.now)
    assert away.standing() == set()


def test_a_brought_list_counts_as_confirmed_when_it_was_made(one: Host, tmp_path: Path) -> None:
    made = one.now
    content = NATION.white_list([*lines(100), GREEK, Line("nouveau.mssante.test", dn(3))], made)
    one.now += 10 * HOUR
    assert brought(one, tmp_path, "push", content)[0] == 0
    assert one.listing.confirmed == made
    one.now += 10 * HOUR
    assert brought(one, tmp_path, "push", content)[1]["result"] == "unchanged"
    assert one.listing.confirmed == made, "the same old file confirms nothing"


def test_a_brought_list_is_checked_like_any_other(one: Host, tmp_path: Path) -> None:
    with pytest.raises(admin.RefusedError, match="older"):
        brought(one, tmp_path, "push", NATION.white_list(lines(100), one.now - 30 * HOUR))
    with pytest.raises(admin.RefusedError, match="XML"):
        brought(one, tmp_path, "push", b"<html>")
    one.now += HOUR
    assert brought(one, tmp_path, "push", NATION.white_list(lines(10), one.now))[0] == 3
    assert one.listing.listed("etab-99.mssante.test")


def test_a_brought_revocation_takes_effect(one: Host, tmp_path: Path) -> None:
    one.now += HOUR
    crl = NATION.authority.crl([77], published=one.now - HOUR / 2, until=one.now + 24 * HOUR)
    assert brought(one, tmp_path, "push-crl", crl)[1]["revoked"] == 1
    (known,) = one.revocations.known()
    assert one.revocations.standing(known.issuer, 77, one.now) is Standing.REVOKED
    with pytest.raises(admin.RefusedError, match="no revocation list"):
        brought(one, tmp_path, "push-crl", b"<html>")


def test_what_is_brought_may_come_through_a_pipe(one: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one.now += HOUR
    content = NATION.white_list([*lines(101), GREEK], one.now)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert one.trust("push", "-")[1]["result"] == "accepted"


def test_every_answer_has_words(one: Host) -> None:
    answers = [one.trust(verb)[1] for verb in ("show", "history", "diff")]
    answers += [waiting(one), one.trust("show")[1], one.trust("approve")[1], one.trust("history", "--last", "2")[1]]
    answers += [{"result": "refreshed", "asked": [], "events": [], "failing": {"u": "u: away"}, "alarms": []}]
    assert all(map(words, answers))
