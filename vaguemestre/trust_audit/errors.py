"""Why an audit did not even begin."""

from __future__ import annotations

from vaguemestre.errors import Exit, VaguemestreError


class AuditError(VaguemestreError):
    """The battery cannot be run as it was asked for; nothing was tried."""

    def __init__(self, message: str, exit_code: Exit = Exit.INVALID) -> None:
        super().__init__(message)
        self.exit_code = exit_code
