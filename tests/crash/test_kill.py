"""SIGKILL at every effect: the host ends with the old release or the new one, never with a mix."""

from __future__ import annotations

import pytest
from changes import SECRETS, copy, new, old
from scratch import Ended, Host

pytestmark = pytest.mark.slow

_SAMPLE = 12  # every so many kills: recovery is killed at each of its own effects, or another verb comes next


class Rule:
    """What must hold whatever happened: `host` is exactly as it was, or exactly what the new release makes of it."""

    def __init__(self, host: Host) -> None:
        made = copy(host, "made")
        ended = apply(made)
        assert ended.code == 0, ended.result
        self.effects = ended.effects
        self.allowed = {
            host.live(): (host.tree(), host.units()),
            made.live(): (made.tree(), made.units()),
        }

    def holds(self, host: Host, when: str) -> None:
        tree, units = self.allowed[host.live()]
        assert host.tree() == tree, when
        assert host.units() == units, when
        assert host.deceived() == [], when
        assert host.drafts() == [], when
        assert host.note("journal.json") is None, when


def apply(host: Host, die_at: int = 0) -> Ended:
    return host.run("apply", new(), secrets=SECRETS[new().id], die_at=die_at)


@pytest.mark.parametrize("beginning", ["bare", "host"])
def test_a_kill_at_any_effect_leaves_the_old_release_or_the_new_one(
    beginning: str, request: pytest.FixtureRequest
) -> None:
    host: Host = request.getfixturevalue(beginning)
    rule = Rule(host)
    ends = set()
    for at, effect in enumerate(rule.effects, 1):
        spoilt = copy(host, "spoilt")
        assert apply(spoilt, die_at=at).code is None
        ended = spoilt.run("recover")
        assert ended.code == 0, (effect, ended.result)
        rule.holds(spoilt, f"killed at {at}: {effect}")
        ends.add(spoilt.live())
    assert ends == set(rule.allowed), "kills early and late end differently"


def test_whatever_was_cut_off_the_next_apply_makes_the_new_release(host: Host) -> None:
    rule = Rule(host)
    for at in range(1, len(rule.effects) + 1, _SAMPLE // 3):
        spoilt = copy(host, "spoilt")
        apply(spoilt, die_at=at)
        assert apply(spoilt).code == 0
        assert spoilt.live() == new().id
        rule.holds(spoilt, f"killed at {at}: {rule.effects[at - 1]}")


def test_a_recovery_that_is_killed_too_is_finished_by_the_next(host: Host) -> None:
    rule = Rule(host)
    for at in range(1, len(rule.effects) + 1, _SAMPLE):
        spoilt = copy(host, "spoilt")
        apply(spoilt, die_at=at)
        count = len(copy(spoilt, "counted").run("recover").effects)
        for again in range(1, count + 1):
            twice = copy(spoilt, "twice")
            twice.run("recover", die_at=again)
            ended = twice.run("recover")
            assert ended.code == 0, ended.result
            rule.holds(twice, f"killed at {at}: {rule.effects[at - 1]}, and recovery at its {again}")


def test_after_a_power_cut_files_are_whole_before_daemons_start_and_units_settle_later(host: Host) -> None:
    rule = Rule(host)
    for at in range(1, len(rule.effects) + 1, _SAMPLE // 3):
        spoilt = copy(host, "spoilt")
        apply(spoilt, die_at=at)
        assert spoilt.run("recover", files_only=True).code == 0
        assert spoilt.tree() in [tree for tree, _ in rule.allowed.values()], rule.effects[at - 1]
        assert spoilt.run("recover").code == 0
        rule.holds(spoilt, f"power cut at {at}: {rule.effects[at - 1]}")


def test_a_daemon_in_the_middle_of_its_own_rollback_may_be_killed(host: Host) -> None:
    """The new release's last unit does not come up: the activation itself goes back, and is killed doing so."""
    host.daemon("filter.service", "/etc/crash")
    host.write("/etc/crash", "CRASH")
    before = (host.tree(), {**host.units()})
    whole = copy(host, "whole")
    failed = apply(whole)
    assert (failed.code, failed.result["restored"]) == (1, True)
    for at in range(1, len(failed.effects) + 1, _SAMPLE // 3):
        spoilt = copy(host, "spoilt")
        apply(spoilt, die_at=at)
        spoilt.run("recover")
        assert spoilt.live() == old().id
        assert spoilt.tree() == before[0], failed.effects[at - 1]
        assert spoilt.deceived() == []
        assert spoilt.drafts() == []


def test_killed_when_the_new_release_was_live_already_and_its_daemon_dies_the_old_one_is_back_whole(host: Host) -> None:
    """The narrowest place: `current.json` names the new release, its journal is not closed yet."""
    rule = Rule(host)
    tree = rule.allowed[old().id][0]
    at = rule.effects.index("rename /var/lib/vaguemestre/current.json: done") + 1
    apply(host, die_at=at)
    assert host.live() == new().id
    host.machine.stop("filter.service")
    host.write("/run/crash", "CRASH")
    host.daemon("filter.service", "/run/crash")
    recovered = host.run("recover")
    assert "filter.service: start failed" in recovered.result["did"]
    assert (host.live(), host.tree()) == (old().id, tree)
    assert host.deceived() == []


def test_one_unit_in_trouble_does_not_keep_the_others_from_going_back(host: Host) -> None:
    """The old release's first daemon cannot start any more: the ones after it run their old files all the same."""
    host.write("/run/crash", "CRASH")
    host.daemon("filter.service", "/run/crash")
    host.daemon("mail.service", "/etc/mail/main.cf", "/etc/mail/tls.key", "/run/crash")
    failed = apply(host)
    assert (failed.code, failed.result["restored"]) == (1, False)
    assert "THE FILES OF BEFORE ARE BACK, BUT: mail.service" in failed.result["message"]
    assert host.live() == old().id
    assert host.deceived() == []
    assert host.units()["maps.service"][0] == "active"
    assert host.run("status").result["stale"] == ["mail.service", "maps.service"]
