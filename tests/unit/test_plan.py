"""One release against another, and what is too much to do unasked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from golden.hosts import NAMES, contexts

from vaguemestre.host.activator.plan import Change
from vaguemestre.plan import TRUST_STORE, Limits, UnsafePlanError, diff, refuse_unsafe, summary
from vaguemestre.release import Account, Credential, Directory, File, Package, Release, Unit
from vaguemestre.synthesis import synthesise

CHRONY = File("/etc/chrony/chrony.conf", b"pool ntp.test\n")
KEY = Credential("/etc/vaguemestre/tls/key.pem", "tls.key", "aa")
DAEMON = Unit("chrony.service", inputs=(CHRONY.path,))
HOST = Release(
    host="mail.example.test",
    debian="trixie",
    packages=(Package("chrony"),),
    accounts=(Account("vmail"),),
    directories=(Directory("/etc/chrony"),),
    files=(CHRONY,),
    credentials=(KEY,),
    units=(DAEMON,),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_host_that_is_as_it_should_be_has_nothing_to_change(name: str) -> None:
    for context in contexts(name):
        release = synthesise(context)
        assert diff(release, release) == ()


def test_a_bare_host_needs_everything_in_the_order_in_which_it_is_done() -> None:
    assert [(one.kind, one.action) for one in diff(None, HOST)] == [
        ("package", "install"),
        ("account", "create"),
        ("directory", "create"),
        ("file", "create"),
        ("credential", "create"),
        ("unit", "enable"),
        ("unit", "start"),
    ]


def test_a_changed_file_is_shown_and_what_reads_it_restarts() -> None:
    new = replace(HOST, files=(replace(CHRONY, content=b"pool other.test\n"),))
    assert diff(HOST, new) == (
        Change(
            "file",
            CHRONY.path,
            "update",
            f"--- {CHRONY.path}\n+++ {CHRONY.path}\n@@ -1 +1 @@\n-pool ntp.test\n+pool other.test\n",
        ),
        Change("unit", "chrony.service", "restart"),
    )


def test_a_renewed_secret_is_told_without_its_content() -> None:
    assert diff(HOST, replace(HOST, credentials=(replace(KEY, version="bb"),))) == (
        Change("credential", KEY.path, "update"),
    )


def test_a_changed_owner_is_told_as_a_change_of_mode() -> None:
    assert Change("file", CHRONY.path, "mode") in diff(HOST, replace(HOST, files=(replace(CHRONY, owner="_chrony"),)))


def test_what_a_release_no_longer_names_is_removed_and_its_daemon_stopped() -> None:
    new = replace(HOST, directories=(), files=(), units=())
    assert diff(HOST, new) == (
        Change("file", CHRONY.path, "remove"),
        Change("directory", "/etc/chrony", "remove"),
        Change("unit", "chrony.service", "remove"),
    )


REMOVED = [Change("file", f"/etc/{number}", "remove") for number in range(21)]


@pytest.mark.parametrize(
    ("change", "name", "wrong"),
    [
        (Change("unit", "dovecot.service", "remove"), "services", "stops for good: dovecot.service (--allow services)"),
        (Change("credential", KEY.path, "remove"), "secrets", f"removes the secret: {KEY.path} (--allow secrets)"),
        (
            Change("file", TRUST_STORE, "update"),
            "trust",
            "changes which national authorities are believed (--allow trust)",
        ),
        (
            Change("directory", "/var/vmail", "mode"),
            "mailboxes",
            "changes where mailboxes lie, or whose they are: /var/vmail (--allow mailboxes)",
        ),
        (
            Change(
                "file",
                "/etc/dovecot/dovecot.conf",
                "update",
                "--- x\n+++ x\n-mail_path = ~/Maildir\n+mail_path = ~/M\n",
            ),
            "mailboxes",
            "changes where mailboxes lie, or whose they are: /etc/dovecot/dovecot.conf (--allow mailboxes)",
        ),
    ],
)
def test_what_is_rarely_meant_is_refused_until_it_is_allowed_by_name(change: Change, name: str, wrong: str) -> None:
    assert Limits().crossed([change]) == (wrong,)
    assert Limits(allow=frozenset({name})).crossed([change]) == ()


def test_many_removals_are_refused_until_they_are_allowed() -> None:
    assert Limits().crossed(REMOVED) == ("removes 21 files, more than 20 (--allow removals)",)
    assert Limits().crossed(REMOVED[1:]) == ()
    assert Limits(allow=frozenset({"removals"})).crossed(REMOVED) == ()


def test_the_first_trust_store_of_a_host_is_no_change_of_trust() -> None:
    assert Limits().crossed([Change("file", TRUST_STORE, "create")]) == ()


def test_a_change_around_the_mailboxes_is_none_of_them() -> None:
    around = "--- x\n+++ x\n@@ -1,3 +1,3 @@\n mail_path = ~/Maildir\n-mail_fsync = always\n+mail_fsync = optimized\n"
    assert Limits().crossed([Change("file", "/etc/dovecot/dovecot.conf", "update", around)]) == ()


def test_everyday_changes_cross_no_limit() -> None:
    assert Limits().crossed(diff(HOST, replace(HOST, files=(replace(CHRONY, content=b""),)))) == ()


def test_one_host_beyond_the_limits_stops_all_and_is_named() -> None:
    planned = {"a.test": [], "b.test": [Change("unit", "dovecot.service", "remove")]}
    with pytest.raises(UnsafePlanError, match=r"b\.test stops for good: dovecot\.service"):
        refuse_unsafe(planned, Limits())
    refuse_unsafe(planned, Limits(allow=frozenset({"services"})))


def test_a_summary_counts_things_not_steps() -> None:
    steps = [Change("unit", "a.service", "enable"), Change("unit", "a.service", "start"), *REMOVED[:2]]
    assert summary(steps) == "2 files, 1 unit"
    assert summary([]) == "no change"
