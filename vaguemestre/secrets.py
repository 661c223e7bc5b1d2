"""The controller's store of secrets: one folder a host, one file a secret, optionally sealed with Ansible Vault.

What is not live yet or no longer (``tls.next.key``, ``tls.previous.pem``) lies beside what is, and no host is sent it.
A secret's version is the digest of its bytes. That is safe because every secret the kit handles is a key or a long
random string made by a machine; nothing that could be guessed belongs here.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vaguemestre.errors import Exit, VaguemestreError

if TYPE_CHECKING:
    from ansible.parsing.vault import VaultSecret

_VARIABLE = "ANSIBLE_VAULT_PASSWORD_FILE"
_SEAL = b"$ANSIBLE_VAULT;"
_NOT_LIVE = re.compile(r"^\.|\.(next|previous|discarded)\.")


class SecretsError(VaguemestreError):
    """The store refuses: permissions too wide, a seal without its password, a file that is missing."""

    exit_code = Exit.INVALID


class Secrets:
    """`root`/<host>/<secret>, files 0600 in folders 0700."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def versions(self, host: str) -> dict[str, str]:
        """The host's live secrets and their versions (16 hex digits); empty when there are none."""
        return {name: version(self.read(host, name)) for name in self.names(host) if not _NOT_LIVE.search(name)}

    def names(self, host: str) -> tuple[str, ...]:
        """All that lies in the host's folder, live or not, sorted."""
        folder = self.root / host
        return tuple(sorted(path.name for path in folder.iterdir() if path.is_file())) if folder.is_dir() else ()

    def has(self, host: str, name: str) -> bool:
        return (self.root / host / name).is_file()

    def sealed(self, host: str, name: str) -> bool:
        """Whether the file is sealed; reads its beginning and needs no password."""
        with (self.root / host / name).open("rb") as file:
            return file.read(len(_SEAL)) == _SEAL

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
        """Keep a secret; the file is never readable by others, not even for a moment.

        Raises:
            SecretsError: the disk does not take it.
        """
        try:
            self._write(host, name, content)
        except OSError as error:
            raise SecretsError(f"{self.root / host / name}: cannot be written: {error.strerror}") from error

    def _write(self, host: str, name: str, content: bytes) -> None:
        folder = self.root / host
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".{name}.new"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(folder / name)

    def move(self, host: str, name: str, to: str) -> None:
        """Give a secret another name, in one step; what bore that name is gone."""
        (self.root / host / name).rename(self.root / host / to)

    def copy(self, host: str, name: str, to: str) -> None:
        """The same bytes under another name too; what is sealed stays sealed."""
        self.write(host, to, _content(self.root / host / name))

    def remove(self, host: str, name: str) -> None:
        (self.root / host / name).unlink(missing_ok=True)


def seal(content: bytes) -> bytes:
    """`content` sealed with Ansible Vault, by the password in the file $ANSIBLE_VAULT_PASSWORD_FILE.

    What is sealed before it is written was never in clear on this disk.

    Raises:
        SecretsError: that variable is not set, or its file is missing or empty.
    """
    from ansible.parsing.vault import VaultLib

    secret = _password("a private key is kept sealed with Ansible Vault only, and no password is known")
    done: bytes = VaultLib([("default", secret)]).encrypt(content, secret=secret)
    return done


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
    from ansible.parsing.vault import AnsibleVaultError, VaultLib

    password = _password(f"{path}: sealed with Ansible Vault, and no password is known")
    try:
        unsealed: bytes = VaultLib([("default", password)]).decrypt(content)
    except AnsibleVaultError as error:
        raise SecretsError(f"{path}: the seal does not open with {os.environ[_VARIABLE]}: {error}") from error
    return unsealed


def _password(why: str) -> VaultSecret:
    from ansible.parsing.vault import VaultSecret

    named = os.environ.get(_VARIABLE)
    if not named:
        raise SecretsError(f"{why}\n    set {_VARIABLE} to the file that holds it")
    password = _content(Path(named).expanduser()).strip()
    if not password:
        raise SecretsError(f"{named}: the file of the Ansible Vault password is empty")
    return VaultSecret(password)
