"""Publication from the controller: each host's own verb `publication` is asked, all chosen hosts side by side.

What is sent, refused and held back is decided on the hosts (`vaguemestre.host.annuaire.publication`); here are only the
questions.
"""

from __future__ import annotations

from collections.abc import Sequence

from vaguemestre.circumstances import by
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet, RoleName
from vaguemestre.verbs import asking
from vaguemestre.verbs.asking import NobodyError, Said, Verb

VERB = Verb("publication", RoleName.DIRECTORY)
"""Its answers: `vaguemestre.host.annuaire.publication.views`."""


class PublicationError(VaguemestreError):
    """There is nobody to ask, or what waits on the hosts are not the same withdrawals."""

    def __init__(self, message: str, exit_code: Exit = Exit.INVALID) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Answers(asking.Answers):
    """What each host said of publication."""

    def judged(self, said: Said) -> Exit:
        """What is to be sent or waits, and alarms that stand, are changes; a run that stopped early has failed."""
        if said["result"] == "published" and said["halted"]:
            return Exit.FAILED
        if said.get("alarms") or said.get("withheld") or said.get("operations"):
            return Exit.CHANGES
        return super().judged(said)


def ask(fleet: Fleet, names: Sequence[str], arguments: Sequence[str], stdin: bytes = b"") -> Answers:
    """The verb with these arguments on each chosen host that holds the role directory.

    Raises:
        PublicationError, SelectionError: there is none among them.
    """
    try:
        return Answers(*asking.ask(VERB, fleet, names, arguments, stdin))
    except NobodyError as error:
        raise PublicationError(str(error)) from None


def approve(fleet: Fleet, names: Sequence[str], digest: str) -> Answers:
    """Agree to the withdrawals with this digest, in the name of whoever calls."""
    return ask(fleet, names, ["approve", digest, f"--by={by()}"])


def waiting(answers: Answers) -> tuple[str, str]:
    """The digest of the withdrawals that wait, and on which host; of answers to `plan`.

    Raises:
        PublicationError: none waits, or on several hosts, or nobody could say.
    """
    digests = {name: one["withheld"]["digest"] for name, one in answers.said.items() if one.get("withheld")}
    if not digests:
        unknown = [one["message"] for one in answers.plain().values() if "message" in one]
        code = answers.code if answers.code in (Exit.FAILED, Exit.UNREACHABLE) else Exit.INVALID
        raise PublicationError("\n".join(unknown) or "no withdrawal waits for approval", code)
    if len(digests) > 1:
        raise PublicationError(f"withdrawals wait on {', '.join(digests)}: look at one host at a time, name it")
    ((host, digest),) = digests.items()
    return digest, host
