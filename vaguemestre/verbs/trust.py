"""The trust space from the controller: each host's own verb `trust` is asked, all chosen hosts side by side.

What is held, believed and held back is decided on the hosts (`vaguemestre.host.trust`); here are only the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vaguemestre.circumstances import by
from vaguemestre.engines.targets import SelectionError
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet, RoleName
from vaguemestre.verbs import asking
from vaguemestre.verbs.asking import NobodyError, Said, Verb, alike

VERB = Verb("trust", RoleName.TRUST)
"""Its answers: `vaguemestre.host.trust.views` and `admin`."""


class TrustError(VaguemestreError):
    """There is nobody to ask, or what waits on the hosts is not one and the same list."""

    def __init__(self, message: str, exit_code: Exit = Exit.INVALID) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Answers(asking.Answers):
    """What each host said of the trust space."""

    codes: ClassVar[dict[str, Exit]] = {
        **asking.Answers.codes,
        "not_listed": Exit.FAILED,
        "different": Exit.CHANGES,
        "quarantined": Exit.CHANGES,
    }

    def judged(self, said: Said) -> Exit:
        """Alarms that stand are changes; sources that fail when they are asked by hand are a failure."""
        if said["result"] == "shown":
            return Exit.CHANGES if said["alarms"] else Exit.OK
        if said["result"] == "refreshed":
            return Exit.FAILED if said["failing"] else Exit.OK
        return super().judged(said)


def ask(fleet: Fleet, names: Sequence[str], arguments: Sequence[str], stdin: bytes = b"") -> Answers:
    """The verb with these arguments on each chosen host that holds the role trust.

    Raises:
        TrustError, SelectionError: there is none among them.
    """
    try:
        return Answers(*asking.ask(VERB, fleet, names, arguments, stdin))
    except NobodyError as error:
        raise TrustError(str(error)) from None


def approve(fleet: Fleet, names: Sequence[str], digest: str) -> Answers:
    """Put the quarantined list with this digest in force, in the name of whoever calls."""
    return ask(fleet, names, ["approve", digest, f"--by={by()}"])


def waiting(answers: Answers) -> tuple[str, tuple[str, ...]]:
    """The one list that waits, by its digest, and on which hosts; of answers to `diff`.

    Raises:
        TrustError: none waits, or not the same one everywhere, or nobody could say.
    """
    digests = {name: one["quarantine"]["digest"] for name, one in answers.said.items() if one["result"] == "different"}
    if not digests:
        unknown = [one["message"] for one in answers.plain().values() if "message" in one]
        raise TrustError("\n".join(unknown) or "no list waits for approval", answers.code or Exit.INVALID)
    if len(set(digests.values())) > 1:
        each = "\n".join(f"    {name}: {digest[:16]}" for name, digest in digests.items())
        raise TrustError(f"not the same list waits on all of these hosts; name one by --digest\n{each}")
    return next(iter(digests.values())), tuple(digests)


__all__ = ["Answers", "Said", "SelectionError", "TrustError", "alike", "approve", "ask", "waiting"]
