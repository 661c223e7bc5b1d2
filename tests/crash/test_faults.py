"""Disks that are full, folders that cannot be written to, daemons that say no: one clear message, nothing lost."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from changes import NEW_KEY, SECRETS, copy, new, old, release
from scratch import STATE, Ended, Host

from vaguemestre.release import Directory, File, Item, Probe, Release

pytestmark = pytest.mark.slow

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")


def apply(host: Host, wanted: Release) -> Ended:
    return host.run("apply", wanted, secrets=SECRETS[new().id])


def with_items(change: Callable[[Item], Item]) -> Release:
    """The new release with some of its items changed."""
    whole = new()
    items = (*whole.packages, *whole.accounts, *whole.directories, *whole.files, *whole.credentials, *whole.units)
    return release(*map(change, items))


def with_content(path: str, content: bytes) -> Release:
    return with_items(lambda one: replace(one, content=content) if isinstance(one, File) and one.path == path else one)


@pytest.fixture
def unchanged(host: Host) -> Iterator[Host]:
    """A host that must be afterwards what it was before, but for restarted units."""
    tree, units = host.tree(), host.units()
    yield host
    assert host.tree() == tree
    assert host.units() == units
    assert host.live() == old().id
    assert host.deceived() == []
    assert host.drafts() == []
    assert host.note("journal.json") is None


def test_a_second_apply_changes_nothing_and_has_no_effect_on_the_disk(host: Host) -> None:
    assert apply(host, new()).result["changed"] is True
    again = apply(host, new())
    assert (again.code, again.result["changed"], again.result["changes"], again.effects) == (0, False, [], ())


def test_a_judge_that_refuses_leaves_everything_live_and_is_quoted(unchanged: Host) -> None:
    ended = apply(unchanged, with_content("/etc/filter/conf.d/10-filter.conf", b"BROKEN\n"))
    assert (ended.code, ended.result["phase"], ended.result["restored"]) == (1, "judge", True)
    assert "BROKEN is not a word I know" in ended.result["message"]


def test_a_daemon_that_does_not_start_brings_the_old_release_back_with_its_own_words(unchanged: Host) -> None:
    ended = apply(unchanged, with_content("/etc/filter/conf.d/10-filter.conf", b"CRASH\n"))
    assert (ended.code, ended.result["phase"], ended.result["restored"]) == (1, "settle", True)
    assert "bad configuration, says the daemon itself" in ended.result["message"]


def test_a_reload_that_succeeds_and_kills_its_daemon_later_brings_the_old_release_back(unchanged: Host) -> None:
    ended = apply(unchanged, with_content("/etc/mail/main.cf", b"DIES\n"))
    assert (ended.code, ended.result["restored"]) == (1, True)
    assert "mail.service came up and is now failed" in ended.result["message"]


def test_a_probe_that_fails_brings_the_old_release_back(unchanged: Host) -> None:
    probe = Probe(command=("sh", "-c", "echo nobody is at home; false"), seconds=0)
    ended = apply(
        unchanged,
        with_items(lambda one: replace(one, probes=(probe,)) if getattr(one, "key", "") == "filter.service" else one),
    )
    assert (ended.code, ended.result["phase"], ended.result["restored"]) == (1, "probe", True)
    assert "nobody is at home" in ended.result["message"]


def test_a_probe_of_a_port_is_tried_until_it_greets_as_expected_and_says_what_it_heard(unchanged: Host) -> None:
    probe = Probe(port=1, address="127.0.0.1", expect="220", seconds=0)
    ended = apply(
        unchanged,
        with_items(lambda one: replace(one, probes=(probe,)) if getattr(one, "key", "") == "maps.service" else one),
    )
    assert "maps.service does not serve after 0 s: port 1 on 127.0.0.1: Connection refused" in ended.result["message"]


def test_a_hand_edit_is_put_right_and_kept(host: Host) -> None:
    assert apply(host, old()).code == 0
    assert host.read("/etc/mail/maps/people") == "anna\n"
    kept = [path.read_text() for path in (host.root / STATE / "before").glob("*/0*")]
    assert "anna\nby hand\n" in kept


def test_a_daemon_that_may_have_read_a_hand_edit_is_restarted_when_it_is_put_right(host: Host) -> None:
    assert host.machine.noted("maps.service")["read"] == host.machine.on_disk("maps.service")
    ended = apply(host, old())
    assert {"kind": "unit", "key": "maps.service", "action": "restart", "diff": None} in ended.result["changes"]
    assert host.deceived() == []


def test_drift_of_a_mode_alone_is_put_right_and_restarts_nothing(host: Host) -> None:
    apply(host, old())
    (host.root / "etc/mail/main.cf").chmod(0o666)
    (host.root / "etc/mail/maps").chmod(0o777)
    ended = apply(host, old())
    assert [(one["key"], one["action"]) for one in ended.result["changes"]] == [
        ("/etc/mail/maps", "mode"),
        ("/etc/mail/main.cf", "mode"),
    ]
    assert apply(host, old()).result["changes"] == []


def test_a_stopped_daemon_is_started_again(host: Host) -> None:
    apply(host, old())
    host.machine.stop("steady.service")
    assert [one["action"] for one in apply(host, old()).result["changes"]] == ["start"]
    assert host.units()["steady.service"][0] == "active"


def test_what_a_release_no_longer_names_is_removed_and_its_unit_stopped(host: Host) -> None:
    apply(host, new())
    assert not (host.root / "srv/gone").exists()
    assert not (host.root / "etc/leaving.conf").exists()
    assert host.units()["leaving.service"] == ("inactive", False, False)


def test_a_directory_of_ours_that_holds_something_of_others_stays(host: Host) -> None:
    host.write("/srv/gone/theirs", "keep me\n")
    apply(host, new())
    assert host.read("/srv/gone/theirs") == "keep me\n"
    assert not (host.root / "srv/gone/with-the-release").exists()


def test_a_link_that_stands_where_a_file_comes_is_replaced_not_followed_and_comes_back(host: Host) -> None:
    apply(host, new())
    assert not (host.root / "etc/linked.conf").is_symlink()
    assert host.read("/etc/elsewhere.conf") == "somebody's\n"
    failed = with_content("/etc/filter/conf.d/10-filter.conf", b"CRASH\n")
    other = copy(host, "other")
    apply(other, old())
    assert not (other.root / "etc/linked.conf").exists()
    assert apply(other, failed).code == 1


@needs_root
def test_a_link_that_somebody_planted_on_the_way_is_refused(unchanged: Host) -> None:
    folder = unchanged.root / "etc/mail/maps"
    os.chown(folder, 65534, 65534)
    (folder / "sub").symlink_to("/etc")
    ended = apply(unchanged, release(*new().files, File("/etc/mail/maps/sub/shadow", b"gotcha")))
    assert ended.code == 1
    assert "a symbolic link that others could have put there is in the way" in ended.result["message"]
    (folder / "sub").unlink()
    os.chown(folder, 0, 0)


def test_a_directory_in_the_way_is_for_a_person_to_move(unchanged: Host) -> None:
    wanted = release(File("/etc/mail/maps", b"I am a file now\n"))
    ended = apply(unchanged, wanted)
    assert ended.code == 1
    assert "/etc/mail/maps is a directory, not a file: move it away" in ended.result["message"]


def test_an_owner_that_the_host_has_not_is_said_before_anything_changes(unchanged: Host) -> None:
    ended = apply(unchanged, release(File("/etc/x", b"", owner="nobody-of-that-name")))
    assert (ended.code, ended.result["phase"]) == (1, "prepare")
    assert "/etc/x: this host has no account nobody-of-that-name" in ended.result["message"]


def test_a_secret_of_another_version_than_named_is_refused(unchanged: Host) -> None:
    ended = unchanged.run("apply", new(), secrets={"tls.key": NEW_KEY + b"?"})
    assert (ended.code, ended.result["phase"]) == (1, "document")
    assert "tls.key" in ended.result["message"]


def test_no_secret_is_ever_in_what_is_said(host: Host) -> None:
    for verb in ("plan", "apply", "status"):
        assert NEW_KEY.decode() not in repr(host.run(verb, new(), secrets=SECRETS[new().id]).result)
    assert (host.root / "etc/mail/tls.key").stat().st_mode & 0o777 == 0o600
    assert all(not path.stat().st_mode & 0o077 for path in (host.root / STATE).rglob("*") if path.is_dir())


def test_content_that_others_may_not_read_and_we_did_not_write_is_not_shown(bare: Host) -> None:
    shown = {one["key"]: one["diff"] for one in bare.run("plan", old()).result["changes"]}
    assert shown["/etc/mail/main.cf"] is None
    assert "+anna" in shown["/etc/mail/maps/people"]


def test_only_one_activation_at_a_time(unchanged: Host) -> None:
    with (unchanged.root / STATE / "lock").open("r+") as lock:
        lock.write("rollback, process 42, since 2026-01-01T00:00:00Z\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = apply(unchanged, new())
        assert ended.code == 5
        assert "rollback, process 42, since 2026-01-01T00:00:00Z" in ended.result["message"]
        lock.truncate(0)


def test_a_file_too_large_for_the_disk_leaves_no_draft(unchanged: Host) -> None:
    wanted = with_content("/etc/motd", b"x" * 200_000)
    assert unchanged.run("stage", wanted, secrets=SECRETS[new().id]).code == 0
    ended = unchanged.run("activate", id=wanted.id, largest=100_000)
    assert (ended.code, ended.result["phase"]) == (1, "prepare")
    assert "File too large; nothing was changed" in ended.result["message"]


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """The folder's content on a small file system of its own."""
    again = folder.with_name("kept")
    folder.rename(again)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "vgm-crash", folder], check=True)
    try:
        subprocess.run(["cp", "-a", f"{again}/.", folder], check=True)
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
        again.rename(folder)


