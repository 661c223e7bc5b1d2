"""Options of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what the roles render now")
    parser.addoption("--keep-lab", action="store_true", help="leave the tests' lab up, for the next run to use again")
