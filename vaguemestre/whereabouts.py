"""Where the inventory is; apart from its reading, which is slow to import."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "VAGUEMESTRE_INVENTORY"
EMBEDDED = Path(__file__).parent.parent / "inventories" / "lab"


def whereabouts(path: Path | None = None) -> Path:
    """The inventory's folder: `path`, else $VAGUEMESTRE_INVENTORY, else ``inventories/lab`` here or in the kit."""
    if path is not None:
        return path
    if named := os.environ.get(VARIABLE):
        return Path(named)
    here = Path("inventories/lab")
    return here if here.is_dir() else EMBEDDED
