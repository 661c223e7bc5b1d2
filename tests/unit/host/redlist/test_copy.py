"""The live copy of our mailboxes: what of an entry counts, how old it may be, whose secretariat is in trouble."""

from __future__ import annotations

import pytest

from vaguemestre.host.redlist import copy
from vaguemestre.host.redlist.copy import Copy, Entry


def entry(address: str, state: str = "active", redlist: str = "none", **more: str) -> Entry:
    values = {"mail": address, "vgmState": state, "vgmRedList": redlist, **more}
    return {name: [value.encode()] for name, value in values.items() if value}


def protected(address: str, secretariat: str, state: str = "active") -> Entry:
    return entry(address, state, "secretariat", vgmSecretariat=secretariat)


@pytest.fixture
def here() -> Copy:
    made = Copy()
    for one in (entry("desk@ici.test"), protected("anne@ici.test", "Desk@ici.test")):
        made.take(one)
    made.confirm()
    return made


def test_a_copy_is_the_directorys_state_for_some_seconds(here: Copy) -> None:
    assert here.known()
    assert not Copy().known()
    here._read -= copy.GOOD_FOR
    assert not here.known()


def test_a_change_is_taken_over_and_counted(here: Copy) -> None:
    before = here.changes
    here.take(entry("desk@ici.test"))
    assert here.changes == before
    here.take(entry("desk@ici.test", "closed"))
    assert here.changes == before + 1
    assert here.box("desk@ici.test").state == "closed"  # type: ignore[union-attr]


def test_what_the_directory_no_longer_has_is_forgotten(here: Copy) -> None:
    here.forget({"anne@ici.test"})
    assert here.box("anne@ici.test") is None
    assert len(here) == 1


def test_mailboxes_that_are_alike_share_one_value() -> None:
    many = Copy()
    for number in range(1000):
        many.take(entry(f"b{number}@ici.test"))
    assert len({id(many.box(f"b{number}@ici.test")) for number in range(1000)}) == 1


def test_those_whose_secretariat_cannot_receive_are_told(here: Copy) -> None:
    assert list(here.troubled()) == []
    here.take(entry("desk@ici.test", "closed"))
    here.take(protected("bruno@ici.test", "nobody@ici.test"))
    here.take(protected("gone@ici.test", "nobody@ici.test", "closed"))
    assert sorted(here.troubled()) == [
        ("anne@ici.test", "secretariat_closed"),
        ("bruno@ici.test", "secretariat_missing"),
    ]


def test_an_entry_of_an_older_release_says_nothing_of_the_red_list() -> None:
    address, box = copy.read({"mail": [b"a@ici.test"], "vgmState": [b"active"]})
    assert (address, box.redlist, box.secretariat, box.allowed) == ("a@ici.test", "", "", frozenset())
