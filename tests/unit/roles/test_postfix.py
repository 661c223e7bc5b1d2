"""Role postfix: who may write to whom, as lists of rules in the order in which they are asked."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from golden.hosts import context

from roles import pki, postfix, postfix_trust
from vaguemestre.release import File, Unit

SMALLEST = context("smallest", "mail")
FULLEST = context("fullest", "mail.ch-lens")
EDGE = postfix_trust.edge("/socket")
SUBMISSION = postfix_trust.submission("/socket")
LISTS = [getattr(door, name) for door in (EDGE, SUBMISSION) for name in ("client", "sender", "relay", "recipient")]


def index(rules: tuple[str, ...], words: str) -> int:
    return next(number for number, rule in enumerate(rules) if words in rule)


@pytest.mark.parametrize("rules", LISTS)
def test_what_no_rule_lets_through_is_refused(rules: tuple[str, ...]) -> None:
    assert rules[-1] == "reject"


@pytest.mark.parametrize("rules", LISTS)
def test_nobody_is_trusted_for_an_address_or_a_name(rules: tuple[str, ...]) -> None:
    assert not {rule for rule in rules if rule.startswith(("permit_mynetworks", "permit_inet", "permit_mx_backup"))}


def test_on_the_edge_a_verified_certificate_is_all_that_lets_a_client_speak() -> None:
    assert [rule for rule in EDGE.client if rule.startswith("permit")] == ["permit_tls_all_clientcerts"]


def test_on_the_edge_our_own_domains_are_refused_before_the_space_is_asked() -> None:
    own, space = index(EDGE.sender, postfix_trust.OWN), index(EDGE.sender, postfix_trust.SPACE)
    assert own < space


def test_the_edge_takes_mail_for_our_mailboxes_only() -> None:
    assert EDGE.relay[0] == "permit_auth_destination"
    assert not [rule for rule in EDGE.relay[1:] if rule.startswith("permit")]
    assert not [rule for rule in EDGE.recipient if postfix_trust.SPACE in rule]


def test_a_login_is_needed_before_anything_else_at_submission() -> None:
    for rules in (SUBMISSION.client, SUBMISSION.relay):
        assert rules == ("permit_sasl_authenticated", "reject")
    assert SUBMISSION.sender[0] == "reject_sender_login_mismatch"


def test_a_closed_mailbox_is_named_as_such_before_it_is_called_unknown() -> None:
    for door in (EDGE, SUBMISSION):
        assert index(door.recipient, "closed.cf") < index(door.recipient, "reject_unlisted_recipient")


def test_the_texts_of_refusals_are_ascii_and_fit_one_line_of_smtp() -> None:
    texts = [value for name, value in vars(postfix_trust).items() if name.isupper() and str(value).startswith("5.")]
    assert len(texts) == 6
    assert all(text.isascii() and len(f"550 {text}\r\n") <= 512 for text in texts)  # RFC 5321 section 4.5.3.1.5


def test_members_are_the_domains_of_others_with_the_names_of_their_certificates() -> None:
    peers = {
        "ours.test": ("mail.ours.test",),
        "theirs.test": ("mx1.theirs.test", "mx2.theirs.test"),
        "unproven.test": (),
    }
    assert postfix_trust.members(peers, own=("ours.test",)) == (
        postfix_trust.Member("theirs.test", "secure match=mx1.theirs.test:mx2.theirs.test"),
    )


def test_an_operator_alone_can_write_to_nobody_outside_itself() -> None:
    table = next(item for item in postfix.items(SMALLEST) if item.key == postfix_trust.SPACE)
    assert isinstance(table, File)
    assert not [line for line in table.content.decode().splitlines() if not line.startswith("#")]


def test_hosted_domains_belong_to_their_operator_and_not_to_the_space_of_others() -> None:
    members = {one.domain for one in postfix_trust.members(FULLEST.peers, FULLEST.domains)}
    assert "les-tilleuls.mssante.test" in FULLEST.domains
    assert members == {"clinique-iles.mssante.test"}


@pytest.mark.parametrize("mib", [1, 10, 25, 100])
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
    assert {postfix_trust.SPACE, pki.CHAIN, pki.KEY, pki.ANCHORS} <= set(unit.inputs) - set(unit.restart_on)
