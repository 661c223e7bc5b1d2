"""Role directory: the job reads what is rendered, can do little else, and only its first load is privileged."""

from __future__ import annotations

import json
from configparser import RawConfigParser
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from golden.hosts import context

from roles import base, directory, pki
from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import RoleName
from vaguemestre.host.annuaire import layout
from vaguemestre.host.annuaire.layout import ACCOUNT, API_KEY, STATE
from vaguemestre.release import Account, Credential, Directory, File, Unit

BY_FILE = context("fullest", "mail.ch-lens")
BY_API = context("fullest", "mail.clinique-iles")
UNITS = "/etc/systemd/system"


def files(known: Context) -> dict[str, str]:
    return {item.path: item.content.decode() for item in directory.items(known) if isinstance(item, File)}


def settings(known: Context) -> layout.Settings:
    return layout.parse(json.loads(files(known)[str(layout.SETTINGS)]))


def service(known: Context) -> dict[str, list[str]]:
    """The section [Service] of the job: each key with its values, in their order."""
    text = files(known)[f"{UNITS}/vaguemestre-annuaire.service"]
    found: dict[str, list[str]] = {}
    for line in text.split("[Service]\n")[1].splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_host_reads_what_the_inventory_declares() -> None:
    read = settings(BY_FILE)
    assert (read.source, read.url) == ("extraction", "https://annuaire.ch-lens.test/extraction")
    assert read.mirror == "https://mirror.ch-lens.test/extraction.zip"
    assert (read.every, read.alarm, read.page) == (timedelta(minutes=30), timedelta(hours=36), timedelta(days=5))
    assert read.max_bytes == 64 << 20
    assert read.limits.file.mailboxes == 500_000
    assert (read.limits.file.passed_over, read.limits.step.removed, read.limits.step.shrunk) == (0.1, 1.5, 0.5)
    assert (read.limits.step.changed, read.limits.step.emptied, read.limits.step.emptied_from) == (10, 60, 50)
    assert read.own_domains == set(BY_FILE.domains)
    assert (read.mail_host, read.postmaster) == (BY_FILE.host.name, "postmaster@ch-lens.mssante.test")


def test_a_nation_that_has_shrunk_to_less_than_the_floor_is_refused_without_a_word_in_the_inventory() -> None:
    plain = BY_FILE.settings.model_copy(update={"directory": type(BY_FILE.settings.directory)()})
    read = settings(replace(BY_FILE, settings=plain))
    assert read.limits.file.mailboxes == 400_000
    assert read.url.startswith("https://service.annuaire.sante.fr/")
    assert read.alarm < timedelta(days=3) < read.page == timedelta(days=10)


def test_the_servers_authorities_are_the_nations_unless_others_are_named() -> None:
    assert settings(BY_FILE).anchors == Path(directory.ANCHORS)
    assert files(BY_FILE)[directory.ANCHORS].count("BEGIN CERTIFICATE") == 2
    own = replace(BY_FILE, directory_anchors="")
    assert settings(own).anchors == Path(pki.ANCHORS)
    assert directory.ANCHORS not in files(own)


def test_an_anchor_that_is_no_authority_builds_no_release() -> None:
    with pytest.raises(ReleaseError, match="no readable PEM"):
        list(directory.items(replace(BY_FILE, directory_anchors="nonsense")))


def test_the_key_of_the_interface_is_roots_and_only_where_the_interface_is_asked() -> None:
    (key,) = {item for item in directory.items(BY_API) if isinstance(item, Credential)}
    assert (key.path, key.owner, key.mode) == (directory.KEY, "root", 0o600)
    assert service(BY_API)["LoadCredential"] == [f"{API_KEY}:{directory.KEY}"]
    assert not [item for item in directory.items(BY_FILE) if isinstance(item, Credential)]
    assert "LoadCredential" not in service(BY_FILE)


def test_without_its_key_the_interface_cannot_be_declared() -> None:
    with pytest.raises(ReleaseError, match=r"annuaire\.key is missing"):
        list(directory.items(replace(BY_API, secrets={})))


def test_the_job_is_an_account_of_its_own_that_writes_its_own_state_only() -> None:
    said = service(BY_FILE)
    assert (said["User"], said["ReadWritePaths"]) == ([ACCOUNT], [str(STATE)])
    assert (said["CapabilityBoundingSet"], said["ProtectSystem"]) == ([""], ["strict"])
    hidden = said["InaccessiblePaths"][0].split()
    assert {"-/var/lib/ldap", "-/var/vmail", f"-{pki.KEY}"} <= set(hidden)
    assert ACCOUNT in {item.name for item in directory.items(BY_FILE) if isinstance(item, Account)}
    modes = {item.path: item.mode for item in directory.items(BY_FILE) if isinstance(item, Directory)}
    assert modes[str(STATE)] == 0o751


def test_only_the_first_load_is_done_as_root() -> None:
    said = service(BY_FILE)
    privileged = [one for one in (*said["ExecStart"], *said["ExecStartPost"]) if "+" in one.partition("/")[0]]
    assert [one.split()[-2:] for one in privileged] == [["annuaire", "load"]]
    assert said["ExecStartPost"][-1].endswith("annuaire refresh --resume")


def test_the_schedule_is_looked_at_by_a_timer_which_is_what_the_release_starts() -> None:
    units = [item for item in directory.items(BY_FILE) if isinstance(item, Unit)]
    assert [one.name for one in units if "annuaire" in one.name] == ["vaguemestre-annuaire.timer"]
    timer = RawConfigParser(strict=False, comment_prefixes=("#",))
    timer.read_string(files(BY_FILE)[f"{UNITS}/vaguemestre-annuaire.timer"])
    assert timer["Timer"]["OnUnitActiveSec"] == f"{directory.LOOK_MINUTES}min"


def test_a_host_without_postfix_tells_the_journal_alone() -> None:
    roles = tuple(one for one in BY_FILE.host.roles if one is not RoleName.POSTFIX)
    alone = replace(BY_FILE, host=BY_FILE.host.model_copy(update={"roles": roles}))
    assert settings(BY_FILE).notify == ("127.0.0.1", 10587)
    assert settings(alone).notify is None


def test_the_job_may_hand_its_alarms_to_postfix_where_it_is() -> None:
    def writers(known: Context) -> set[str]:
        return {account for port in base.inner(known) if port.port == 10587 for account in port.accounts}

    assert ACCOUNT in writers(BY_FILE)
    roles = tuple(one for one in BY_FILE.host.roles if one is not RoleName.DIRECTORY)
    without = replace(BY_FILE, host=BY_FILE.host.model_copy(update={"roles": roles}))
    assert writers(without) == writers(BY_FILE) - {ACCOUNT}
