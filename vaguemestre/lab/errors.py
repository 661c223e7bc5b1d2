"""The one error the lab raises for a cause outside the program."""

from vaguemestre.errors import VaguemestreError


class LabError(VaguemestreError):
    """The lab cannot do what was asked; the text says what happened, where, and the way out."""
