"""What a signed list says: strict in its structure, patient with dirty values, exact in what it gives."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import signed_lists as lists
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signed_lists import DAY, LINES, NOW, NS, dn, refused, signed, tree, understood, written

from vaguemestre.host.trust.dn import key
from vaguemestre.host.trust.whitelist import WhiteListError
from vaguemestre.lab.listing import Line, compose, national_size, sign


def test_a_domain_may_have_several_names_and_a_name_several_domains() -> None:
    lines = (Line("a.test", dn(1)), Line("a.test", dn(2)), Line("b.test", dn(1)))
    found = understood(signed(lines))
    assert found.pairs() == {("a.test", key(dn(1))), ("a.test", key(dn(2))), ("b.test", key(dn(1)))}
    assert found.domains() == {"a.test", "b.test"}


def test_doubled_lines_and_other_spellings_are_one_pair() -> None:
    lines = (Line("a.test", dn(1)), Line("A.test ", dn(1).replace(",", ", ")), Line("a.test", dn(1)))
    found = understood(signed(lines))
    assert len(found.entries) == 3
    assert len(found.pairs()) == 1


def test_a_child_of_a_listed_domain_is_not_listed_by_that() -> None:
    assert understood(signed((Line("a.test", dn(1)),))).domains() == {"a.test"}


def test_dirty_values_are_lived_with() -> None:
    line = Line("\u00a0UC-Fictif.mssante.test \n", dn(1), "Deux\n lignes", updated="bientôt")
    (entry,) = understood(signed((line,))).entries
    assert entry.domain == "uc-fictif.mssante.test"
    assert entry.description == "Deux lignes"
    assert entry.updated is None
    assert entry.dn == dn(1)


def test_an_international_domain_is_held_as_a_labels() -> None:
    assert understood(signed((Line("Hôpital.mssante.test", dn(1)),))).domains() == {"xn--hpital-ixa.mssante.test"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (Line("pas un domaine", dn(1)), "no domain"),
        (Line("", dn(1)), "no domain"),
        (Line("192.0.2.7", dn(1)), "IP address"),
        (Line("a.test", "relais"), "no type"),
        (Line("a.test", ""), "no type"),
        (Line("a.test", "CN=a,O=B, C"), "no type"),
    ],
)
def test_an_unusable_entry_is_skipped_and_said(line: Line, why: str) -> None:
    found = understood(signed((LINES[0], line, LINES[1])))
    assert [one.domain for one in found.entries] == [LINES[0].domain, LINES[1].domain]
    (skipped,) = found.skipped
    assert skipped.number == 2
    assert why in skipped.reason


def test_a_list_without_one_usable_entry_is_refused() -> None:
    assert refused(signed(())) == "empty"
    assert refused(signed((Line("", ""),))) == "empty"


def test_the_dates_are_utc() -> None:
    root = tree(compose(LINES, NOW))
    root[0].text = f"{NOW:%Y-%m-%dT%H:%M:%S}+00:00"
    assert understood(sign(written(root), lists.signer())).generated == NOW


@pytest.mark.parametrize("text", ["", "hier", "2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "0"])
def test_a_list_without_a_date_is_refused(text: str) -> None:
    root = tree(compose(LINES, NOW))
    root[0].text = text
    assert refused(sign(written(root), lists.signer())) == "no_date"


def test_a_list_of_the_future_is_refused() -> None:
    assert refused(signed(LINES, NOW + DAY)) == "future"


def _swapped(root: Any) -> None:
    entry = root[1][0]
    entry.insert(0, entry[2])


def _missing(root: Any) -> None:
    root[1][0].remove(root[1][0][4])


def _doubled(root: Any) -> None:
    root[1][0].append(deepcopy(root[1][0][0]))


def _nested(root: Any) -> None:
    etree.SubElement(root[1][0][0], f"{NS}Nom").text = "pirate.test"


def _instruction(root: Any) -> None:
    root[1][0][0].append(etree.ProcessingInstruction("pirate"))


def _stranger(root: Any) -> None:
    etree.SubElement(root[1], f"{NS}Autre")


def _without_namespace(root: Any) -> None:
    etree.SubElement(root[1][0], "Nom").text = "pirate.test"


def _text_between(root: Any) -> None:
    root[1][0][0].tail = "pirate.test"


def _entry_outside(root: Any) -> None:
    root.insert(1, deepcopy(root[1][0]))


def _no_list(root: Any) -> None:
    root.remove(root[1])


def _two_dates(root: Any) -> None:
    root.insert(0, deepcopy(root[0]))


@pytest.mark.parametrize(
    "change",
    [_swapped, _missing, _doubled, _nested, _instruction, _stranger, _without_namespace, _text_between,
     _entry_outside, _no_list, _two_dates],
)  # fmt: skip
def test_another_structure_is_refused_however_well_signed(change: Callable[[Any], None]) -> None:
    root = tree(compose(LINES, NOW))
    change(root)
    assert refused(sign(written(root), lists.signer())) == "structure"


def test_blanks_between_elements_are_no_structure() -> None:
    root = tree(compose(LINES, NOW))
    etree.indent(root)
    assert understood(sign(written(root), lists.signer())).entries == understood(signed()).entries


def test_a_list_as_large_and_as_dirty_as_the_nation_s_is_read_whole() -> None:
    lines = national_size(1500, seed=7)
    found = understood(signed(lines), max_bytes=4 << 20)
    assert len(found.entries) == 1500
    assert not found.skipped
    spellings = {one.dn for one in found.entries}
    names = {one.key for one in found.entries}
    assert len(spellings) > len(names) > 200
    assert len(found.pairs()) < 1500


def test_the_same_seed_makes_the_same_list() -> None:
    assert national_size(300, seed=1) == national_size(300, seed=1) != national_size(300, seed=2)


CHANGES = st.tuples(st.integers(0, 10_000), st.binary(min_size=0, max_size=12), st.integers(0, 12))


@given(st.lists(CHANGES, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_alteration_is_ever_taken_for_what_was_signed(changes: list[tuple[int, bytes, int]]) -> None:
    xml = signed()
    for at, piece, removed in changes:
        at %= len(xml)
        xml = xml[:at] + piece + xml[at + removed :]
    try:
        found = understood(xml)
    except WhiteListError:
        return
    assert replace(found, digest="") == replace(understood(signed()), digest="")
