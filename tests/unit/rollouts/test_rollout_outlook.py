"""What a rollout would change, and where."""

from __future__ import annotations

from typing import Any

import pytest
from golden.hosts import HERE

from vaguemestre import inventory
from vaguemestre.engines import wire
from vaguemestre.engines.door import Outcome
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.trouble import Trouble
from vaguemestre.establishment import Establishment, Fleet, Host
from vaguemestre.host.activator.plan import Change
from vaguemestre.pacing import Pace
from vaguemestre.plan import Limits
from vaguemestre.rollouts.outlook import Outlook, outlook

MOTD = Change("file", "/etc/motd", "update", "-a\n+b\n")
OURS = Change("file", "/etc/hostname", "update", "-a\n+b\n")
DOVECOT = Change("unit", "dovecot.service", "remove")
UNREACHABLE = Failure(Trouble.UNREACHABLE, "no answer")
BARE = Failure(Trouble.BARE, "not prepared yet")


def plan(*changes: Change) -> wire.PlanResult:
    return wire.PlanResult("b", "b" if not changes else "a", changes)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """As many sites as there are plans below, one host each, the first four in wave 1."""
    one, host = next(inventory.read(HERE / "inventories" / "fullest").hosts())
    sites = tuple(_site(one, host, number) for number in range(6))
    pace = Pace(max_share_percent=50, share_from=2)
    whole = inventory.read(HERE / "inventories" / "fullest")
    return Fleet(whole.root, whole.settings.model_copy(update={"rollout": pace}), sites)


def _site(one: Establishment, host: Host, number: int) -> Establishment:
    named = host.model_copy(update={"name": f"h{number}.test"})
    return one.model_copy(update={"slug": f"s{number}", "hosts": (named,), "wave": 1 if number < 4 else 2})


def told(fleet: Fleet, *plans: Outcome, **more: Any) -> Outlook:
    outcomes = {f"h{number}.test": one for number, one in enumerate(plans)}
    return outlook(fleet, tuple(fleet.hosts()), outcomes, Limits(**more))


def test_hosts_are_counted_wave_by_wave(fleet: Fleet) -> None:
    waves = told(fleet, plan(MOTD), BARE, plan(), UNREACHABLE, plan(MOTD), plan()).waves
    assert (waves[0].changing, waves[0].bare) == (("h0.test",), ("h1.test",))
    assert (waves[0].unchanged, waves[0].failing) == (("h2.test",), ("h3.test",))
    assert (waves[1].changing, waves[1].unchanged) == (("h4.test",), ("h5.test",))


def test_a_change_that_is_the_same_everywhere_is_shown_once(fleet: Fleet) -> None:
    groups = told(fleet, plan(MOTD), plan(OURS, MOTD), plan(), plan(), plan(MOTD), plan()).groups
    assert [(one.hosts, one.changes) for one in groups] == [
        (("h0.test", "h1.test", "h4.test"), (MOTD,)),
        (("h1.test",), (OURS,)),
    ]


def test_what_goes_too_far_on_one_host_is_named_until_it_is_allowed(fleet: Fleet) -> None:
    plans = (plan(), plan(DOVECOT), plan(), plan(), plan(), plan())
    assert told(fleet, *plans).refused == ("h1.test stops for good: dovecot.service (--allow services)",)
    assert told(fleet, *plans, allow=frozenset({"services"})).refused == ()


def test_too_large_a_share_of_the_hosts_that_serve_is_refused(fleet: Fleet) -> None:
    at_once = (plan(MOTD),) * 4
    assert told(fleet, *at_once, plan(), plan()).refused == (
        "wave 1 changes 4 hosts at once that serve now, and 3 are the most (--allow share)",
    )
    assert told(fleet, *at_once, plan(), plan(), allow=frozenset({"share"})).refused == ()
    assert told(fleet, BARE, BARE, BARE, BARE, plan(MOTD), plan(MOTD)).refused == ()
