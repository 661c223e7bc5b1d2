"""Role trust: the daemon reads what is rendered, only its callers can ask it, and it can do little else."""

from __future__ import annotations

import json
from configparser import RawConfigParser
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from golden.hosts import context

from roles import pki, trust
from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.host.trust import layout
from vaguemestre.release import Directory, File, Unit

SMALLEST = context("smallest", "mail")
FULLEST = context("fullest", "mail.ch-lens")
UNITS = "/etc/systemd/system"


def files(known: Context) -> dict[str, str]:
    return {item.path: item.content.decode() for item in trust.items(known) if isinstance(item, File)}


def units(known: Context) -> dict[str, Unit]:
    return {item.name: item for item in trust.items(known) if isinstance(item, Unit)}


def settings(known: Context) -> layout.Settings:
    return layout.parse(json.loads(files(known)[str(layout.SETTINGS)]))


def section(text: str, name: str) -> dict[str, list[str]]:
    """A unit file's section: each key with its values, in their order."""
    found: dict[str, list[str]] = {}
    lines = text.split(f"[{name}]\n")[1].split("\n[")[0].splitlines()
    for line in (one for one in lines if one and not one.startswith("#")):
        key, _, value = line.partition("=")
        found.setdefault(key, []).append(value)
    return found


def test_the_host_reads_what_the_inventory_declares() -> None:
    read = settings(FULLEST)
    assert read.own_domains == FULLEST.domains
    assert read.mail_host == FULLEST.host.name
    assert read.white_list.url == "https://list.ch-lens.test/list.xml"
    assert read.white_list.signer == "list.ch-lens.test"
    assert (read.white_list.every, read.white_list.alarm) == (timedelta(minutes=30), timedelta(hours=12))
    assert read.white_list.max_removed_percent == 1.5
    assert read.revocation.crl == ("http://crl.ch-lens.test/a.crl", "http://crl.ch-lens.test/b.crl")
    assert (read.revocation.ocsp, read.revocation.grace) == (None, timedelta(hours=2))
    assert read.proxy == "http://proxy.ch-lens.test:3128"


def test_without_a_word_the_national_sources_are_used_with_the_national_anchors() -> None:
    read = settings(SMALLEST)
    assert read.white_list.url == "https://espacedeconfiance.mssante.fr/listeblanchemssante.xml"
    assert read.white_list.anchors == read.authorities == Path(pki.ANCHORS)
    assert read.proxy is None


def test_the_lists_server_may_have_anchors_of_its_own() -> None:
    assert settings(FULLEST).white_list.anchors == Path(trust.LIST_ANCHORS)
    assert files(FULLEST)[trust.LIST_ANCHORS].count("BEGIN CERTIFICATE") == 2


def test_a_list_anchor_that_is_no_authority_builds_no_release() -> None:
    with pytest.raises(ReleaseError, match="no readable PEM"):
        list(trust.items(replace(FULLEST, list_anchors="nonsense")))


def test_each_socket_can_be_opened_by_the_one_who_asks_there() -> None:
    owners = {}
    for path, text in files(SMALLEST).items():
        if path.endswith(".socket"):
            said = section(text, "Socket")
            for address in said["ListenStream"]:
                owners[address] = (said.get("SocketUser", ["anybody"])[0], said.get("SocketMode", [""])[0])
    postfix = ("postfix", "0600")
    assert owners == {
        trust.POLICY: postfix,
        trust.MAP: postfix,
        trust.MILTER: postfix,
        trust.AUTH: ("www-data", "0600"),
        "127.0.0.1:9125": ("anybody", ""),
    }


def test_a_daemon_that_dies_again_and_again_keeps_its_sockets_and_is_started_again() -> None:
    written = files(SMALLEST)
    service = written[f"{UNITS}/vaguemestre-trust.service"]
    assert section(service, "Unit")["StartLimitIntervalSec"] == ["0"]
    assert section(service, "Service")["Restart"] == ["always"]
    sockets = [text for path, text in written.items() if path.endswith(".socket")]
    assert len(sockets) == 3
    assert all(section(text, "Socket")["TriggerLimitIntervalSec"] == ["0"] for text in sockets)


def test_the_daemon_gets_the_key_from_systemd_and_cannot_read_the_file() -> None:
    said = section(files(SMALLEST)[f"{UNITS}/vaguemestre-trust.service"], "Service")
    assert said["LoadCredential"] == [f"tls.key:{pki.KEY}"]
    assert f"-{pki.KEY}" in said["InaccessiblePaths"][0].split()
    assert said["User"] == [layout.ACCOUNT]
    assert said["CapabilityBoundingSet"] == [""]


def test_only_the_refresher_may_change_what_the_daemon_reads() -> None:
    said = {name: section(files(SMALLEST)[f"{UNITS}/{name}.service"], "Service") for name in _SERVICES}
    state = [str(layout.STATE)]
    assert said["vaguemestre-trust"]["ReadOnlyPaths"] == state
    assert said["vaguemestre-trust"]["ReadWritePaths"] == [str(layout.STATE / "redlist")], "whom our people wrote to"
    assert said["vaguemestre-trust-refresh"]["ReadWritePaths"] == state


_SERVICES = ("vaguemestre-trust", "vaguemestre-trust-first", "vaguemestre-trust-refresh")


def test_the_first_fetch_comes_before_the_daemon_and_a_source_that_is_away_stops_nothing() -> None:
    names = list(units(SMALLEST))
    assert names.index("vaguemestre-trust-first.service") < names.index("vaguemestre-trust.service")
    started = section(files(SMALLEST)[f"{UNITS}/vaguemestre-trust-first.service"], "Service")["ExecStart"]
    assert started[0].startswith("-/usr/bin/timeout ")
    assert started[0].endswith("refresh --if-empty")


def test_the_state_is_the_accounts_alone_to_write() -> None:
    folders = [item for item in trust.items(SMALLEST) if isinstance(item, Directory)]
    assert {(one.owner, one.mode) for one in folders} == {(layout.ACCOUNT, 0o750)}


def test_a_new_certificate_or_a_new_runtime_restarts_the_daemon() -> None:
    daemon = units(SMALLEST)["vaguemestre-trust.service"]
    assert daemon.on_change == "restart"
    assert {pki.CHAIN, pki.KEY, pki.ANCHORS, "/usr/lib/vaguemestre/host.pyz"} <= set(daemon.inputs)


@pytest.mark.parametrize("name", [path for path in files(FULLEST) if path.startswith(UNITS)])
def test_unit_files_are_read_as_they_are_written(name: str) -> None:
    parser = RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(files(FULLEST)[name])
    assert parser.sections()
