"""The plan is a value: what was observed and two releases in, the changes in their order out."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from vaguemestre.host.activator.disk import Look
from vaguemestre.host.activator.facts import UnitState
from vaguemestre.host.activator.observe import Observed, Seen
from vaguemestre.host.activator.plan import changes, digests, staying
from vaguemestre.release import Account, Credential, Directory, File, Item, Package, Release, Unit

CONF = File("/etc/mail.cf", b"one\n")
MAPS = File("/etc/maps", b"anna\n", mode=0o640)
KEY = Credential("/etc/key", "tls.key", hashlib.sha256(b"secret").hexdigest()[:16])
FOLDER = Directory("/srv/mail")
MAIL = Unit("mail.service", ("/etc/mail.cf", "/etc/key"), ("/etc/key",), "reload")
RUNNING = UnitState("active", enabled=True)


def release(*items: Item) -> Release:
    return Release.of("host.test", "trixie", [("role", item) for item in items])


WHOLE = release(Package("mail"), Account("mail", "/srv"), CONF, MAPS, KEY, FOLDER, MAIL)


def placed(content: bytes, mode: int = 0o644, uid: int = 0, shown: bool = True) -> Seen:
    digest = hashlib.sha256(content).hexdigest()
    return Seen(Look("file", mode, uid, 0, len(content)), digest, content if shown else None)


SETTLED = Observed(
    paths={
        "/etc/mail.cf": placed(b"one\n"),
        "/etc/maps": placed(b"anna\n", 0o640),
        "/etc/key": placed(b"secret", 0o600, shown=False),
        "/srv/mail": Seen(Look("directory", 0o755, 0, 0, 4096)),
    },
    packages={"mail": "1"},
    accounts={"mail": Account("mail", "/srv", groups=("more", "than-asked"))},
    users={"root": 0},
    groups={"root": 0},
    units={"mail.service": RUNNING},
    settled={"mail.service": digests(MAIL, WHOLE)},
)


def with_path(path: str, seen: Seen | None) -> Observed:
    others = {name: one for name, one in SETTLED.paths.items() if name != path}
    return replace(SETTLED, paths=others | ({path: seen} if seen else {}))


def with_unit(state: UnitState) -> Observed:
    return replace(SETTLED, units={"mail.service": state})


def plan(wanted: Release, live: Release | None, seen: Observed) -> list[tuple[str, str]]:
    return [(change.key, change.action) for change in changes(wanted, live, seen)]


def test_a_host_that_is_what_it_must_be_needs_nothing() -> None:
    assert changes(WHOLE, WHOLE, SETTLED) == ()


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (replace(SETTLED, packages={}), [("mail", "install")]),
        (replace(SETTLED, accounts={}), [("mail", "create")]),
        (replace(SETTLED, accounts={"mail": Account("mail", "/home")}), [("mail", "update")]),
        (with_path("/srv/mail", None), [("/srv/mail", "create")]),
        (with_path("/srv/mail", Seen(Look("directory", 0o777, 0, 0, 0))), [("/srv/mail", "mode")]),
        (with_path("/srv/mail", Seen(Look("file", 0o755, 0, 0, 0))), [("/srv/mail", "update")]),
        (with_path("/etc/maps", None), [("/etc/maps", "create")]),
        (with_path("/etc/maps", placed(b"bert\n", 0o640)), [("/etc/maps", "update")]),
        (with_path("/etc/maps", placed(b"anna\n", 0o644)), [("/etc/maps", "mode")]),
        (with_path("/etc/maps", placed(b"anna\n", 0o640, uid=1000)), [("/etc/maps", "mode")]),
        (with_path("/etc/maps", Seen(Look("symlink", 0o777, 0, 0, 9))), [("/etc/maps", "update")]),
        (with_path("/etc/mail.cf", placed(b"by hand\n")), [("/etc/mail.cf", "update"), ("mail.service", "reload")]),
        (with_path("/etc/mail.cf", placed(b"one\n", 0o600)), [("/etc/mail.cf", "mode")]),
        (with_path("/etc/key", placed(b"other", 0o600)), [("/etc/key", "update"), ("mail.service", "restart")]),
        (with_unit(UnitState("failed", enabled=True)), [("mail.service", "start")]),
        (with_unit(UnitState("active")), [("mail.service", "enable")]),
        (with_unit(UnitState(masked=True)), [("mail.service", "enable"), ("mail.service", "start")]),
        (replace(SETTLED, settled={}), [("mail.service", "restart")]),
        (replace(SETTLED, units={}, settled={}), [("mail.service", "enable"), ("mail.service", "start")]),
    ],
)
def test_each_difference_calls_for_its_change(seen: Observed, expected: list[tuple[str, str]]) -> None:
    assert plan(WHOLE, WHOLE, seen) == expected


def test_a_unit_whose_inputs_are_not_those_it_settled_with_is_stale_though_its_files_are_right() -> None:
    """The lost reload: the files were switched, and the daemon never heard of it."""
    before = release(replace(CONF, content=b"zero\n"), KEY, MAIL)
    seen = replace(SETTLED, settled={"mail.service": digests(MAIL, before)})
    assert plan(WHOLE, WHOLE, seen) == [("mail.service", "reload")]


def test_a_oneshot_that_has_run_is_left_alone_and_run_again_when_its_inputs_change() -> None:
    done = with_unit(UnitState("inactive", enabled=True, passive=True))
    assert plan(WHOLE, WHOLE, done) == []
    other = release(replace(CONF, content=b"two\n"), MAPS, KEY, FOLDER, MAIL)
    assert ("mail.service", "restart") in plan(other, WHOLE, done)


def test_what_only_the_live_release_names_goes_files_before_their_directory_and_units_too() -> None:
    inside = File("/srv/mail/inside", b"")
    live = release(CONF, MAPS, KEY, FOLDER, MAIL, inside)
    seen = with_path("/srv/mail", Seen(Look("directory", 0o755, 0, 0, 0), names=frozenset({"inside"})))
    seen = replace(seen, paths={**seen.paths, "/srv/mail/inside": placed(b"")})
    assert plan(release(CONF), live, seen) == [
        ("/etc/maps", "remove"),
        ("/srv/mail/inside", "remove"),
        ("/etc/key", "remove"),
        ("/srv/mail", "remove"),
        ("mail.service", "remove"),
    ]


def test_a_directory_that_holds_something_of_others_is_kept() -> None:
    names = frozenset({"inside", "theirs"})
    seen = with_path("/srv/mail", Seen(Look("directory", 0o755, 0, 0, 0), names=names))
    assert ("/srv/mail", "remove") not in plan(release(CONF), release(CONF, FOLDER), seen)


def test_packages_and_accounts_are_never_taken_away_and_the_plan_says_so() -> None:
    live = release(CONF, Package("mail"), Account("clerk"))
    assert plan(release(CONF), live, SETTLED) == []
    assert staying(release(CONF), live) == [
        "packages that are no longer named stay on the host: mail",
        "accounts that are no longer named stay on the host: clerk",
    ]
    assert staying(live, None) == staying(live, live) == []


def test_a_masked_unit_is_masked_once_and_unmasked_when_it_is_no_longer_named() -> None:
    masking = release(Unit("exim4.service", masked=True))
    free, masked = replace(SETTLED, units={}), replace(SETTLED, units={"exim4.service": UnitState(masked=True)})
    assert plan(masking, None, free) == [("exim4.service", "mask")]
    assert plan(masking, masking, masked) == []
    assert plan(release(), masking, masked) == [("exim4.service", "remove")]


def test_units_keep_the_order_of_the_release() -> None:
    units = [Unit(f"{name}.service") for name in ("zeta", "alpha", "mid")]
    assert [key for key, action in plan(release(*units), None, Observed()) if action == "start"] == [
        "zeta.service",
        "alpha.service",
        "mid.service",
    ]


@pytest.mark.parametrize(
    ("seen", "diff"),
    [
        (placed(b"old\n"), "--- /etc/mail.cf\n+++ /etc/mail.cf\n@@ -1 +1 @@\n-old\n+one\n"),
        (None, "--- /dev/null\n+++ /etc/mail.cf\n@@ -0,0 +1 @@\n+one\n"),
        (
            placed(b"old"),
            "--- /etc/mail.cf\n+++ /etc/mail.cf\n@@ -1 +1 @@\n-old\n\\ No newline at end of file\n+one\n",
        ),
        (placed(b"\xff\xfe"), None),
        (placed(b"secret of somebody\n", 0o600, shown=False), None),
    ],
)
def test_a_diff_is_a_true_one_and_shows_only_what_may_be_shown(seen: Seen | None, diff: str | None) -> None:
    (change, *_) = changes(release(CONF), None, with_path("/etc/mail.cf", seen))
    assert change.diff == diff


def test_no_diff_is_ever_made_of_a_credential() -> None:
    (change, *_) = changes(release(KEY), None, with_path("/etc/key", placed(b"old secret", 0o644)))
    assert (change.kind, change.diff) == ("credential", None)
