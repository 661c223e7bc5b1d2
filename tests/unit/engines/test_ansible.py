"""The inventory as Ansible sees it, and the waves of a rollout."""

from __future__ import annotations

import json

import pytest
from golden.hosts import HERE

from vaguemestre import inventory
from vaguemestre.engines.ansible import ansible_inventory, batches, host_pattern
from vaguemestre.engines.targets import SelectionError
from vaguemestre.establishment import Fleet

GROUPS = {"vaguemestre": ["a", "b", "c", "d"], "wave_1": ["a"], "wave_2": ["b", "c"], "wave_10": ["d"]}


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return inventory.read(HERE / "inventories" / "fullest")


def test_it_is_plain_json(fleet: Fleet) -> None:
    assert json.loads(json.dumps(ansible_inventory(fleet))) == ansible_inventory(fleet)


def test_every_host_stands_in_its_wave_its_establishment_and_its_roles(fleet: Fleet) -> None:
    told = ansible_inventory(fleet)
    for establishment, host in fleet.hosts():
        groups = {name for name, group in told.items() if host.name in group.get("hosts", ())}
        slug = establishment.slug.replace("-", "_")
        assert groups == {"vaguemestre", f"wave_{establishment.wave}", slug, *(f"role_{r.value}" for r in host.roles)}


def test_hosts_stand_in_the_order_of_the_waves(fleet: Fleet) -> None:
    told = ansible_inventory(fleet)
    waves = [told["_meta"]["hostvars"][name]["vaguemestre_wave"] for name in told["vaguemestre"]["hosts"]]
    assert waves == sorted(waves)


def test_a_host_is_reached_as_the_other_door_reaches_it_and_its_key_is_checked(fleet: Fleet) -> None:
    establishment, host = next(fleet.hosts())
    told = ansible_inventory(fleet)["_meta"]["hostvars"][host.name]
    assert told["ansible_host"] == str(host.address)
    assert told["ansible_user"] == establishment.settings.ssh.user
    assert "StrictHostKeyChecking=yes" in told["ansible_ssh_common_args"]
    assert told["ansible_host_key_checking"] is True


@pytest.mark.parametrize(
    ("hosts", "sizes"),
    [
        (["a", "b", "c", "d"], [1, 2, 1]),
        (["b", "c"], [2]),
        (["a", "c", "d"], [1, 1, 1]),
        ([], [1]),
    ],
)
def test_a_batch_is_a_wave_and_waves_count_as_numbers(hosts: list[str], sizes: list[int]) -> None:
    assert batches(GROUPS, hosts) == sizes


def test_a_group_that_only_looks_like_a_wave_is_none() -> None:
    assert batches({"wave_1": ["a"], "wave_one": ["b"], "wave_1_east": ["a"]}, ["a", "b"]) == [1]


def test_the_whole_fleet_needs_no_limit(fleet: Fleet) -> None:
    assert host_pattern(fleet, (), ()) is None


def test_a_wave_and_names_narrow_each_other(fleet: Fleet) -> None:
    establishment, host = next(fleet.hosts())
    assert host_pattern(fleet, [host.name], [establishment.wave]) == host.name
    with pytest.raises(SelectionError, match="wave 99"):
        host_pattern(fleet, [host.name], [99])
