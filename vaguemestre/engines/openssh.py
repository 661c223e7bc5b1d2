"""How OpenSSH's own programs, which Ansible and testinfra start, check a host's key: as the pyinfra door does.

Only the inventory's file counts. The host stands in it by its address, which is what is connected to, or by its name.
"""

from __future__ import annotations

from pathlib import Path

from vaguemestre.engines.targets import Target


def host_key_arguments(target: Target) -> str:
    """Options of ssh(1), quoted for a shell; nothing is ever taken on trust."""
    arguments = ["-o StrictHostKeyChecking=yes"]
    if target.known_hosts:
        arguments.append(f"-o UserKnownHostsFile='{target.known_hosts}' -o GlobalKnownHostsFile=/dev/null")
        if alias := _alias(target, Path(target.known_hosts)):
            arguments.append(f"-o HostKeyAlias='{alias}'")
    return " ".join(arguments)


def _alias(target: Target, file: Path) -> str | None:
    """The name, where the file knows the host by that and not by its address. Hashed lines cannot be told: address."""
    known = _hosts(file)
    plain = target.port == 22
    name = target.name if plain else f"[{target.name}]:{target.port}"
    address = target.address if plain else f"[{target.address}]:{target.port}"
    return name if name in known and address not in known else None


def _hosts(file: Path) -> set[str]:
    """The names and addresses in a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT); none when it is missing."""
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    return {host for line in lines if line and line[0] not in "#@" for host in line.split()[0].split(",")}
