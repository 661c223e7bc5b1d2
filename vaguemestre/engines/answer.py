"""What the activator answered, from what a command's two streams and exit code say; whichever client ran it."""

from __future__ import annotations

from vaguemestre.engines import wire
from vaguemestre.engines.sessions import Failure, Ran
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import VaguemestreError

Outcome = wire.Result | Failure

_NOT_FOUND = 127  # the shell's exit code for a command that is not there


def answer(name: str, ran: Ran | Failure) -> Outcome:
    """The activator's result, or why there is none; `name` is the host's."""
    if isinstance(ran, Failure):
        return ran
    if not ran.stdout and (ran.code == _NOT_FOUND or ran.stderr.startswith(b"sudo:")):
        words = ran.stderr.decode(errors="replace").strip()
        return Failure(Trouble.BARE, f"{name} is not prepared yet: {words}\n    vaguemestre bootstrap {name}")
    try:
        return wire.read(ran.stdout.splitlines(), lambda _: None)
    except VaguemestreError as error:
        words = ran.stderr.decode(errors="replace").strip()
        return Failure(Trouble.FAILED, f"{name}: {error}" + (f"; the host says:\n{words}" if words else ""))
