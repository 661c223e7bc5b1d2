"""Role dovecot: decisions that the inventory makes for it. That they work is shown on real hosts, tests/lab."""

from __future__ import annotations

from golden.hosts import context

from roles import dovecot, pki, trust
from vaguemestre.release import File, Unit

WITH_IPV6 = context("fullest", "mail.ch-lens")
WITHOUT = context("smallest", "mail")


def unit() -> Unit:
    return next(item for item in dovecot.items(WITHOUT) if isinstance(item, Unit))


def test_ipv6_is_listened_on_only_where_the_host_has_such_an_address() -> None:
    assert dovecot.listen(WITH_IPV6) == "*, ::"
    assert dovecot.listen(WITHOUT) == "*"


def test_a_mailbox_without_a_quota_of_its_own_gets_the_most_that_is_promised_to_anybody() -> None:
    promised = [one.mailboxes.quota_mib for one in WITH_IPV6.served]
    assert dovecot.quota_mib(WITH_IPV6) == max(promised) > min(promised)


def test_a_renewed_certificate_reloads_and_a_changed_configuration_restarts() -> None:
    assert unit().on_change == "reload"
    assert {pki.CHAIN, pki.KEY} <= set(unit().inputs) - set(unit().restart_on)
    assert "/etc/dovecot/dovecot.conf" in unit().restart_on


def test_only_suites_with_forward_secrecy_and_authenticated_encryption_are_offered() -> None:
    suites = dovecot.CIPHERS.split(":")
    assert all(one.startswith("ECDHE-") for one in suites)
    assert all("GCM" in one or "POLY1305" in one for one in suites)


def test_filters_send_through_the_door_that_keeps_forwarded_mail_in_the_house() -> None:
    """In the forwarder's name: a sender of another operator's would be refused there."""
    configuration = next(
        item.content.decode()
        for item in dovecot.items(WITHOUT)
        if isinstance(item, File) and "dovecot.conf" in item.path
    )
    assert f"submission_host = 127.0.0.1:{trust.NOTICES}\n" in configuration
    assert "sieve_redirect_envelope_from = recipient\n" in configuration
