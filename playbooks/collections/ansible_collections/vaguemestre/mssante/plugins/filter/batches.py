"""The one filter: the groups of waves and a play's hosts become the sizes of its batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.vaguemestre.mssante.plugins.plugin_utils import kit


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        kit.require()
        from vaguemestre.engines.ansible import batches

        return {"batches": batches}
