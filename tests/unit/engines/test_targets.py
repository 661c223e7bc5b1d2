"""Which hosts a command means, and how each is reached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from golden.hosts import HERE

from vaguemestre import inventory
from vaguemestre.engines.targets import SelectionError, select, target
from vaguemestre.establishment import Fleet


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return inventory.read(HERE / "inventories" / "fullest")


def test_no_name_means_every_host_in_rollout_order(fleet: Fleet) -> None:
    assert select(fleet) == tuple(fleet.hosts())


def test_an_establishment_means_all_its_hosts(fleet: Fleet) -> None:
    first = next(fleet.hosts())[0]
    assert [host.name for _, host in select(fleet, [first.slug])] == [host.name for host in first.hosts]


def test_a_host_is_meant_by_its_name(fleet: Fleet) -> None:
    *_, (_, last) = fleet.hosts()
    assert [host.name for _, host in select(fleet, [last.name])] == [last.name]


def test_a_name_given_twice_means_its_hosts_once(fleet: Fleet) -> None:
    establishment, host = next(fleet.hosts())
    both = select(fleet, [establishment.slug, host.name])
    assert len(both) == len(establishment.hosts)


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(fleet: Fleet) -> None:
    slug = next(fleet.hosts())[0].slug
    with pytest.raises(SelectionError, match=f"did you mean {slug}"):
        select(fleet, [slug[:-1]])


def test_an_inventory_without_hosts_says_so(fleet: Fleet) -> None:
    with pytest.raises(SelectionError, match="no host"):
        select(replace(fleet, establishments=()))


def test_files_of_the_inventory_are_given_as_absolute_paths(fleet: Fleet) -> None:
    establishment, host = next(fleet.hosts())
    ssh = establishment.settings.ssh.model_copy(update={"key": Path("ssh/key"), "known_hosts": None})
    settings = establishment.settings.model_copy(update={"ssh": ssh})
    reached = target(fleet, establishment.model_copy(update={"settings": settings}), host)
    assert reached.key == str(fleet.root.resolve() / "ssh/key")
    assert reached.known_hosts is None
    assert (reached.address, reached.port) == (str(host.address), host.ssh_port)
