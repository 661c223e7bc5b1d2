"""The Ansible module's own decisions: the activator's answer in Ansible's terms."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

COLLECTION = Path(__file__).parents[3] / "playbooks/collections/ansible_collections/vaguemestre/mssante"
CHANGE = {"kind": "file", "key": "/etc/hostname", "action": "update", "diff": "-a\n+b\n"}
STATUS = {"result": "status", "live": "a", "expected": "a", "drift": [], "stale": [], "units": {}, "interrupted": False}


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = spec_from_file_location("module_under_test", COLLECTION / "plugins/modules/host.py")
    assert spec
    assert spec.loader
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_a_plan_with_changes_counts_as_changed_and_shows_its_diffs(module: ModuleType) -> None:
    told = module.report({"result": "plan", "release": "b", "live": "a", "changes": [CHANGE]}, diff=True)
    assert told["changed"]
    assert told["live"] == "a"
    assert told["diff"] == [{"prepared": "-a\n+b\n"}]


def test_without_diff_mode_no_diff_is_told(module: ModuleType) -> None:
    told = module.report({"result": "plan", "release": "b", "live": "a", "changes": [CHANGE]}, diff=False)
    assert "diff" not in told
    assert told["changes"] == [{"kind": "file", "key": "/etc/hostname", "action": "update"}]


def test_a_refusal_fails_with_the_activators_words(module: ModuleType) -> None:
    answer = {"result": "failed", "phase": "judge", "message": "postfix says no", "restored": True, "live": "a"}
    told = module.report(answer, diff=False)
    assert told["failed"]
    assert (told["msg"], told["phase"], told["restored"]) == ("postfix says no", "judge", True)


def test_a_host_that_is_as_it_should_be_is_verified(module: ModuleType) -> None:
    assert "failed" not in module.report(STATUS, diff=False)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"drift": [CHANGE]}, "file /etc/hostname: update"),
        ({"stale": ["nginx.service"]}, "nginx.service does not run with what is on its disk"),
        ({"units": {"slapd.service": "failed"}}, "slapd.service is failed"),
        ({"live": "0" * 64}, "release 000000000000 is live"),
        ({"live": None}, "release none is live"),
        ({"interrupted": True}, "cut short"),
    ],
)
def test_a_host_that_is_not_is_refused_with_what_is_wrong(
    module: ModuleType, wrong: dict[str, Any], words: str
) -> None:
    told = module.report(STATUS | wrong, diff=False)
    assert told["failed"]
    assert words in told["msg"]


def test_its_documentation_names_every_option(module: ModuleType) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(documented) == set(module.OPTIONS)
    assert yaml.safe_load(module.EXAMPLES)
    assert yaml.safe_load(module.RETURN)


def test_what_it_is_handed_never_shows_in_a_log(module: ModuleType) -> None:
    assert module.OPTIONS["payload"]["no_log"]
