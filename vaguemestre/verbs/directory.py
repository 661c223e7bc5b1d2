"""The national directory from the controller: each host's own verb `annuaire` is asked, all chosen hosts side by side.

What is fetched, taken and held back is decided on the hosts (`vaguemestre.host.annuaire`); here are only the questions.
"""

from __future__ import annotations

from collections.abc import Sequence

from vaguemestre.circumstances import by
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet, RoleName
from vaguemestre.verbs import asking
from vaguemestre.verbs.asking import NobodyError, Said, Verb

VERB = Verb("annuaire", RoleName.DIRECTORY)
"""Its answers: `vaguemestre.host.annuaire.views`."""


class DirectoryError(VaguemestreError):
    """There is nobody to ask, or what waits on the hosts is not one and the same extraction."""

    def __init__(self, message: str, exit_code: Exit = Exit.INVALID) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Answers(asking.Answers):
    """What each host said of the national directory."""

    def judged(self, said: Said) -> Exit:
        """What waits, and alarms that stand, are changes; a refresh by hand that came to nothing is a failure."""
        if said["result"] in ("refreshed", "approved") and (said["failing"] or said["trouble"]):
            return Exit.FAILED
        if said.get("alarms") or said.get("waiting"):
            return Exit.CHANGES
        return super().judged(said)


def ask(fleet: Fleet, names: Sequence[str], arguments: Sequence[str]) -> Answers:
    """The verb with these arguments on each chosen host that holds the role directory.

    Raises:
        DirectoryError, SelectionError: there is none among them.
    """
    try:
        return Answers(*asking.ask(VERB, fleet, names, arguments))
    except NobodyError as error:
        raise DirectoryError(str(error)) from None


def approve(fleet: Fleet, names: Sequence[str], digest: str) -> Answers:
    """Take the extraction with this digest, which is held back, in the name of whoever calls."""
    return ask(fleet, names, ["approve", digest, f"--by={by()}"])


def waiting(answers: Answers) -> tuple[str, tuple[str, ...]]:
    """The one extraction that waits, by its digest, and on which hosts; of answers to `show`.

    Raises:
        DirectoryError: none waits, or not the same one everywhere, or nobody could say.
    """
    digests = {name: one["waiting"]["sha256"] for name, one in answers.said.items() if one.get("waiting")}
    if not digests:
        unknown = [one["message"] for one in answers.plain().values() if "message" in one]
        code = answers.code if answers.code in (Exit.FAILED, Exit.UNREACHABLE) else Exit.INVALID
        raise DirectoryError("\n".join(unknown) or "no extraction waits for approval", code)
    if len(set(digests.values())) > 1:
        each = "\n".join(f"    {name}: {digest[:16]}" for name, digest in digests.items())
        raise DirectoryError(f"not the same extraction waits on all of these hosts; name one by --digest\n{each}")
    return next(iter(digests.values())), tuple(digests)
