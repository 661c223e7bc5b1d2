"""Role base: what is reachable, who may log in, and that what the inventory leaves open stays the host's own."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from golden.hosts import context

from roles import base
from vaguemestre.context import Context
from vaguemestre.establishment import RoleName, Settings
from vaguemestre.release import Account, File, Package, Unit

SMALLEST = context("smallest", "mail")
FULLEST = context("fullest", "mail.ch-lens")
OFFLINE = context("fullest", "mail.clinique-iles")


def files(known: Context) -> dict[str, str]:
    return {item.path: item.content.decode() for item in base.items(known) if isinstance(item, File) and _text(item)}


def _text(file: File) -> bool:
    return not file.path.endswith(".pyz")


def units(known: Context) -> dict[str, Unit]:
    return {item.name: item for item in base.items(known) if isinstance(item, Unit)}


def with_settings(known: Context, **sections: object) -> Context:
    return replace(known, settings=Settings.model_validate(known.settings.model_dump() | sections))


def with_roles(known: Context, *roles: RoleName) -> Context:
    return replace(known, host=known.host.model_copy(update={"roles": roles}))


def open_ports(known: Context) -> set[int]:
    return {service.port for service in base.services(known)}


def test_a_host_answers_only_for_its_roles() -> None:
    assert open_ports(SMALLEST) == {25, 143, 587, 636, 993, 4190}
    assert open_ports(with_roles(SMALLEST, RoleName.BASE, RoleName.PKI)) == set()
    assert open_ports(with_roles(SMALLEST, RoleName.BASE, RoleName.DOVECOT)) == {143, 993, 4190}


def test_the_directory_is_reachable_from_networks_of_mail_programs_alone() -> None:
    rules = files(with_roles(SMALLEST, RoleName.BASE, RoleName.OPENLDAP))["/etc/nftables.conf"]
    (line,) = (line.strip() for line in rules.splitlines() if "dport 636" in line)
    assert line.startswith("ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } tcp dport 636 accept")


def test_every_chain_that_lets_something_in_drops_by_default() -> None:
    chains = files(FULLEST)["/etc/nftables.conf"].split("chain ")[1:]
    policies = {chain.split()[0]: chain.split("policy ")[1].split(";")[0] for chain in chains}
    assert policies == {"input": "drop", "forward": "drop", "output": "accept"}


def test_ssh_is_accepted_from_the_administrators_networks_only() -> None:
    rules = files(FULLEST)["/etc/nftables.conf"]
    ssh = [line.split("#")[0].strip() for line in rules.splitlines() if "dport 2222" in line]
    assert ssh == [
        'ip saddr 192.0.2.0/28 tcp dport 2222 accept comment "SSH"',
        'ip saddr 198.51.100.16/28 tcp dport 2222 accept comment "SSH"',
    ]
    assert "dport 22 " not in rules


def test_the_kit_logs_in_by_name_and_root_does_not() -> None:
    accounts = [item.name for item in base.items(FULLEST) if isinstance(item, Account)]
    assert accounts == ["facteur", "vgm-620000998"]
    assert "PermitRootLogin no\n" in files(FULLEST)["/etc/ssh/sshd_config.d/00-vaguemestre.conf"]
    assert "facteur ALL=" in files(FULLEST)["/etc/sudoers.d/vaguemestre"]


def test_administrators_of_a_hosted_house_start_one_program_and_nothing_else() -> None:
    keys = files(FULLEST)["/etc/vaguemestre/administrators/vgm-620000998"].splitlines()[1:]
    program = "/usr/bin/python3 -I /usr/lib/vaguemestre/host.pyz delegated 1620000998"
    assert all(key.startswith(f'restrict,command="sudo -n {program}" ssh-ed25519 ') for key in keys)
    rights = files(FULLEST)["/etc/sudoers.d/vaguemestre-administrators"].splitlines()
    assert [line for line in rights if "ALL=" in line] == [f"vgm-620000998 ALL=(root) NOPASSWD: {program}"]


def test_root_keeps_its_keys_where_the_inventory_makes_it_the_controllers_user() -> None:
    assert [item.name for item in base.items(OFFLINE) if isinstance(item, Account)] == ["vgm-620000998"]
    assert "PermitRootLogin prohibit-password\n" in files(OFFLINE)["/etc/ssh/sshd_config.d/00-vaguemestre.conf"]


@pytest.mark.parametrize("known", [SMALLEST, FULLEST, OFFLINE])
def test_a_change_of_the_way_in_is_judged_and_never_cuts_sessions(known: Context) -> None:
    ssh = units(known)["ssh.service"]
    assert ssh.on_change == "reload"
    assert ssh.probes[0].port == known.host.ssh_port
    assert any(known.settings.ssh.user in argv for argv in ssh.judges)


def test_rules_are_replaced_without_a_moment_of_openness() -> None:
    assert units(SMALLEST)["nftables.service"].on_change == "reload"
    assert "flush ruleset" not in files(SMALLEST)["/etc/nftables.conf"]


def test_without_a_mirror_and_resolvers_the_host_keeps_its_own() -> None:
    untouched = {
        "/etc/apt/sources.list",
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/apt.conf.d/99vaguemestre-proxy",
        "/etc/resolv.conf",
    }
    assert not untouched & files(SMALLEST).keys()


def test_a_bundle_is_the_only_source_and_needs_no_network() -> None:
    sources = files(OFFLINE)["/etc/apt/sources.list.d/debian.sources"]
    uris = [line for line in sources.splitlines() if line.startswith("URIs:")]
    assert uris == ["URIs: file:/srv/debian"]
    assert not [path for path in files(OFFLINE) if "proxy" in path]


def test_a_mirror_takes_the_place_of_the_hosts_sources() -> None:
    written = files(FULLEST)
    assert "Suites: trixie trixie-updates\n" in written["/etc/apt/sources.list.d/debian.sources"]
    assert "Suites: trixie-security\n" in written["/etc/apt/sources.list.d/debian.sources"]
    assert not [line for line in written["/etc/apt/sources.list"].splitlines() if not line.startswith("#")]


def test_nothing_upgrades_itself_unless_the_inventory_says_so() -> None:
    assert all(units(SMALLEST)[timer].masked for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"))
    assert Package("unattended-upgrades") not in set(base.items(SMALLEST))
    assert not any(units(FULLEST)[timer].masked for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"))
    assert Package("unattended-upgrades") in set(base.items(FULLEST))


def test_a_clock_that_is_not_ours_is_measured_but_never_touched() -> None:
    assert '"-F 1 -x"' in files(OFFLINE)["/etc/default/chrony"]
    assert "makestep" not in files(OFFLINE)["/etc/chrony/chrony.conf"]
    assert '"-F 1"' in files(SMALLEST)["/etc/default/chrony"]


def test_time_comes_from_the_servers_of_the_inventory_and_no_other() -> None:
    sources = [line for line in files(FULLEST)["/etc/chrony/chrony.conf"].splitlines() if line[:4] in ("serv", "pool")]
    assert sources == [
        "server ntp1.ch-lens.test iburst",
        "server ntp2.ch-lens.test iburst",
        "server 192.0.2.123 iburst",
    ]


def test_one_more_administrators_network_changes_nothing_but_the_firewall() -> None:
    networks = (*SMALLEST.settings.ssh.admin_networks, IPv4Network("203.0.113.0/24"))
    wider = with_settings(SMALLEST, ssh=SMALLEST.settings.ssh.model_copy(update={"admin_networks": networks}))
    assert {path for path, _ in files(SMALLEST).items() ^ files(wider).items()} == {"/etc/nftables.conf"}
