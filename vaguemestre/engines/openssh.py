"""How OpenSSH's own programs, which Ansible, testinfra and audits start, check a host's key: as the pyinfra door does.

Only the inventory's file counts. The host stands in it by its address, which is what is connected to, or by its name.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from vaguemestre.engines.targets import Target


def host_key_arguments(target: Target) -> str:
    """Options of ssh(1), quoted for a shell; nothing is ever taken on trust."""
    return " ".join(
        f"-o {name}='{value}'" if _spoken(name) else f"-o {name}={value}" for name, value in _options(target)
    )


def host_key_options(target: Target) -> list[str]:
    """The same as arguments of a program that no shell starts; ssh_config(5) takes values in double quotes."""
    return [word for name, value in _options(target) for word in ("-o", f'{name}="{value}"')]


def _options(target: Target) -> list[tuple[str, str]]:
    options = [("StrictHostKeyChecking", "yes")]
    if target.known_hosts:
        options += [("UserKnownHostsFile", target.known_hosts), ("GlobalKnownHostsFile", "/dev/null")]
        if alias := _alias(target, Path(target.known_hosts)):
            options.append(("HostKeyAlias", alias))
    return options


def _spoken(name: str) -> bool:
    """Its value comes from the inventory and may hold anything."""
    return name in ("UserKnownHostsFile", "HostKeyAlias")


def _alias(target: Target, file: Path) -> str | None:
    """The name, where the file knows the host by that and not by its address. Hashed lines cannot be told: address."""
    known = _hosts(file)
    plain = target.port == 22
    name = target.name if plain else f"[{target.name}]:{target.port}"
    address = target.address if plain else f"[{target.address}]:{target.port}"
    return name if name in known and address not in known else None


def _hosts(file: Path) -> frozenset[str]:
    """The names and addresses in a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT); none when it is missing."""
    if not file.is_file():
        return frozenset()
    found = file.stat()
    return _read(file, found.st_mtime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=8)
def _read(file: Path, *_version: int) -> frozenset[str]:
    """A fleet's hosts share one file."""
    lines = file.read_text(errors="replace").splitlines()
    return frozenset(host for line in lines if line and line[0] not in "#@" for host in line.split()[0].split(","))
