"""The one filter: the groups of waves and a play's hosts become the sizes of its batches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        from vaguemestre.engines.ansible import batches

        return {"batches": batches}
