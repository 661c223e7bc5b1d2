"""What two lists of systemctl(1) make plain of a unit, and what is left for `systemctl show`."""

from __future__ import annotations

import pytest

from vaguemestre.host.activator.facts import UnitState
from vaguemestre.host.activator.units import Loaded, loaded, plain

RUNS = Loaded("loaded", "active")
LISTED = """\
-.mount              loaded    active   mounted Root Mount
postfix.service      loaded    active   running Postfix Mail Transport Agent
broken.service       loaded    failed   failed  broken.service
home.mount           not-found inactive dead    home.mount
apt-daily.timer      masked    inactive dead    apt-daily.timer
"""


def test_a_line_a_unit() -> None:
    found = loaded(LISTED)
    assert list(found) == ["-.mount", "postfix.service", "broken.service", "home.mount", "apt-daily.timer"]
    assert found["broken.service"] == Loaded("loaded", "failed")
    assert loaded("") == {}


@pytest.mark.parametrize("file", ["enabled", "enabled-runtime", "static", "generated", "indirect", "linked"])
def test_a_unit_that_runs_and_will_again(file: str) -> None:
    assert plain(RUNS, file) == UnitState("active", enabled=True)


@pytest.mark.parametrize("file", ["disabled", "bad"])
def test_a_unit_that_runs_and_will_not_after_a_boot(file: str) -> None:
    assert plain(RUNS, file) == UnitState("active", enabled=False)


@pytest.mark.parametrize("file", ["masked", "masked-runtime"])
@pytest.mark.parametrize("unit", [None, Loaded("masked", "inactive")])
def test_a_unit_that_is_masked_and_does_not_run(unit: Loaded | None, file: str) -> None:
    assert plain(unit, file) == UnitState("inactive", masked=True)


@pytest.mark.parametrize(
    ("unit", "file"),
    [
        (None, "enabled"),  # not loaded: a oneshot that is done, or a daemon that was stopped
        (None, ""),
        (RUNS, ""),  # an instance of a template, a unit without a file
        (RUNS, "alias"),  # its file is another's
        (RUNS, "masked"),  # masked while it runs
        (Loaded("masked", "failed"), "masked"),
        (Loaded("loaded", "masked"), "enabled"),
        (Loaded("loaded", "failed"), "enabled"),
        (Loaded("loaded", "inactive"), "enabled"),
        (Loaded("loaded", "activating"), "enabled"),
        (Loaded("loaded", "reloading"), "enabled"),
        (Loaded("not-found", "active"), "enabled"),
        (Loaded("error", "active"), "enabled"),
    ],
)
def test_what_is_not_plain_is_asked_for(unit: Loaded | None, file: str) -> None:
    assert plain(unit, file) is None
