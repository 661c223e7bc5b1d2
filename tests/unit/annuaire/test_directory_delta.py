"""What is different becomes what is written: made of what is there, so a second time costs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from entries import DOCTOR, TEAM
from hypothesis import given
from hypothesis import strategies as st

from vaguemestre.host.annuaire.churn import Change, Difference, differences
from vaguemestre.host.annuaire.delta import (
    Add,
    Delete,
    Done,
    Modify,
    Operation,
    batches,
    foreign,
    mark,
    removing,
    wanted,
    writing,
)
from vaguemestre.host.annuaire.digest import Record
from vaguemestre.host.annuaire.entry import Attributes, entry

ENTRY = entry(DOCTOR.mailbox)
ADDRESS = DOCTOR.address


@dataclass
class Tree:
    """Entries by address, changed as slapd changes them."""

    entries: dict[str, Attributes] = field(default_factory=dict)

    def do(self, one: Operation) -> None:
        address = one.name.partition(",")[0].removeprefix("mail=")
        if isinstance(one, Add):
            assert address not in self.entries
            self.entries[address] = dict(one.attributes)
        elif isinstance(one, Modify):
            changed = {**self.entries[address], **{name: list(texts) for name, texts in one.attributes.items()}}
            self.entries[address] = {name: texts for name, texts in changed.items() if texts}
        else:
            self.entries.pop(address, None)


def test_an_entry_that_is_not_there_is_added() -> None:
    (add,) = writing([ENTRY], {})
    assert isinstance(add, Add)
    assert add.attributes == ENTRY


def test_an_entry_that_is_right_costs_nothing_whatever_the_order_of_its_values() -> None:
    turned = {name: list(reversed(texts)) for name, texts in ENTRY.items()}
    assert list(writing([ENTRY], {ADDRESS: turned})) == []


def test_only_what_changed_is_written_and_what_is_no_longer_said_goes() -> None:
    before = entry(DOCTOR._replace(speciality="", speciality_label="", service="Bloc").mailbox)
    (change,) = writing([ENTRY], {ADDRESS: before})
    assert isinstance(change, Modify)
    assert {"vgmFingerprint", "vgmSpeciality", "title", "ou"} <= set(change.attributes)
    assert not {"mail", "sn", "givenName", "postalCode"} & set(change.attributes)
    assert list(change.attributes["ou"]) == []


mailboxes = st.dictionaries(
    st.integers(0, 12).map(lambda one: f"m{one}@clinique.mssante.test"), st.sampled_from(["A", "B", "É"]), max_size=12
)


def made(listed: dict[str, str]) -> dict[str, Attributes]:
    return {one: entry(DOCTOR._replace(address=one, family_name=name).mailbox) for one, name in listed.items()}


def digest_of(entries: dict[str, Attributes]) -> list[Record]:
    return sorted(Record(one, texts["vgmFingerprint"][0]) for one, texts in entries.items())


def operations(there: dict[str, Attributes], aim: dict[str, Attributes]) -> list[Operation]:
    todo = wanted(differences(digest_of(there), digest_of(aim)))
    assert todo is not None
    return [*writing((aim[one] for one in sorted(todo.put)), there), *removing(todo.drop)]


def plain(entries: dict[str, Attributes]) -> dict[str, dict[str, set[str]]]:
    return {one: {name: set(texts) for name, texts in entry.items()} for one, entry in entries.items()}


@pytest.mark.slow
@given(mailboxes, mailboxes, st.integers(0, 30))
def test_killed_anywhere_and_run_again_the_tree_is_what_was_wanted(
    before: dict[str, str], after: dict[str, str], until: int
) -> None:
    tree, aim = Tree(made(before)), made(after)
    for one in operations(tree.entries, aim)[:until]:
        tree.do(one)
    for one in operations(tree.entries, aim):
        tree.do(one)
    assert plain(tree.entries) == plain(aim)
    assert operations(tree.entries, aim) == []


def test_what_is_ours_is_left_out() -> None:
    held = [Record("a@ours.test", "1"), Record("b@theirs.test", "2"), Record("c@sub.ours.test", "3")]
    assert [one.address for one in foreign(held, {"ours.test"})] == ["b@theirs.test", "c@sub.ours.test"]


def test_too_much_for_a_delta_is_said_after_all_was_walked_through() -> None:
    walked = []

    def many() -> list[Difference]:
        walked.append(1)
        return [Difference(f"m{one}@a.test", Change.REMOVED if one % 2 else Change.ADDED) for one in range(11)]

    assert wanted(many(), most=10) is None
    assert (exact := wanted(many(), most=11)) is not None
    assert len(exact) == 11
    assert len(exact.put) == 6


def test_the_mark_tells_another_extraction_and_other_domains_of_ours() -> None:
    assert mark("a" * 64, ["b.test", "a.test"]) == mark("a" * 64, {"a.test", "b.test"})
    assert len({mark("a" * 64, ["a.test"]), mark("b" * 64, ["a.test"]), mark("a" * 64, ["a.test", "c.test"])}) == 3


def test_refusals_are_counted_by_reason_and_nobody_is_named() -> None:
    done = Done()
    for one in (*writing([ENTRY], {}), *removing([TEAM.address])):
        done.count(one)
    done.refuse("Invalid syntax")
    done.refuse("Invalid syntax")
    assert str(done) == "1 added, 0 changed, 1 removed, 2 refused by slapd"
    assert ADDRESS not in repr(done)


@pytest.mark.parametrize("number", [0, 1, 5, 10, 11])
def test_batches_have_all_of_it_in_order(number: int) -> None:
    assert [one for batch in batches(range(number), 5) for one in batch] == list(range(number))


def test_a_removal_names_one_entry() -> None:
    assert list(removing(["o'c+b@a.test"])) == [Delete(r"mail=o'c\+b@a.test,ou=national,o=vaguemestre")]
