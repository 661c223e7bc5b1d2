"""Rollouts over real hosts: what is recorded, what stops one, and what it does about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from rolling import A, B, Rolled, Sites, killed
from terminal import Typed

from vaguemestre import inventory
from vaguemestre.engines.pyinfra import ask
from vaguemestre.engines.targets import select, target
from vaguemestre.engines.wire import Claimed
from vaguemestre.lab import Lab, State
from vaguemestre.records import Kind, folder
from vaguemestre.rollouts.windows import PARIS

MINE = "20261123T000000Z-0000"  # a rollout of somebody's on another controller


@pytest.fixture(scope="module")
def sites(lab: Lab, scratch: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Sites:
    """Two sites, bare until the first rollout, which this is: one wave after the other."""
    made = Sites.made(tmp_path_factory.mktemp("sites"), lab)
    made.type("rollout").succeeded()
    return made


@pytest.fixture(scope="module")
def first(sites: Sites) -> Rolled:
    return sites.last()


@dataclass(frozen=True)
class Interruption:
    """A controller was killed while it changed the first host of two, and the inventory edited; then it was resumed."""

    second: Typed
    left: Rolled
    resumed: Typed
    ended: Rolled
    journals: tuple[str, ...]


@pytest.fixture(scope="module")
def interruption(sites: Sites, first: Rolled) -> Interruption:
    records = folder(inventory.load(sites.folder), Kind.ROLLOUTS)
    sites.journal("110M")
    process = sites.start()
    began = sites.until(records, lambda one: one.plain["id"] > first.plain["id"] and one.results[A] == "under-way")
    second = sites.type("rollout")
    sites.journal("120M")
    killed(process)
    left = sites.shown(began.plain["id"])
    resumed = sites.type("rollout", "resume")
    return Interruption(second, left, resumed, sites.shown(began.plain["id"]), sites.journals())


@contextmanager
def cut(lab: Lab, host: str) -> Iterator[None]:
    lab.cut(host)
    try:
        yield
    finally:
        lab.mend(host)


def test_a_rollout_is_recorded_with_who_what_and_what_came_of_it(sites: Sites, first: Rolled) -> None:
    assert first.plain["ending"] == "done"
    assert first.plain["by"].count("@") == 1
    assert [(one["wave"], one["result"], one["changed"]) for one in first.plain["hosts"]] == [
        (1, "done", True),
        (2, "done", True),
    ]
    assert all(one["before"] is None and one["live"] == one["release"] for one in first.plain["hosts"])
    assert first.plain["id"] in sites.type("rollout", "history").succeeded().out


def test_a_dry_run_shows_once_what_is_the_same_on_all_and_changes_nothing(sites: Sites, first: Rolled) -> None:
    before = sites.journals()
    sites.journal("101M")
    told = sites.type("rollout", "--dry-run")
    assert told.code == 3, told.screen
    assert f"on {A}, {B}: 1 file, 1 unit" in told.out
    assert told.out.count("+SystemMaxUse=101M") == 1
    assert sites.journals() == before
    assert sites.last().plain["id"] == first.plain["id"]


def test_a_second_rollout_is_refused_and_told_of_the_first(interruption: Interruption) -> None:
    assert interruption.second.code == 5, interruption.second.screen
    assert f"part of rollout {interruption.left.plain['id']} of " in interruption.second.screen


def test_a_killed_controller_leaves_a_rollout_that_is_known_to_be_interrupted(interruption: Interruption) -> None:
    assert interruption.left.plain["ending"] == "interrupted"
    assert interruption.left.results == {A: "under-way", B: "waiting"}


def test_it_is_resumed_with_the_releases_that_it_began_with(interruption: Interruption) -> None:
    assert interruption.resumed.code == 0, interruption.resumed.screen
    assert interruption.ended.plain["ending"] == "done"
    assert interruption.ended.plain["id"] == interruption.left.plain["id"]
    assert interruption.journals == ("110M", "110M")


def test_a_wave_whose_canary_passes_and_second_host_fails_is_put_back(sites: Sites, interruption: Interruption) -> None:
    """On the second host something stands where a file must come; only the activation notices."""
    blocked = "/etc/systemd/journald.conf.d/vaguemestre.conf"
    sites.waves(1, 1)
    before = sites.journals()
    sites.journal("130M")
    sites.lab.exec(B, ["sh", "-c", f"rm {blocked}; mkdir {blocked}"])
    told = sites.type("rollout")
    sites.lab.exec(B, ["rmdir", blocked])
    assert told.code == 1, told.screen
    ended = sites.last()
    assert ended.results == {A: "put-back", B: "failed"}
    assert "is a directory, not a file" in ended.host(B)["reason"]
    assert sites.journals()[0] == before[0]
    assert ended.host(A)["live"] == ended.host(A)["before"] == interruption.ended.host(A)["release"]


def test_a_host_that_vanishes_before_its_activation_takes_the_wave_back(sites: Sites, first: Rolled) -> None:
    """It answered when its plan was asked; while the first host was changed its network went."""
    sites.waves(1, 1)
    before = sites.journals()
    sites.journal("140M")
    records = folder(inventory.load(sites.folder), Kind.ROLLOUTS)
    known = sites.last().plain["id"]
    process = sites.start()
    sites.until(records, lambda one: one.plain["id"] > known and one.results[A] == "under-way")
    with cut(sites.lab, B):
        assert process.wait(300) == 4
    assert sites.last().results == {A: "put-back", B: "unreachable"}
    assert sites.journals() == before


def test_a_rollout_of_another_controller_has_the_hosts_until_its_claim_is_released(sites: Sites, first: Rolled) -> None:
    fleet = inventory.load(sites.folder)
    targets = {host.name: target(fleet, one, host) for one, host in select(fleet, [B])}
    ask(targets, "disclaim")  # a rollout that lost the host could not
    taken = ask(targets, "claim", MINE, "--by=paul@elsewhere.test", "--seconds=600")
    assert isinstance(taken[B], Claimed)
    before = sites.journals()
    sites.journal("150M")
    refused = sites.type("rollout")
    assert refused.code == 5, refused.screen
    assert f"part of rollout {MINE} of paul@elsewhere.test" in refused.screen
    assert sites.last().results == {A: "not-begun", B: "busy"}
    assert sites.journals() == before
    sites.type("rollout", "release-claim", B).succeeded()
    sites.type("rollout").succeeded()


def test_a_host_reinstalled_with_another_key_is_named_and_its_wave_not_begun(sites: Sites, first: Rolled) -> None:
    before = sites.journals()
    sites.journal("160M")
    sites.waves(1, 1)
    rekey = "cp -a /etc/ssh /root/ssh; rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh"
    sites.lab.exec(B, ["sh", "-c", rekey])
    told = sites.type("rollout")
    sites.lab.exec(B, ["sh", "-c", "cp -a /root/ssh/ssh_host_* /etc/ssh/; rm -r /root/ssh; systemctl restart ssh"])
    assert told.code == 4, told.screen
    ended = sites.last()
    assert ended.results == {A: "not-begun", B: "unreachable"}
    assert "known_hosts" in ended.host(B)["reason"]
    assert sites.journals() == before


def test_a_site_without_its_secrets_is_refused_before_anything_changes(
    sites: Sites, first: Rolled, state: State
) -> None:
    key = state.secrets / B / "tls.key"
    away = key.with_name(".away")
    before = sites.journals()
    sites.journal("170M")
    sites.edit("scratch-b", r"roles: \[base\]", "roles: [base, pki]")
    key.rename(away)
    told = sites.type("rollout")
    away.rename(key)
    sites.edit("scratch-b", r"roles: \[base, pki\]", "roles: [base]")
    assert told.code == 2, told.screen
    assert sites.last().results == {A: "not-begun", B: "refused"}
    assert "the secret tls.key is missing" in told.screen
    assert f"not begun, because of {B}" in sites.last().host(A)["reason"]
    assert sites.journals() == before


def test_a_wave_waits_for_its_maintenance_window_unless_told_otherwise(sites: Sites, first: Rolled) -> None:
    shared = sites.folder / "inventory.yml"
    before, text = sites.journals(), shared.read_text()
    sites.journal("180M")
    shared.write_text(f"{shared.read_text()}rollout:\n  windows: [{_never()}]\n")
    told = sites.type("rollout", "scratch-a")
    assert told.code == 2, told.screen
    assert "outside its maintenance windows; the next one opens" in told.screen
    assert sites.journals() == before
    sites.type("rollout", "scratch-a", "--outside-window").succeeded()
    assert sites.journals()[0] == "180M"
    shared.write_text(text)


def _never() -> str:
    """A window of a minute, which began an hour ago."""
    start = datetime.now(PARIS) - timedelta(hours=1)
    return f'{{start: "{start:%H:%M}", end: "{start + timedelta(minutes=1):%H:%M}"}}'
