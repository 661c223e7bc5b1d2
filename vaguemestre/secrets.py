"""The controller's store of secrets: one folder a host, one file a secret, optionally sealed with Ansible Vault.

A secret's version is the digest of its bytes. That is safe because every secret the kit handles is a key or a long
random string made by a machine; nothing that could be guessed belongs here.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from vaguemestre.errors import Exit, VaguemestreError

_SEAL = b"$ANSIBLE_VAULT;"


class SecretsError(VaguemestreError):
    """The store refuses: permissions too wide, a seal without its password, a file that is missing."""

    exit_code = Exit.INVALID


class Secrets:
    """`root`/<host>/<secret>, files 0600 in folders 0700."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def versions(self, host: str) -> dict[str, str]:
        """The host's secrets and their versions (16 hex digits); empty when there are none."""
        folder = self.root / host
        names = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
        return {name: version(self.read(host, name)) for name in names}

    def read(self, host: str, name: str) -> bytes:
        """The secret's bytes, unsealed.

        Raises:
            SecretsError: the file is missing, others may read it, or its seal cannot be opened.
        """
        path = self.root / host / name
        if not path.is_file():
            raise SecretsError(f"{path}: this secret is missing")
        content = _content(path)
        if content.startswith(_SEAL):
            return _unseal(path, content)
        if path.stat().st_mode & 0o077:
            raise SecretsError(f"{path}: others on this machine may read this secret\n    chmod 600 {path}")
        return content

    def write(self, host: str, name: str, content: bytes) -> None:
        """Keep a secret; the file is never readable by others, not even for a moment."""
        folder = self.root / host
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".{name}.new"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        draft.rename(folder / name)


def version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SecretsError(
            f"{path}: cannot be read: {error.strerror}\n    it must be yours, or run this as its owner"
        ) from error


def _unseal(path: Path, content: bytes) -> bytes:
    from ansible.parsing.vault import AnsibleVaultError, VaultLib, VaultSecret

    password_file = os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE")
    if not password_file:
        raise SecretsError(
            f"{path}: sealed with Ansible Vault, and no password is known\n"
            "    set ANSIBLE_VAULT_PASSWORD_FILE to the file that holds it"
        )
    password = VaultSecret(_content(Path(password_file).expanduser()).strip())
    try:
        unsealed: bytes = VaultLib([("default", password)]).decrypt(content)
    except AnsibleVaultError as error:
        raise SecretsError(f"{path}: the seal does not open with {password_file}: {error}") from error
    return unsealed
