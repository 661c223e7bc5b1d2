"""Replicas of the directory from the controller: each is asked whether it still says what its provider says."""

from __future__ import annotations

from collections.abc import Sequence

from vaguemestre.engines import pyinfra
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.targets import select
from vaguemestre.errors import Exit
from vaguemestre.establishment import Fleet, RoleName
from vaguemestre.verbs import asking
from vaguemestre.verbs.asking import NobodyError, Said, Verb

VERB = Verb("replica", RoleName.OPENLDAP)
"""Its answers: `vaguemestre.host.replica.main`."""


class Answers(asking.Answers):
    """What each replica said of itself."""

    def judged(self, said: Said) -> Exit:
        """One that does not follow is a change that somebody must look at."""
        return Exit.CHANGES if said["result"] in ("behind", "forgotten") else super().judged(said)


def ask(fleet: Fleet, names: Sequence[str]) -> Answers:
    """How far each chosen replica is; one round trip.

    Raises:
        NobodyError, SelectionError: there is no replica among them.
    """
    chosen = tuple(host.name for one, host in select(fleet, names) if host in one.replicas)
    if not chosen:
        where = ", ".join(names) or fleet.root
        raise NobodyError(
            f"{where}: no replica of a directory\n    give a second host of an operator the role openldap"
        )
    seen = pyinfra.run(fleet, chosen, asking.command(VERB, ["show"]))
    said = {name: asking.answer(VERB, name, ran) for name, ran in seen.items() if not isinstance(ran, Failure)}
    return Answers(said, {name: ran for name, ran in seen.items() if isinstance(ran, Failure)})
