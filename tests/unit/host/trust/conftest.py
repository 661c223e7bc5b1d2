"""The host that the tests of the refresh begin with."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from trust_nation import Host, World, host

from vaguemestre.host.trust import database


@pytest.fixture
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores look for a new file at each question; nothing waits for the disk, which is another test's business."""
    monkeypatch.setattr(database, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="session")
def after_first_run(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host after its first run; to be copied, never to be changed."""
    made = host(tmp_path_factory.mktemp("first-run"))
    made.run()
    return made


@pytest.fixture
def one(after_first_run: Host, tmp_path: Path) -> Host:
    """A host that holds a list of 100 domains and the revocation list, in a world of its own."""
    return replace(after_first_run.copied(tmp_path / "host"), world=World(dict(after_first_run.world.pages)))