@needs_root
@pytest.mark.parametrize(
    ("options", "content", "words"),
    [("rw", b"x" * 120_000, "No space left on device"), ("ro", b"small\n", "Read-only file system")],
)
def test_a_disk_that_cannot_take_it_is_named_and_nothing_changes(
    unchanged: Host, options: str, content: bytes, words: str
) -> None:
    wanted = with_content("/etc/mail/maps/people", content)
    with mounted(unchanged.root / "etc/mail", options):
        before = unchanged.tree()
        ended = apply(unchanged, wanted)
        assert (ended.code, ended.result["phase"], ended.result["restored"]) == (1, "prepare", True)
        assert words in ended.result["message"]
        assert unchanged.tree() == before
        assert unchanged.drafts() == []


@needs_root
def test_a_mount_point_in_the_way_is_named(unchanged: Host) -> None:
    with mounted(unchanged.root / "etc/mail/maps", "rw"):
        ended = apply(unchanged, release(File("/etc/mail/maps", b"file")))
        assert "mount point" in ended.result["message"]


def test_rollback_goes_to_the_previous_release_and_forth_again(host: Host) -> None:
    apply(host, old())
    named = [item.path[1:] for item in (*old().files, *old().directories, *old().credentials)]
    before = {path: host.tree()[path] for path in named}
    apply(host, new())
    after = host.tree()
    assert host.run("rollback").code == 0
    assert (host.live(), {path: host.tree()[path] for path in named}) == (old().id, before)
    assert "var/lib/filter/rules" not in host.tree()
    assert host.run("rollback").code == 0
    assert (host.live(), host.tree()) == (new().id, after)


