"""The Ansible door's inventory, from the same fleet as the other door."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vaguemestre.engines.openssh import host_key_arguments
from vaguemestre.engines.targets import SelectionError, Target, select, target
from vaguemestre.establishment import Establishment, Fleet, Host

_WAVE = re.compile(r"wave_[0-9]+")


def ansible_inventory(fleet: Fleet) -> dict[str, Any]:
    """What a dynamic inventory script prints for ``--list``: groups by establishment, role and wave, and hostvars.

    Groups are ``wave_1``, ``ch_lens`` (the slug, with underscores), ``role_postfix``. Hosts stand in rollout order,
    which is the order in which a play takes them.
    """
    pairs = tuple(fleet.hosts())
    groups: dict[str, dict[str, list[str]]] = {"vaguemestre": {"hosts": [host.name for _, host in pairs]}}
    for establishment, host in pairs:
        for group in _groups(establishment, host):
            groups.setdefault(group, {"hosts": []})["hosts"].append(host.name)
    hostvars = {host.name: _hostvars(fleet, establishment, host) for establishment, host in pairs}
    return {"_meta": {"hostvars": hostvars}, **groups}


def batches(groups: Mapping[str, Collection[str]], hosts: Collection[str]) -> list[int]:
    """The sizes of a rollout's batches, for ``serial``: one batch a wave, of those of its hosts that take part.

    `groups` are Ansible's groups with their hosts, `hosts` those of the play, a ``--limit`` counted.
    """
    waves = sorted((name for name in groups if _WAVE.fullmatch(name)), key=lambda name: int(name.split("_")[1]))
    sizes = [len(set(groups[name]) & set(hosts)) for name in waves]
    return [size for size in sizes if size] or [1]


def host_pattern(fleet: Fleet, names: Sequence[str], waves: Sequence[int]) -> str | None:
    """What ``--limit`` must say for these establishments, hosts and waves; None for the whole fleet.

    Raises:
        SelectionError: a name is unknown, or nothing is left.
    """
    if not names and not waves:
        return None
    chosen = [host.name for one, host in select(fleet, names) if not waves or one.wave in waves]
    if not chosen:
        raise SelectionError(f"no host chosen is in wave {', '.join(map(str, waves))}")
    return ",".join(chosen)


def _groups(establishment: Establishment, host: Host) -> tuple[str, ...]:
    roles = (f"role_{role.value}" for role in host.roles)
    return (f"wave_{establishment.wave}", _group_name(establishment.slug), *roles)


def _group_name(slug: str) -> str:
    """Ansible takes group names for variables: letters, digits and underscores, no digit first."""
    name = re.sub(r"\W", "_", slug)
    return f"_{name}" if name[0].isdigit() else name


def _hostvars(fleet: Fleet, establishment: Establishment, host: Host) -> dict[str, Any]:
    way = target(fleet, establishment, host)
    return {
        "ansible_host": way.address,
        "ansible_port": way.port,
        "ansible_user": way.user,
        "ansible_host_key_checking": True,  # ansible-runner, hence AWX, would put StrictHostKeyChecking=no before ours
        "ansible_pipelining": True,  # modules travel through the connection: nothing of theirs lands on the host's disk
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": _ssh_arguments(way),
        **({"ansible_ssh_private_key_file": way.key} if way.key else {}),
        "vaguemestre_inventory": str(fleet.root),
        "vaguemestre_establishment": establishment.slug,
        "vaguemestre_wave": establishment.wave,
        "vaguemestre_bootstrap_user": way.bootstrap_user,
    }


def _ssh_arguments(way: Target) -> str:
    """Host keys are checked against the inventory's file only; a cut link is noticed within 20 s (ssh_config(5))."""
    return f"{host_key_arguments(way)} -o ServerAliveInterval=5 -o ServerAliveCountMax=4"
