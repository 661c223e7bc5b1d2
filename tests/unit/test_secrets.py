"""The controller's store of secrets: who may read it, what is sealed, and how a refusal reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from vaguemestre.secrets import Secrets, SecretsError, seal, version

HOST = "mail.pasteur.mssante.test"
KEY = b"-----BEGIN PRIVATE KEY-----\nnothing of anybody's\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def store(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


def sealed(store: Secrets, tmp_path: Path, password: bytes) -> Path:
    """A key sealed as `ansible-vault encrypt` does it, readable by all; the file of the password."""
    vault = VaultLib([("default", VaultSecret(password))])
    store.write(HOST, "tls.key", vault.encrypt(KEY))
    (store.root / HOST / "tls.key").chmod(0o644)
    file = tmp_path / "password"
    file.write_bytes(password + b"\n")
    return file


def refusal(store: Secrets) -> str:
    with pytest.raises(SecretsError) as caught:
        store.versions(HOST)
    return str(caught.value)


def test_a_secret_is_written_for_its_owner_alone(store: Secrets) -> None:
    store.write(HOST, "tls.key", KEY)
    file = store.root / HOST / "tls.key"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert store.versions(HOST) == {"tls.key": version(KEY)}


def test_a_secret_that_others_may_read_is_refused_with_the_command_that_mends_it(store: Secrets) -> None:
    store.write(HOST, "tls.key", KEY)
    (store.root / HOST / "tls.key").chmod(0o640)
    assert f"chmod 600 {store.root / HOST / 'tls.key'}" in refusal(store)


def test_a_sealed_secret_has_the_version_of_what_is_in_it(
    store: Secrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(sealed(store, tmp_path, b"correct horse")))
    assert (store.read(HOST, "tls.key"), store.versions(HOST)) == (KEY, {"tls.key": version(KEY)})


def test_a_sealed_secret_asks_for_its_password(store: Secrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = sealed(store, tmp_path, b"correct horse")
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    assert "set ANSIBLE_VAULT_PASSWORD_FILE" in refusal(store)
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "nowhere"))
    assert f"{tmp_path / 'nowhere'}: cannot be read" in refusal(store)
    password.write_text("wrong horse\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
    assert f"the seal does not open with {password}" in refusal(store)


def test_what_is_not_live_is_kept_and_never_a_hosts(store: Secrets) -> None:
    for name in ("tls.key", "tls.next.key", "tls.next.csr", "tls.previous.pem", "tls.discarded.key", ".tls.key.new"):
        store.write(HOST, name, KEY)
    assert len(store.names(HOST)) == 6
    assert set(store.versions(HOST)) == {"tls.key"}


def test_what_is_sealed_opens_to_what_it_was(store: Secrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    store.write(HOST, "tls.key", seal(KEY))
    assert store.sealed(HOST, "tls.key")
    assert b"PRIVATE" not in (store.root / HOST / "tls.key").read_bytes()
    assert store.read(HOST, "tls.key") == KEY


def test_a_disk_that_does_not_take_a_secret_is_told_in_words(store: Secrets) -> None:
    store.root.parent.mkdir(exist_ok=True)
    store.root.write_text("a file where the folder should be")
    with pytest.raises(SecretsError, match=r"tls\.key: cannot be written: "):
        store.write(HOST, "tls.key", KEY)
