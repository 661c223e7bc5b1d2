"""One nation for the tests of a module; each test has an establishment and a state of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from publication_trial import Trial
from unit.annuaire.nation_server import NationServer, serving

# The nation counts calls by key: each test has two of its own, to publish and to look.
KEYS = {"lab-lecture": "read"} | {f"{what}-{number}": "write" for what in ("publish", "look") for number in range(999)}
NUMBERS = count()


@pytest.fixture(scope="module")
def nation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NationServer]:
    with serving(tmp_path_factory.mktemp("nation"), KEYS) as found:
        yield found


@pytest.fixture
def trial(nation: NationServer, tmp_path: Path) -> Iterator[Trial]:
    (nation.folder / "record.jsonl").unlink(missing_ok=True)
    number = next(NUMBERS)
    yield Trial(nation, tmp_path / "state", key=f"publish-{number}", sight=f"look-{number}")
    nation.fail()
