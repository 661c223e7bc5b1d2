"""A real inventory's copy that the lab can boot: same establishments, same settings, addresses of the lab.

Whatever `vaguemestre.overlay` replaces once the lab is up (mirrors, resolvers, keys, authorities, what the nation
publishes) may stay as it is written. The rest is here: what would shut the lab's own controller out, or wait for
amounts that only the real nation has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import yaml

from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet

NETWORK = IPv4Network("10.83.27.0/24")
LABS = "10.83.0.0/16"  # where a lab looks for another network when its own is taken
FIRST, LAST = 10, 99  # host parts; others are the lab's own
SETTINGS: Mapping[str, Any] = {
    "lab": {"network": str(NETWORK)},
    "trust": {"authority": "test"},
    "ssh": {"admin_networks": [LABS]},
    "clock": {"steer": False},
    "directory": {"client_networks": [LABS], "guard": {"at_least": 100}},
}
LEFT_OUT = ("secrets", "records", "ssh", ".*", "*.yml", "*.yaml")
HOST_ONLY = ("address6", "ssh_port")
"""What a container has not: the lab speaks IPv4, and its guests listen where every sshd does."""


class RehearsalError(VaguemestreError):
    """No copy for the lab can be made there, or of that many hosts."""

    exit_code = Exit.INVALID


def copy(fleet: Fleet, part: tuple[str, ...], to: Path) -> None:
    """Write into the new folder `to` what the lab needs of `fleet`: all of it, or that part and whoever serves it.

    Secrets, keys and records stay behind.

    Raises:
        RehearsalError: `to` exists and is not empty, or there are more hosts than a lab has addresses for.
    """
    chosen = fleet.part(part) if part else fleet
    addresses = {host.name: address for (_, host), address in zip(chosen.hosts(), _addresses(chosen), strict=False)}
    if to.exists() and any(to.iterdir()):
        raise RehearsalError(f"{to} is not empty\n    name a folder that does not exist yet")
    copytree(fleet.root, to, ignore=ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
    _write(to / "inventory.yml", _laid_over(_read(fleet.root / "inventory.yml"), SETTINGS))
    for one in chosen.establishments:
        name = f"{one.slug}.yml"
        _write(to / name, rehearsed(_read(fleet.root / name), addresses))


def rehearsed(document: Mapping[str, Any], addresses: Mapping[str, IPv4Address]) -> dict[str, Any]:
    """An establishment's file for the lab: hosts at these addresses, nothing that contradicts the lab's settings."""
    hosts = [
        {name: value for name, value in host.items() if name not in HOST_ONLY}
        | {"address": str(addresses[host["name"]])}
        for host in document.get("hosts") or ()
    ]
    own = _without(document.get("settings") or {}, SETTINGS)
    rest = {name: value for name, value in document.items() if name not in ("hosts", "settings")}
    return rest | ({"hosts": hosts} if hosts else {}) | ({"settings": own} if own else {})


def _addresses(fleet: Fleet) -> Iterator[IPv4Address]:
    wanted = len(tuple(fleet.hosts()))
    if wanted > LAST - FIRST + 1:
        raise RehearsalError(
            f"{wanted} hosts are too many for one lab, which has room for {LAST - FIRST + 1}\n    name establishments"
        )
    return (NETWORK.network_address + part for part in count(FIRST))


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {
        name: _laid_over(below.get(name) or {}, value) if isinstance(value, Mapping) else value
        for name, value in above.items()
    }
    return {**below, **merged}


def _without(settings: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` less every leaf that `taken` has, and less the sections that this leaves empty."""
    kept = {name: value for name, value in settings.items() if name not in taken}
    deeper = {
        name: _without(settings[name] or {}, value)
        for name, value in taken.items()
        if name in settings and isinstance(value, Mapping)
    }
    return kept | {name: value for name, value in deeper.items() if value}


def _read(file: Path) -> dict[str, Any]:
    """A file that `inventory.read` has accepted; an inventory may do without `inventory.yml`."""
    return (yaml.safe_load(file.read_text(encoding="utf-8")) or {}) if file.exists() else {}


def _write(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False, width=120), encoding="utf-8")
