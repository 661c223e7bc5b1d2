"""What a bare host is given at the first contact: pure, from its release and the controller's key."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from vaguemestre.engines.targets import Target
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.release import File, Release


class KeyFileError(VaguemestreError):
    """The controller's SSH key cannot be given to a host."""

    exit_code = Exit.INVALID


def wanted(target: Target, release: Release) -> dict[str, Any]:
    """The arguments of `bootstrap.Wanted`: files are the release's own, so they are right for ever after.

    Raises:
        KeyFileError: the inventory names no key, or its public half cannot be had.
    """
    return {
        "debian": release.debian,
        "public_key": public_key(target),
        "sources": [_plain(one) for one in release.files if one.path.startswith("/etc/apt/")],
        "rules": [_plain(one) for one in release.files if one.path.startswith("/etc/sudoers.d/")],
    }


def public_key(target: Target) -> str:
    """The public half of the target's key, as a line of authorized_keys: from `<key>.pub`, else asked of ssh-keygen."""
    if target.key is None:
        raise KeyFileError(
            f"{target.name}: to prepare a host its new user must be given a key, and none is named\n"
            "    set settings.ssh.key in inventory.yml to the controller's private key file"
        )
    beside = Path(target.key + ".pub")
    if beside.is_file():
        return beside.read_text().strip()
    asked = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", target.key], capture_output=True, text=True)
    if asked.returncode:
        raise KeyFileError(
            f"{target.key}: its public half cannot be had: {asked.stderr.strip()}\n    keep it beside, as {beside}"
        )
    return asked.stdout.strip()


def _plain(one: File) -> tuple[str, str, str]:
    return one.path, f"{one.mode:o}", one.content.decode()
