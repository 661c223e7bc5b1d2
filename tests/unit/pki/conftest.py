"""A desk for each test, and the password that seals what is kept there."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import Desk, prepared


@pytest.fixture
def sealing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the Ansible Vault password."""
    file = tmp_path / "vault-password"
    file.write_text("correct horse battery staple\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(file))
    return file


@pytest.fixture
def desk(tmp_path: Path, sealing: Path) -> Desk:
    return prepared(tmp_path / "inventory")
