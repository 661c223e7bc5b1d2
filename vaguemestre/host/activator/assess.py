"""The host against a release: what it is, and what keeps it from being that."""

from __future__ import annotations

from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.observe import Observed, observe
from vaguemestre.host.activator.plan import Change, changes
from vaguemestre.host.activator.store import Store
from vaguemestre.release import Release


def assess(
    machine: Machine, store: Store, wanted: Release, live: Release | None
) -> tuple[Observed, tuple[Change, ...]]:
    """What was observed, and the changes it calls for, in their order."""
    seen = observe(store.disk, machine, store.settled(), wanted, live)
    return seen, changes(wanted, live, seen)
