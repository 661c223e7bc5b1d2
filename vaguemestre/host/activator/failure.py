"""What stops an activation: in which phase, and the whole text for a person."""

from __future__ import annotations

from vaguemestre.errors import Exit, VaguemestreError


class ActivationError(VaguemestreError):
    """`phase` is one of document, lock, claim, recover, killed, packages, accounts, judge, prepare, switch, settle,
    probe.

    `restored`: the files are those of before, and every unit runs with them.
    """

    def __init__(self, phase: str, message: str, *, restored: bool = True) -> None:
        super().__init__(message)
        self.phase = phase
        self.restored = restored


class BusyError(ActivationError):
    """Another activation holds the lock: `holder` says which."""

    exit_code = Exit.BUSY

    def __init__(self, holder: str) -> None:
        super().__init__("lock", f"another activation is at work on this host: {holder}\n    try again later")
