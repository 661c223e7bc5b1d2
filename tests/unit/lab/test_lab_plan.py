"""A plan that cannot be built says all that is wrong; one that can be moved keeps its host parts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from vaguemestre.lab import Guest, LabError, MailDomain, Peer, Plan
from vaguemestre.lab.plan import check_instance

PLAN = Plan(
    name="unit",
    network=IPv4Network("10.83.0.0/24"),
    guests=(
        Guest("mail.lens.test", IPv4Address("10.83.0.11")),
        Guest("a.test", IPv4Address("10.83.0.201"), image="bare"),
    ),
    domains=(MailDomain("lens.test", ("mail.lens.test",)),),
)


def test_a_sound_plan_passes() -> None:
    PLAN.check()


def test_moving_keeps_host_parts() -> None:
    moved = PLAN.moved(IPv4Network("10.83.7.0/24"))
    assert [str(guest.address) for guest in moved.guests] == ["10.83.7.11", "10.83.7.201"]
    assert moved.moved(PLAN.network) == PLAN


def test_all_faults_are_named_at_once() -> None:
    guests = (
        Guest("mail.lens.test", IPv4Address("10.83.0.11")),
        Guest("mail.lens.test", IPv4Address("10.83.0.2")),
        Guest("world.test", IPv4Address("10.84.0.1")),
        Guest("not a name", IPv4Address("10.83.0.11")),
    )
    with pytest.raises(LabError) as caught:
        replace(PLAN, guests=guests).check()
    said = str(caught.value)
    for fault in (
        "named twice",
        "address of world",
        "not in 10.83.0.0/24",
        "belongs to the lab",
        "address of mail.lens",
    ):
        assert fault in said


def test_a_network_too_small_for_the_lab_is_refused() -> None:
    with pytest.raises(LabError, match="too small"):
        replace(PLAN, network=IPv4Network("10.83.0.0/30"), guests=()).check()


@pytest.mark.parametrize("name", ["", "Lab", "1lab", "a/b", "../x", "a" * 32])
def test_a_name_that_could_not_be_a_directory_and_a_bridge_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot name a lab"):
        check_instance(name)


def test_peers_keep_their_place_and_meet_nobody() -> None:
    sound = replace(PLAN, peers=(Peer("mx.peer.test", 100), Peer("mx2.peer.test", 199)))
    sound.check()
    taken = replace(PLAN.guests[0], address=IPv4Address("10.83.0.100"))
    with pytest.raises(LabError) as caught:
        replace(
            sound,
            guests=(taken,),
            peers=(*sound.peers, Peer("mx3.peer.test", 199), Peer("mx4.peer.test", 99), Peer("mail.lens.test", 101)),
        ).check()
    said = str(caught.value)
    for fault in ("address of mail.lens.test", "address of mx2.peer.test", "99 is not a place", "named twice"):
        assert fault in said