def test_rollback_to_a_named_release_takes_the_first_digits_of_its_id(host: Host) -> None:
    apply(host, new())
    assert host.run("rollback", id=old().id[:10]).code == 0
    assert host.live() == old().id


def test_rollback_without_a_previous_release_says_so(bare: Host) -> None:
    assert "no previous release" in bare.run("rollback").result["message"]


def test_stage_judges_and_fetches_but_changes_nothing(unchanged: Host) -> None:
    ended = unchanged.run("stage", new(), secrets=SECRETS[new().id])
    assert ended.code == 0
    assert (unchanged.root / "usr/lib/packages/filter").exists()


def test_status_tells_what_drifted_and_which_units_are_stale(host: Host) -> None:
    told = host.run("status").result
    assert [(one["key"], one["action"]) for one in told["drift"]] == [
        ("/etc/mail/maps/people", "update"),
        ("maps.service", "restart"),
    ]
    assert (told["live"], told["stale"], told["interrupted"]) == (old().id, ["maps.service"], False)
    assert told["units"]["mail.service"] == "active"


def test_units_that_a_newer_release_would_touch_are_not_stale_yet(host: Host) -> None:
    expecting = host.run("status", new()).result
    assert expecting["expected"] == new().id
    assert ("mail.service", "restart") in [(one["key"], one["action"]) for one in expecting["drift"]]
    assert expecting["stale"] == ["maps.service"]  # whose file was changed by hand


def test_status_tells_of_an_activation_that_was_cut_off(host: Host) -> None:
    effects = apply(copy(host, "counted"), new()).effects
    at = next(n for n, effect in enumerate(effects, 1) if effect == "rename /etc/mail/main.cf: done")
    host.run("apply", new(), secrets=SECRETS[new().id], die_at=at)
    told = host.run("status")
    assert (told.code, told.result["interrupted"]) == (3, True)


def test_only_the_last_few_releases_and_their_secrets_are_kept(host: Host) -> None:
    for number in range(8):
        apply(host, with_content("/etc/motd", str(number).encode()))
    assert len(list((host.root / STATE / "releases").iterdir())) <= 5
    assert len(list((host.root / STATE / "before").iterdir())) <= 5
    assert len(list((host.root / STATE / "credentials/tls.key").iterdir())) == 1
    assert host.run("rollback").code == 0


def test_units_settle_in_the_order_of_the_release(host: Host) -> None:
    effects = [effect for effect in apply(host, new()).effects if effect.endswith("service")]
    order = [unit.name for unit in new().units]
    acted = [effect.split()[1] for effect in effects if effect.split()[0] in ("start", "restart", "reload")]
    assert acted == [name for name in order if name in acted]


def test_a_changed_key_restarts_a_daemon_that_otherwise_reloads(host: Host) -> None:
    effects = apply(host, new()).effects
    assert "restart mail.service" in effects
    assert apply(host, with_content("/etc/mail/main.cf", b"listen three\n")).effects.count("reload mail.service") == 1


def test_a_directory_nobody_named_is_made_for_a_file_and_goes_when_the_activation_goes_back(unchanged: Host) -> None:
    items = (*with_content("/etc/filter/conf.d/10-filter.conf", b"CRASH\n").files, *new().units, *new().credentials)
    wanted = release(*items, Directory("/opt/a"), File("/opt/a/b/c/file", b""))
    assert apply(unchanged, wanted).code == 1
