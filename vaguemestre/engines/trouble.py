"""What can go wrong between the controller and a host, each with one clear message."""

from __future__ import annotations

from enum import StrEnum

from vaguemestre.errors import Exit, VaguemestreError


class Trouble(StrEnum):
    """Why a host could not be dealt with; `UNREACHABLE` to `BARE` happen before anything was tried on it."""

    UNREACHABLE = "unreachable"  # nothing answers, or not in time
    UNKNOWN_KEY = "unknown-key"  # its host key is not in known_hosts
    CHANGED_KEY = "changed-key"  # its host key is not the one in known_hosts
    REFUSED = "refused"  # it refuses our user or our key
    BARE = "bare"  # it has not been bootstrapped yet
    LOST = "lost"  # the link broke while something was under way
    FAILED = "failed"  # a command of ours failed there

    @property
    def untouched(self) -> bool:
        """Whether it is certain that nothing was tried on the host."""
        return self not in (Trouble.LOST, Trouble.FAILED)


class TroubleError(VaguemestreError):
    """A host's trouble, with a whole message for a person."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.exit_code = Exit.FAILED if trouble is Trouble.FAILED else Exit.UNREACHABLE
