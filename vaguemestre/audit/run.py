"""One audit from beginning to end: what is expected, what hosts answer, what is kept of it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from vaguemestre.audit import history
from vaguemestre.audit.expected import Expectation, Expected
from vaguemestre.audit.finding import Audit, HostAudit
from vaguemestre.audit.remembered import expected
from vaguemestre.audit.vitals import Moment
from vaguemestre.engines import clients
from vaguemestre.engines.targets import refuse_strangers
from vaguemestre.errors import Exit
from vaguemestre.records import RecordsError
from vaguemestre.whereabouts import whereabouts

if TYPE_CHECKING:
    from vaguemestre.engines import wire
    from vaguemestre.engines.answer import Outcome

_JUDGE = "vaguemestre.audit.judge"
"""Slow to import, like what it judges."""

OnText = Callable[[str], object]
"""Told what is being done, for a person who waits."""


@dataclass(frozen=True)
class Audited:
    """The hosts that were asked; what differs on each, with diffs; the exit code for all of them; `unkept` says why
    nothing of it was kept, when nothing was.
    """

    audit: Audit
    drift: Mapping[str, tuple[wire.Change, ...]]
    code: Exit
    unkept: str = ""


def audited(inventory: Path | None, names: Sequence[str], on_text: OnText) -> Audited:
    """Ask the hosts of the inventory, or those of `names` (slugs of establishments, names of hosts), and keep it.

    Raises:
        InventoryError: the inventory is wrong.
        SelectionError: a name is neither, or no host is left.
        AuditBusyError: another audit of this inventory is under way.
    """
    found = expected(inventory, lambda host: on_text(f"working out what {host} must be"))
    chosen = _chosen(found, names, whereabouts(inventory))
    folder, unkept = Path(found.records), ""
    with ExitStack() as stack:
        try:
            stack.enter_context(history.alone(folder))
        except RecordsError as error:
            unkept = str(error)
        audit, outcomes = _asked(found, chosen, on_text)
        if not unkept:
            audit, unkept = _kept(folder, found, audit)
    from vaguemestre.audit.judge import exit_code
    from vaguemestre.engines import wire

    drift = {name: one.drift for name, one in outcomes.items() if isinstance(one, wire.Status)}
    code = exit_code((host, outcomes[host.host]) for host in audit.hosts)
    return Audited(audit, drift, code, unkept)


def _chosen(found: Expectation, names: Sequence[str], root: Path) -> tuple[Expected, ...]:
    known = {name for one in found.hosts for name in (one.establishment, one.target.name)}
    refuse_strangers(names, known, root)
    wanted = set(names)
    return tuple(one for one in found.hosts if not wanted or wanted & {one.establishment, one.target.name})


def _asked(found: Expectation, chosen: Sequence[Expected], on_text: OnText) -> tuple[Audit, Mapping[str, Outcome]]:
    began, clock = datetime.now(UTC), time.monotonic()
    by_name = {one.target.name: one for one in chosen}
    outcomes: dict[str, Outcome] = {}
    hosts: dict[str, HostAudit] = {}
    on_text(f"asking {len(chosen)} hosts")
    Thread(target=import_module, args=(_JUDGE,)).start()  # while the first hosts think
    questions = (clients.Question(one.target, one.command) for one in chosen)
    for one in clients.ask(questions, base64.b64decode(found.question)):
        from vaguemestre.audit.judge import Answer, judged
        from vaguemestre.engines.answer import answer

        name = one.target.name
        outcomes[name] = answer(name, one.outcome)
        moment = Moment(one.asked, one.received)
        hosts[name] = judged(by_name[name], Answer(outcomes[name], moment), found.programs)
        on_text(f"{len(hosts)} of {len(chosen)} hosts have answered")
    ordered = tuple(hosts[one.target.name] for one in chosen)
    at = began.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Audit(at, round(time.monotonic() - clock, 3), found.kit, ordered), outcomes


def _kept(folder: Path, found: Expectation, audit: Audit) -> tuple[Audit, str]:
    """The hosts that were asked, with since when; and why that could not be kept, or ""."""
    known = [one.target.name for one in found.hosts]
    try:
        dated = history.remember(folder, audit, known, found.months)
    except RecordsError as error:
        return audit, str(error)
    by_name = {one.host: one for one in dated.hosts}
    return Audit(audit.at, audit.seconds, audit.kit, tuple(by_name[one.host] for one in audit.hosts)), ""
