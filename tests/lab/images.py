"""One warm image for every lab of the tests: making another one costs a minute."""

from __future__ import annotations

from pathlib import Path

from vaguemestre import inventory
from vaguemestre.rehearsal import packages

ROOT = Path(__file__).resolve().parents[2]
INVENTORIES = (ROOT / "inventories" / "lab", Path(__file__).parent / "inventory")


def shared_packages() -> tuple[str, ...]:
    """What it holds, whatever the lab's own hosts want: those fetch the little that is missing."""
    return tuple(sorted({name for folder in INVENTORIES for name in packages(inventory.read(folder))}))
