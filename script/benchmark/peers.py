"""The same release said in other tools' words: an input for sha256sum, Ansible tasks, pyinfra operations; all pure.

Each is written as its users would write it: one task or operation for each file, directory, account and unit, one
for all packages. The files come from a folder for each host, laid out as on the host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vaguemestre.release import Credential, File, Release, Unit

Bytes = Mapping[str, bytes]
"""Secrets by name."""


def contents(release: Release, secrets: Bytes) -> dict[str, bytes]:
    """Every file of the release, secrets among them, by its path on the host."""
    files = {file.path: file.content for file in release.files}
    return files | {one.path: secrets[one.secret] for one in release.credentials}


def checksums(release: Release, secrets: Bytes) -> bytes:
    """Standard input of ``sha256sum -c`` on the host."""
    found = contents(release, secrets).items()
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in found).encode()


def lay_out(release: Release, secrets: Bytes, folder: Path) -> None:
    """Write the files into `folder`/<host>, readable by their owner alone."""
    for path, content in contents(release, secrets).items():
        file = folder / release.host / path.lstrip("/")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(content)


def tasks(release: Release, folder: Path) -> list[dict[str, Any]]:
    """One Ansible play with built-in modules only; hosts of the same shape may share it."""
    return [{"hosts": "all", "gather_facts": False, "become": True, "tasks": list(_tasks(release, folder))}]


def _files(release: Release) -> Iterator[File | Credential]:
    yield from release.files
    yield from release.credentials


def _tasks(release: Release, folder: Path) -> Iterator[dict[str, Any]]:
    yield {"ansible.builtin.apt": {"name": [one.name for one in release.packages], "install_recommends": False}}
    for account in release.accounts:
        yield {"ansible.builtin.user": {"name": account.name, "home": account.home, "shell": account.shell}}
    for directory in release.directories:
        yield {"ansible.builtin.file": {"path": directory.path, "state": "directory", **_owned(directory)}}
    for file in _files(release):
        source = f"{folder}/{{{{ inventory_hostname }}}}{file.path}"
        yield {"ansible.builtin.copy": {"src": source, "dest": file.path, **_owned(file)}, "no_log": True}
    for unit in release.units:
        wanted = {"masked": True} if unit.masked else {"enabled": True, "state": "started"}
        yield {"ansible.builtin.systemd_service": {"name": unit.name, **wanted}}


def operations(release: Release, folder: Path) -> str:
    """A pyinfra deploy, as Python source; hosts of the same shape may share it."""
    return (
        "\n".join(["from pyinfra import host", f"FILES = {str(folder)!r}", *_imports(), *_operations(release)]) + "\n"
    )


def _imports() -> Iterator[str]:
    yield "from pyinfra.operations import apt, files, server, systemd"


def _operations(release: Release) -> Iterator[str]:
    yield f"apt.packages(packages={[one.name for one in release.packages]!r}, no_recommends=True)"
    for account in release.accounts:
        yield f"server.user(user={account.name!r}, home={account.home!r}, shell={account.shell!r})"
    for directory in release.directories:
        yield f"files.directory(path={directory.path!r}, {_arguments(directory)})"
    for file in _files(release):
        yield f"files.put(src=f'{{FILES}}/{{host.name}}{file.path}', dest={file.path!r}, {_arguments(file)})"
    for unit in filter(_runs, release.units):  # pyinfra has no operation that masks
        yield f"systemd.service(service={unit.name!r}, running=True, enabled=True)"


def _runs(unit: Unit) -> bool:
    return not unit.masked


def _owned(item: Any) -> dict[str, str]:
    return {"owner": item.owner, "group": item.group, "mode": f"{item.mode:04o}"}


def _arguments(item: Any) -> str:
    return f"user={item.owner!r}, group={item.group!r}, mode='{item.mode:o}'"
