"""A document signed by a host: its own verb `sign` is asked; the key stays where it is."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from vaguemestre.engines.sessions import Failure
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet, RoleName
from vaguemestre.verbs import asking
from vaguemestre.verbs.asking import Said, Verb

VERB = Verb("sign", RoleName.TRUST)
"""Its answers: `vaguemestre.host.sign`."""


class SigningError(VaguemestreError):
    """The host did not sign; its exit code says whether it is away."""

    def __init__(self, message: str, exit_code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Pen:
    """The one host that signs."""

    fleet: Fleet
    host: str

    def chain(self) -> bytes:
        """The certificate that would sign, then its issuers, PEM.

        Raises:
            SigningError: the host is away, or has no certificate.
        """
        return str(self._asked("show")["chain"]).encode()

    def sign(self, document: bytes) -> bytes:
        """A detached signature (CMS, DER) over these very bytes.

        Raises:
            SigningError: as `chain`, or other bytes arrived there than were sent.
        """
        said = self._asked("document", document)
        if said["sha256"] != hashlib.sha256(document).hexdigest():
            raise SigningError(f"{self.host}: signed other bytes than were sent\n    try again")
        return base64.b64decode(said["signature"], validate=True)

    def _asked(self, command: str, stdin: bytes = b"") -> Said:
        said, away = asking.ask(VERB, self.fleet, [self.host], [command], stdin)
        for failure in away.values():
            raise SigningError(failure.message, _code(failure))
        if said[self.host]["result"] in ("refused", "failed"):
            raise SigningError(f"{self.host}: {said[self.host]['message']}")
        return said[self.host]


def _code(failure: Failure) -> Exit:
    from vaguemestre.engines.trouble import Trouble

    return Exit.FAILED if failure.trouble is Trouble.FAILED else Exit.UNREACHABLE
