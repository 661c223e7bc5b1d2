"""What may be asked of a mailbox's rule, and what would leave mail without a reader."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vaguemestre.host.mailboxes.bal import Mailbox, Refused
from vaguemestre.host.redlist.change import MOST_ALLOWED, Wish, changed, entry

ANNE = Mailbox("anne@ici.test", "PER", redlist="none")
DESK = Mailbox("secretariat@ici.test", "ORG", redlist="none")
HERE = {box.address: box for box in (ANNE, DESK)}


def wished(
    wish: Wish, box: Mailbox = ANNE, here: Mapping[str, Mailbox] = HERE, served: tuple[str, ...] = ()
) -> Mailbox:
    return changed(box, wish, here.get, served)


def test_a_person_goes_behind_a_secretariat_and_it_is_known_who_asked() -> None:
    after = wished(Wish("secretariat", "Secretariat@ici.test", by="holder"))
    assert (after.redlist, after.secretariat, after.redlist_by) == ("secretariat", DESK.address, "holder")


def test_what_is_so_already_is_left_as_it_is() -> None:
    after = wished(Wish("secretariat", DESK.address, notice="told"))
    assert wished(Wish("secretariat", by="holder"), after) is after
    assert wished(Wish("none"), ANNE) is ANNE


def test_the_list_of_those_who_may_grows_and_shrinks() -> None:
    first = wished(Wish("secretariat", DESK.address, allow=("Labo@Analyses.test", "@clinique.test")))
    assert first.allowed == ("@clinique.test", "labo@analyses.test")
    assert wished(Wish(disallow=("labo@analyses.test",)), first).allowed == ("@clinique.test",)
    assert wished(Wish(), first) is first


def test_the_secretariat_and_the_list_are_remembered_for_the_next_time() -> None:
    first = wished(Wish("secretariat", DESK.address, allow=("@clinique.test",)))
    open_ = wished(Wish("none"), first)
    assert wished(Wish("secretariat"), open_) == first


@pytest.mark.parametrize(
    ("desk", "words"),
    [
        (None, "is no mailbox here"),
        (Mailbox(DESK.address, "ORG", "closed", redlist="none"), "is closed"),
        (Mailbox(DESK.address, "ORG", "suspended", redlist="none"), "is suspended"),
        (Mailbox(DESK.address, "ORG", redlist="unlisted"), "is on the red list itself"),
        (Mailbox(DESK.address, "ORG", redlist="secretariat", secretariat="x@ici.test"), "is on the red list itself"),
    ],
)
def test_a_secretariat_that_cannot_be_one_is_refused(desk: Mailbox | None, words: str) -> None:
    here = {ANNE.address: ANNE, **({desk.address: desk} if desk else {})}
    with pytest.raises(Refused, match=words):
        wished(Wish("secretariat", DESK.address), here=here)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish("secret"), "is no rule of the red list"),
        (Wish("secretariat"), "which mailbox is the secretariat"),
        (Wish("secretariat", ANNE.address), "must be another one"),
        (Wish("none", by="nobody"), "holder or administrator"),
        (Wish("none", notice="loudly"), "senders are told"),
        (Wish("unlisted", allow=("nobody",)), "neither an address"),
        (Wish("unlisted", allow=("@",)), "neither an address"),
        (Wish("unlisted", allow=("",)), "empty"),
        (Wish("unlisted", allow=("a@b.test\nc@d.test",)), "neither an address"),
        (Wish("unlisted", allow=tuple(f"a{n}@b.test" for n in range(MOST_ALLOWED + 1))), "is no list"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(wish: Wish, words: str) -> None:
    with pytest.raises(Refused, match=words):
        wished(wish)


def test_a_secretariat_stays_where_everybody_finds_it() -> None:
    with pytest.raises(Refused, match=r"is the secretariat of anne@ici\.test"):
        wished(Wish("unlisted"), DESK, served=(ANNE.address,))
    assert wished(Wish("unlisted"), DESK).redlist == "unlisted"


def test_who_has_ended_is_beyond_any_rule() -> None:
    with pytest.raises(Refused, match="closed"):
        wished(Wish("unlisted"), Mailbox("anne@ici.test", "PER", "closed"))


def test_addresses_are_compared_in_one_spelling() -> None:
    assert entry(" Jean.É@Hôpital.test ".replace("É", "e")) == "jean.e@xn--hpital-ixa.test"
    assert entry("@LABO.test.") == "@labo.test"
