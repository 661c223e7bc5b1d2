"""An establishment between two stacks: what its file says, and what each host is to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from declared import HOSTED, OPERATOR, SECOND, write
from golden.hosts import context

from roles import postfix_moving, trust
from vaguemestre import inventory
from vaguemestre.errors import InventoryError
from vaguemestre.establishment import Establishment, Fleet
from vaguemestre.host.annuaire.publication.difference import ours
from vaguemestre.host.annuaire.publication.operation import Operation
from vaguemestre.host.moving import charge, entries, mail
from vaguemestre.host.moving.layout import Charge, Way
from vaguemestre.host.moving.layout import charge as remembered
from vaguemestre.host.trust import layout
from vaguemestre.moving.course import differing

DOMAIN = "tilleuls.mssante.test"
MOVING = HOSTED + "moving_from: lens\n"
Read = Callable[[str], Fleet]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The inventory of two operators and this establishment."""
    full = "roles: [base, pki, openldap, directory, dovecot, trust, postfix, edge]"
    first, second = (one.replace("roles: [base, pki]", full) for one in (OPERATOR, SECOND))
    return lambda text: inventory.read(write(tmp_path, pasteur=first, lens=second, tilleuls=text))


def _one(fleet: Fleet, slug: str) -> Establishment:
    return next(one for one in fleet.establishments if one.slug == slug)


def test_both_stacks_serve_who_moves_between_them(read: Read) -> None:
    fleet = read(MOVING)
    for slug in ("pasteur", "lens"):
        assert _one(fleet, "tilleuls") in fleet.served_by(_one(fleet, slug))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (HOSTED + "moving_from: pasteur\n", "it is pasteur's already"),
        (HOSTED + "moving_from: nobody\n", "there is no establishment nobody"),
        (HOSTED + "moving_from: tilleuls\n", "its own stack has no host with mail"),
    ],
)
def test_who_moves_leaves_one_stack_for_another(read: Read, text: str, wrong: str) -> None:
    with pytest.raises(InventoryError, match=wrong):
        read(text)


def test_the_old_stack_sends_the_domain_away_and_the_new_one_waits_for_it() -> None:
    arriving, leaving = (
        postfix_moving.settings(context("fullest", host)) for host in ("mail.ch-lens", "mail.clinique")
    )
    assert (arriving["arriving"], arriving["leaving"]) == (["les-tilleuls.mssante.test"], [])
    assert (leaving["arriving"], leaving["leaving"]) == ([], ["les-tilleuls.mssante.test"])


def test_where_nobody_moves_there_is_nothing_of_it() -> None:
    assert list(postfix_moving.items(context("smallest", "mail"))) == []


def test_a_domain_that_is_away_is_deferred_at_the_edge_and_waits_or_follows_dns(tmp_path: Path) -> None:
    charge.tell({DOMAIN: Way.HELD, "autre.test": Way.MX}, root=tmp_path)
    assert "/@tilleuls[.]mssante[.]test$/ 451 4.3.2 " in (tmp_path / "recipients").read_text()
    routes = (tmp_path / "routes").read_text()
    assert "/@tilleuls[.]mssante[.]test$/ retry:4.3.2 " in routes
    assert "/@autre[.]test$/ smtp:autre.test\n" in routes


def test_a_domain_that_closes_is_deferred_at_the_edge_and_still_delivered_here(tmp_path: Path) -> None:
    charge.tell({}, deferred=[DOMAIN], root=tmp_path)
    assert "451 4.3.2" in (tmp_path / "recipients").read_text()
    assert (tmp_path / "routes").read_text() == ""


def test_what_is_remembered_is_read_again(tmp_path: Path) -> None:
    gone = Charge({}).ours("autre.test").gone(DOMAIN, Way.HELD)
    charge.remember(gone, root=tmp_path)
    assert remembered(tmp_path) == gone
    assert DOMAIN not in remembered(tmp_path).ours(DOMAIN).away


def test_a_stack_says_nothing_to_the_nation_of_a_domain_that_is_away() -> None:
    operation = Operation("delete", f"anne@{DOMAIN}", None, None, urgent=False, sure=True)
    assert ours([operation], {DOMAIN}) == ()
    assert ours([operation], set()) == (operation,)


def test_the_trust_daemon_leaves_late_mail_to_postfix_and_leads_nobody_of_such_a_domain_anywhere() -> None:
    rendered = trust.settings(context("fullest", "mail.clinique"))
    known = layout._without({"les-tilleuls.mssante.test"}, layout.parse(rendered))
    assert "les-tilleuls.mssante.test" in known.own_domains
    assert known.houses is not None
    assert "les-tilleuls.mssante.test" not in known.houses


def _entry(state: str, **more: str) -> entries.Entry:
    return {"vgmState": [state.encode()], **{key: [value.encode()] for key, value in more.items()}}


def test_an_open_mailbox_travels_asleep_and_others_as_they_are() -> None:
    assert entries.state(entries._asleep(_entry("active"))) == "suspended"
    assert entries._asleep(_entry("closed")) == _entry("closed")


def test_a_mailbox_that_sleeps_for_the_move_is_told_as_it_was_before() -> None:
    asleep = entries._asleep(_entry("active", vgmStateSince="20260101000000Z"))
    assert entries._as_before(asleep, ["active", "20260101000000Z", ""]) == _entry(
        "active", vgmStateSince="20260101000000Z"
    )


def test_who_was_suspended_before_stays_so() -> None:
    before = _entry("suspended", vgmStateBy="import")
    assert entries._as_before(before, ["active", "", ""]) == before


def test_entries_survive_their_journey() -> None:
    there = {"a@b.test": {"userPassword": [b"{ARGON2}\xff"], "mail": [b"a@b.test"]}}
    assert entries.understood(entries.spelt(there)) == there


def test_a_secretariat_that_stays_behind_is_named() -> None:
    found = {f"anne@{DOMAIN}": _entry("active", vgmSecretariat="bureau@lens.test")}
    assert entries.strangers(found, {DOMAIN}) == ["bureau@lens.test"]
    assert entries.strangers(found, {DOMAIN, "lens.test"}) == []


def test_two_hosts_hold_the_same_when_every_folder_counts_the_same() -> None:
    table = "Username\tmailbox\tmessages\tvsize\tuidvalidity\tuidnext\na@b.test\tINBOX\t3\t900\t17\t9\n"
    here = mail.parsed(table)
    assert here == {"a@b.test": {"INBOX": [3, 900, 17, 9]}}
    assert differing(here, mail.parsed(table + "a@b.test\tJunk\t0\t0\t18\t1\n")) == []
    assert differing(here, {"a@b.test": {"INBOX": [3, 900, 17, 10]}}) == ["a@b.test"]
    assert differing(here, {}) == ["a@b.test"]
