"""How a rollout begins, goes on and ends, as far as no host is asked."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from declared import OPERATOR, SECOND, write

from vaguemestre import inventory
from vaguemestre.errors import Exit
from vaguemestre.establishment import Fleet
from vaguemestre.records import Kind, folder
from vaguemestre.rollouts import claims, course, steps, wave
from vaguemestre.rollouts.kept import kept
from vaguemestre.rollouts.kept import moved as keep_moved
from vaguemestre.rollouts.process import Process
from vaguemestre.rollouts.record import (
    Ending,
    HostRecord,
    Options,
    Record,
    Result,
    RolloutError,
    find,
    last_begun,
    new_id,
    now,
    read,
)
from vaguemestre.rollouts.record import write as keep_record

ME = Process.of(os.getpid())


@pytest.fixture
def bare_of_secrets(tmp_path: Path) -> Fleet:
    """Two sites; that of ch-lens wants a certificate, and has no secrets."""
    return inventory.read(write(tmp_path, pasteur=OPERATOR.replace("[base, pki]", "[base]"), lens=SECOND))


@pytest.fixture
def simple(tmp_path: Path) -> Fleet:
    """Two sites that need no secret."""
    texts = (one.replace("[base, pki]", "[base]") for one in (OPERATOR, SECOND))
    return inventory.read(write(tmp_path, **dict(zip(("pasteur", "lens"), texts, strict=True))))


def another(fleet: Fleet, **more: object) -> Record:
    """A rollout of the same hosts that somebody began."""
    hosts = tuple(HostRecord(host.name, one.slug, one.wave, "aa" * 32) for one, host in fleet.hosts())
    record = Record(new_id(), "paul@here.test", "0.1.0", None, now(), now(), process=ME, hosts=hosts)
    changed = replace(record, **more)  # type: ignore[arg-type]
    keep_record(folder(fleet, Kind.ROLLOUTS) / f"{changed.id}.json", changed)
    return changed


def begun(fleet: Fleet, **options: object) -> Path:
    return course.begin(fleet, [host.name for _, host in fleet.hosts()], Options(**options), ME)  # type: ignore[arg-type]


def test_a_site_without_its_secrets_is_refused_and_the_others_say_because_of_whom(bare_of_secrets: Fleet) -> None:
    record = read(begun(bare_of_secrets))
    lens, pasteur = record.host("mail.ch-lens.mssante.test"), record.host("mail.pasteur.mssante.test")
    assert (lens.result, pasteur.result) == (Result.REFUSED, Result.NOT_BEGUN)
    assert "the secret tls.key is missing" in lens.reason or "the secret tls.pem is missing" in lens.reason
    assert pasteur.reason == "not begun, because of mail.ch-lens.mssante.test"
    assert (record.ending, record.exit_code) == (Ending.FAILED, Exit.INVALID)


def test_a_second_rollout_on_this_controller_is_refused_naming_the_first(simple: Fleet) -> None:
    other = another(simple, begun=True)
    record = read(begun(simple))
    assert {one.result for one in record.hosts} == {Result.BUSY}
    assert f"part of rollout {other.id} of paul@here.test, since {other.began}" in record.hosts[0].reason
    assert record.exit_code is Exit.BUSY


def test_of_two_that_begin_at_the_same_moment_one_goes_on(simple: Fleet) -> None:
    place = folder(simple, Kind.ROLLOUTS)
    lower, higher = (another(simple, id=f"20261123T140501Z-{end}") for end in ("0000", "ffff"))
    assert claims.others(place, lower) == {}
    assert set(claims.others(place, higher).values()) == {read(place / f"{lower.id}.json")}


def test_a_rollout_that_went_through_has_nothing_to_resume(simple: Fleet) -> None:
    hosts = tuple(replace(one, result=Result.DONE) for one in another(simple).hosts)
    other = another(simple, ended=now(), hosts=hosts)
    with pytest.raises(RolloutError, match="went through"):
        course.resume(simple, find(folder(simple, Kind.ROLLOUTS), other.id), ME)


def test_what_was_refused_as_a_whole_is_not_resumed_but_the_one_before_it(bare_of_secrets: Fleet) -> None:
    place = folder(bare_of_secrets, Kind.ROLLOUTS)
    interrupted = another(bare_of_secrets, process=replace(ME, started=1), begun=True, id="20201123T140501Z-0000")
    refused = begun(bare_of_secrets)
    assert last_begun(place).stem == interrupted.id
    with pytest.raises(RolloutError, match="was refused before anything was done"):
        course.resume(bare_of_secrets, refused, ME)


def test_a_rollout_under_way_is_neither_resumed_nor_taken_up_by_somebody_else(simple: Fleet) -> None:
    path = find(folder(simple, Kind.ROLLOUTS), another(simple).id)
    with pytest.raises(course.RunningError, match="is under way"):
        course.resume(simple, path, ME)
    with pytest.raises(course.RunningError, match="is under way"):
        course.take_up(path, ME, os.getppid())
    assert course.take_up(path, ME, os.getpid()).process == ME


def test_who_goes_on_keeps_the_releases_and_learns_how_hosts_are_reached_now(simple: Fleet, tmp_path: Path) -> None:
    another(simple, begun=True)  # so that the rollout is refused after its releases were made, and no host is asked
    path = begun(simple)
    name = "mail.pasteur.mssante.test"
    before = kept(path, name)
    edited = OPERATOR.replace("[base, pki]", "[base]").replace("10.83.27.11", "10.83.27.99")
    write(tmp_path, pasteur=f"{edited}settings: {{journal: {{max_use: 7G}}}}\n")
    moved = inventory.read(tmp_path)
    (pair,) = (pair for pair in moved.hosts() if pair[1].name == name)
    keep_moved(path, course.reached(moved, *pair, b""))
    assert kept(path, name).target.address == "10.83.27.99"
    assert kept(path, name).document == before.document


def test_a_play_with_other_hosts_than_the_rollout_is_refused(simple: Fleet) -> None:
    other = another(simple)
    with pytest.raises(RolloutError, match=r"began with other hosts"):
        steps.begin(str(simple.root), ["mail.else.test"], {}, os.getpid(), rollout=other.id)


def test_at_the_end_hosts_whose_turn_did_not_come_say_so(simple: Fleet) -> None:
    record = another(simple, hosts=())
    ended = course.end(folder(simple, Kind.ROLLOUTS) / f"{record.id}.json")
    assert ended.ended is not None
    hosts = another(simple).hosts
    assert [one.result for one in course.over(hosts)] == [Result.NOT_BEGUN, Result.NOT_BEGUN]


def test_waves_that_are_through_are_left_alone(simple: Fleet) -> None:
    a, b, c = (HostRecord(name, "s", n, "aa") for name, n in (("a", 1), ("b", 2), ("c", 2)))
    record = another(simple, hosts=(replace(a, result=Result.DONE), replace(b, result=Result.DONE), c))
    assert course.left(record) == ["b", "c"]


def test_what_a_host_had_before_is_what_it_had_when_the_rollout_first_came_to_it(simple: Fleet) -> None:
    record = another(simple)
    path, name = folder(simple, Kind.ROLLOUTS) / f"{record.id}.json", record.hosts[0].host
    assert wave.noted(path, name, Result.UNDER_WAY, live="old").before == "old"
    wave.noted(path, name, Result.DONE, live="new", changed=True)
    assert wave.noted(path, name, Result.UNDER_WAY, live="new").before == "old"


def test_a_host_that_was_being_changed_when_the_controller_died_may_have_changed(simple: Fleet) -> None:
    record = another(simple)
    caught = replace(record.hosts[0], result=Result.UNDER_WAY, before="old")
    assert course.again(caught) == replace(caught, result=Result.WAITING, changed=True)
    done = replace(record.hosts[0], result=Result.DONE)
    assert course.again(done) == done


def test_too_many_hosts_that_serve_stop_a_wave_unless_allowed(simple: Fleet) -> None:
    record = another(simple, most_at_once=1)
    assert wave.too_many(["a"], record) is None
    assert "would change 2 hosts at once" in str(wave.too_many(["a", "b"], record))
    assert wave.too_many(["a", "b"], replace(record, options=Options(allow=("share",)))) is None
