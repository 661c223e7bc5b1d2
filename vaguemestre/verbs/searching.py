"""The address book from the controller: one host's own verb `search` is asked, as anybody on its network may ask."""

from __future__ import annotations

import json
from typing import Any

from vaguemestre.engines.targets import select
from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.establishment import Fleet, RoleName
from vaguemestre.verbs import asking
from vaguemestre.verbs.asking import NobodyError, Verb

VERB = Verb("search", RoleName.OPENLDAP)
"""Its answers: `vaguemestre.host.book.search`."""


class SearchError(VaguemestreError):
    """The question says nothing, or the host did not answer; the message is the host's own."""

    def __init__(self, message: str, exit_code: Exit) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def search(fleet: Fleet, question: dict[str, Any], on: str = "") -> dict[str, Any]:
    """What the first host that has an address book says: ``mailboxes``, a list, and ``more``, whether there are more.

    `on` is an establishment or a host. The question travels on stdin: whom people look for is in no log.

    Raises:
        SearchError: refused (exit code 2), failed (1) or the host could not be reached (4).
        SelectionError: nobody is called `on`.
    """
    holders = [host.name for _, host in select(fleet, (on,) if on else ()) if host.has(VERB.role)]
    if not holders:
        raise NobodyError(f"{on or fleet.root}: no host of these has the role {VERB.role}, so there is no address book")
    name = holders[0]
    said, away = asking.ask(VERB, fleet, (name,), (), json.dumps(question).encode())
    if name in away:
        raise SearchError(away[name].message, Exit.UNREACHABLE)
    answer = said[name]
    if answer["result"] != "found":
        refused = answer["result"] == "refused"
        message = answer["message"] if refused else f"{name}: {answer['message']}"
        raise SearchError(message, Exit.INVALID if refused else Exit.FAILED)
    return answer
