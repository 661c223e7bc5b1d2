"""Role postfix: who may write to whom, as lists of rules in the order in which they are asked."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest
from golden.hosts import context

from roles import pki, postfix, postfix_trust
from vaguemestre.context import Context
from vaguemestre.host.redlist.keeper import HANDED
from vaguemestre.release import File, Unit

SMALLEST = context("smallest", "mail")
FULLEST = context("fullest", "mail.ch-lens")
EDGE = postfix_trust.edge("/socket")
SUBMISSION = postfix_trust.submission("/socket")
INSIDE = postfix_trust.inside("/socket", red_list=False)
GUARDED = postfix_trust.inside("/socket", red_list=True)
DOORS = (EDGE, SUBMISSION, INSIDE, GUARDED)
LISTS = [rules for one in DOORS for rules in (one.client, one.sender, one.relay, one.recipient) if rules]
PERMITS = ("permit_sasl_authenticated", "permit_auth_destination")


def index(rules: tuple[str, ...], words: str) -> int:
    return next(number for number, rule in enumerate(rules) if words in rule)


def text(path: str) -> str:
    return next(
        item.content.decode() for item in postfix.items(FULLEST) if isinstance(item, File) and item.path == path
    )


@pytest.mark.parametrize("rules", LISTS)
def test_what_no_rule_lets_through_is_refused(rules: tuple[str, ...]) -> None:
    """The edge's senders are the daemon's to judge: it refuses, or there is nothing left to ask."""
    assert rules == (postfix_trust.POLICY,) or rules[-1] == "reject"


@pytest.mark.parametrize("rules", LISTS)
def test_nobody_is_trusted_for_a_name(rules: tuple[str, ...]) -> None:
    assert not {rule for rule in rules if rule.startswith(("permit_inet", "permit_mx_backup"))}


def test_only_this_machines_own_door_trusts_an_address() -> None:
    assert [one.door for one in DOORS if "permit_mynetworks" in str(one)] == ["inside", "inside"]


def test_the_daemon_is_asked_about_every_sender_on_the_edge_and_every_stranger_elsewhere() -> None:
    assert EDGE.sender == (postfix_trust.POLICY,)
    for door in (SUBMISSION, INSIDE, GUARDED):
        assert index(door.recipient, postfix_trust.POLICY) < len(door.recipient) - 2


def test_the_red_list_is_asked_of_mailboxes_that_exist_before_their_quota() -> None:
    for door in (EDGE, SUBMISSION, GUARDED):
        exists, asked = index(door.recipient, "reject_unlisted"), index(door.recipient, postfix_trust.POLICY)
        assert exists < asked < index(door.recipient, "/socket")


def test_what_this_machine_tells_people_here_does_not_wait_for_the_daemon_it_may_be_about() -> None:
    ours, asked = index(INSIDE.recipient, "permit_auth_destination"), index(INSIDE.recipient, postfix_trust.POLICY)
    assert ours < asked
    assert "smtpd_milters" not in _door(SMALLEST, "10587")


def test_filters_meet_the_red_list_where_colleagues_do_not_write_directly() -> None:
    assert len(FULLEST.served) > 1
    assert "smtpd_milters=unix:" in _door(FULLEST, "10587")
    assert "milter_macro_daemon_name=inside\n" in _door(FULLEST, "10587")
    stern = SMALLEST.establishment.model_copy(
        update={"redlist": SMALLEST.establishment.redlist.model_copy(update={"own_staff_direct": False})}
    )
    assert not postfix.protected_from_colleagues(SMALLEST)
    assert postfix.protected_from_colleagues(replace(SMALLEST, establishment=stern, served=(stern,)))


def _door(host: Context, port: str) -> str:
    """The lines of one service in master.cf."""
    master = next(one for one in postfix.items(host) if one.key == "/etc/postfix/master.cf")
    assert isinstance(master, File)
    return re.search(rf"^[0-9.]*:{port} .*\n(?:    .*\n)*", master.content.decode(), re.MULTILINE)[0]  # type: ignore[index]


def test_nothing_comes_between_a_mailbox_and_its_rules() -> None:
    for door in DOORS:
        first = next(number for number, rule in enumerate(door.recipient) if rule in PERMITS)
        assert index(door.recipient, "/socket") < first


def test_the_edge_takes_mail_for_our_mailboxes_only() -> None:
    assert EDGE.relay[0] == "permit_auth_destination"
    assert not [rule for rule in EDGE.relay[1:] if rule.startswith("permit")]
    assert [rule for rule in EDGE.recipient if rule.startswith("permit")] == ["permit_auth_destination"]


def test_a_login_is_needed_before_anything_else_at_submission() -> None:
    for rules in (SUBMISSION.client, SUBMISSION.relay):
        assert rules == ("permit_sasl_authenticated", "reject")
    assert SUBMISSION.sender[:2] == (f"check_sasl_access {postfix_trust.LOGINS}", "reject_sender_login_mismatch")


def test_a_closed_mailbox_is_named_as_such_before_it_is_called_unknown() -> None:
    for door in DOORS:
        assert index(door.recipient, "closed.cf") < index(door.recipient, "reject_unlisted_recipient")


def test_what_a_filter_forwards_bears_a_sender_of_ours_and_stays_in_our_domains() -> None:
    assert index(INSIDE.sender, postfix_trust.OWN) < index(INSIDE.sender, postfix_trust.NOT_FORWARDED)
    beyond = INSIDE.relay[1:]
    assert [rule for rule in beyond if "<>" in rule] == [beyond[0]], "but for answers, which have no sender"


def test_the_texts_of_refusals_are_ascii_and_fit_one_line_of_smtp() -> None:
    texts = [value for name, value in vars(postfix_trust).items() if name.isupper() and str(value).startswith("5.")]
    assert len(texts) == 4
    assert all(one.isascii() and len(f"550 {one}\r\n") <= 512 for one in texts)  # RFC 5321 section 4.5.3.1.5


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("a@ch-lens.mssante.test", True),
        ("a@CH-LENS.mssante.test", True),
        ("a@sous.ch-lens.mssante.test", False),
        ("a@ch-lensxmssante.test", False),
        ("a@ch-lens.mssante.test.example", False),
        ("ch-lens.mssante.test", False),
    ],
)
def test_our_own_addresses_are_routed_without_the_daemon_and_nobody_elses(address: str, ours: bool) -> None:
    assert len(_routes()) == 2 * len(FULLEST.domains)
    assert _way(address) == ("lmtp" if ours else "")
    assert postfix_trust.TRANSPORT[0] == f"regexp:{postfix_trust.ROUTES}"


@pytest.mark.parametrize("word", HANDED.values())
def test_what_goes_to_a_secretariat_takes_its_own_way_to_dovecot(word: str) -> None:
    assert _way(f"a{word}@ch-lens.mssante.test") == "secretariat"
    assert _way(f"a{word}@elsewhere.test") == ""


def _routes() -> list[tuple[str, str]]:
    lines = [line.split(" ", 1) for line in text(postfix_trust.ROUTES).splitlines() if line.startswith("/")]
    return [(pattern.strip("/"), way.partition(":")[0]) for pattern, way in lines]


def _way(address: str) -> str:
    """The first that fits, as Postfix reads it (regexp_table(5))."""
    return next((way for pattern, way in _routes() if re.search(pattern, address, re.IGNORECASE)), "")


def test_nginx_alone_may_say_for_whom_it_speaks() -> None:
    lines = [line for line in text("/etc/postfix/master.cf").splitlines() if "smtpd_authorized_xclient_hosts" in line]
    assert lines == ["    -o smtpd_authorized_xclient_hosts=127.0.0.1"]
    assert "smtpd_authorized_xclient_hosts" not in text("/etc/postfix/main.cf")


def test_every_door_of_master_cf_names_all_its_rules() -> None:
    master = text("/etc/postfix/master.cf")
    for door in DOORS:
        for kind in ("client", "sender", "relay", "recipient"):
            assert f"-o smtpd_{kind}_restrictions=${door.door}_{kind}_restrictions\n" in master


@pytest.mark.parametrize("mib", [1, 10, 25])
def test_the_declared_size_fits_in_base64_and_a_percent_more_does_not(mib: int) -> None:
    limit = postfix.size_limit(mib)
    assert _on_the_wire(mib * postfix.MIB) <= limit
    assert _on_the_wire(int(mib * postfix.MIB * 1.07) + postfix.HEADERS) > limit


def _on_the_wire(attachment: int) -> int:
    return len(base64.encodebytes(bytes(attachment)).replace(b"\n", b"\r\n"))


def test_the_most_generous_establishment_decides_how_large_a_message_may_be() -> None:
    assert postfix.size_mib(FULLEST) == max(one.mailboxes.message_size_mib for one in FULLEST.served) == 25


def test_every_domain_has_its_postmaster_and_abuse_desk() -> None:
    addresses = postfix.role_addresses(("a.test", "b.test"))
    assert {"postmaster@a.test", "abuse@a.test", "postmaster@b.test", "abuse@b.test"} <= set(addresses)


def test_postfix_reads_ipv6_only_where_the_host_has_it() -> None:
    def protocols(address6: object) -> str:
        host = SMALLEST.host.model_copy(update={"address6": address6})
        main = next(one for one in postfix.items(replace(SMALLEST, host=host)) if one.key == "/etc/postfix/main.cf")
        assert isinstance(main, File)
        return next(line for line in main.content.decode().splitlines() if line.startswith("inet_protocols"))

    assert protocols(None) == "inet_protocols = ipv4"
    assert protocols(FULLEST.host.address6) == "inet_protocols = all"


def test_what_a_reload_would_ignore_restarts_and_tables_and_certificates_reload() -> None:
    unit = next(item for item in postfix.items(SMALLEST) if isinstance(item, Unit))
    assert {"/etc/postfix/main.cf", "/etc/postfix/master.cf"} <= set(unit.restart_on)
    assert {postfix_trust.ROUTES, pki.CHAIN, pki.KEY, pki.ANCHORS} <= set(unit.inputs) - set(unit.restart_on)
