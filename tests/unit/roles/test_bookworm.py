"""Hosts that still run Debian 12: the same operator, in the languages of its older daemons."""

from __future__ import annotations

from dataclasses import replace

import pytest
from golden.hosts import context

from vaguemestre.establishment import Debian
from vaguemestre.release import Release
from vaguemestre.synthesis import synthesise


@pytest.fixture(scope="module")
def older() -> Release:
    return synthesise(context("bookworm", "mail"))


@pytest.fixture(scope="module")
def newer() -> Release:
    """The same host after its upgrade."""
    known = context("bookworm", "mail")
    host = known.host.model_copy(update={"debian": Debian.TRIXIE})
    return synthesise(
        replace(known, host=host, establishment=known.establishment.model_copy(update={"hosts": (host,)}))
    )


def text(release: Release, path: str) -> str:
    return next(one.content.decode() for one in release.files if one.path == path)


def test_both_serve_the_same_units_probed_in_the_same_way(older: Release, newer: Release) -> None:
    assert [(one.name, one.probes) for one in older.units] == [(one.name, one.probes) for one in newer.units]


def test_what_people_have_stays_where_it_is(older: Release, newer: Release) -> None:
    assert older.directories == newer.directories
    assert older.accounts == newer.accounts
    assert older.credentials == newer.credentials


def test_only_what_the_older_daemons_read_differently_is_written_differently(older: Release, newer: Release) -> None:
    old, new = ({one.path: one.content for one in release.files} for release in (older, newer))
    assert {path for path in old.keys() & new.keys() if old[path] != new[path]} == {
        "/etc/dovecot/dovecot.conf",
        "/etc/ldap/slapd.conf",
        "/etc/postfix/main.cf",
    }
    assert new.keys() <= old.keys()


def test_the_signature_of_the_white_list_is_verified_by_what_each_debian_has(older: Release, newer: Release) -> None:
    old, new = ({one.name for one in release.packages} for release in (older, newer))
    assert old - new == {"dovecot-auth-lua", "python3-xmlsec"}
    assert new - old == {"python3-signxml"}


def test_line_ends_are_strict_though_an_older_postfix_is_not_by_itself(older: Release) -> None:
    """CVE-2023-51764: Postfix 3.7.10 can, but leaves it off."""
    settings = text(older, "/etc/postfix/main.cf").splitlines()
    assert "smtpd_forbid_bare_newline = normalize" in settings
    assert "smtpd_forbid_unauth_pipelining = yes" in settings
    assert "compatibility_level = 3.6" in settings


def test_the_address_book_takes_gnutls_words_for_the_same_ciphers(older: Release, newer: Release) -> None:
    assert "TLSCipherSuite NONE:+VERS-TLS1.3:+VERS-TLS1.2:" in text(older, "/etc/ldap/slapd.conf")
    assert "TLSCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20" in text(newer, "/etc/ldap/slapd.conf")


def test_debians_second_postfix_is_never_made(older: Release) -> None:
    place = "/etc/systemd/system-generators/postfix-instance-generator"
    assert next(one.mode for one in older.files if one.path == place) == 0o755
