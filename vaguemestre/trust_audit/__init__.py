"""The audit battery: every case of `vaguemestre.lab.cases`, tried on running operators in both directions.

`run` has each case's peer write to the operator, and a person of the operator's write to each peer, and then looks
where the messages are. What the operator answers is read from its replies, its reports and its journal; what it did is
proven by the peers' own record and by the mailbox.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from vaguemestre.engines.sessions import Failure
from vaguemestre.errors import Exit
from vaguemestre.establishment import Fleet
from vaguemestre.lab import Lab
from vaguemestre.lab.case import Case
from vaguemestre.lab.cases import BY_SLUG, CASES
from vaguemestre.overlay import lab_name
from vaguemestre.trust_audit.battery import Battery, Wanted
from vaguemestre.trust_audit.errors import AuditError
from vaguemestre.trust_audit.peers import Peers
from vaguemestre.trust_audit.verdict import Direction, Observation, Verdict
from vaguemestre.verify.site import Site, chosen, in_service

__all__ = ["AuditError", "Direction", "Observation", "Verdict", "audited", "run", "wanted"]

OnText = Callable[[str, str], None]
BOTH: tuple[Direction, ...] = ("inbound", "outbound")
DIRECTIONS: dict[str, tuple[Direction, ...]] = {"in": ("inbound",), "out": ("outbound",), "both": BOTH}

_NATION = """{root}: this inventory is no lab's, and the peers of the national audit are the nation's
    ask for an audit through your operator contract: the national agency's tool writes to your domain and expects to be
    written to; what it tries is in docs/audit-trust.md
    rehearse here first: vaguemestre lab up, vaguemestre apply, vaguemestre audit-trust"""


def wanted(slugs: Sequence[str] = (), directions: Sequence[Direction] = BOTH) -> Wanted:
    """The cases with these slugs (none: all), in these directions.

    Raises:
        AuditError: a slug is no case's.
    """
    if unknown := sorted(set(slugs) - BY_SLUG.keys()):
        raise AuditError(f"{', '.join(unknown)}: no such case\n    known: {', '.join(BY_SLUG)}")
    cases: tuple[Case, ...] = tuple(case for case in CASES if not slugs or case.slug in slugs)
    return Wanted(cases, tuple(directions))


def run(fleet: Fleet, sites: Sequence[Site], what: Wanted, on_text: OnText) -> dict[str, tuple[Verdict, ...]]:
    """Audit these sites side by side; verdicts by establishment.

    Raises:
        AuditError: the lab has no peers, or a host went away (exit code 4).
    """
    peers = Peers.of(Lab.open(lab_name()))
    batteries = [Battery(fleet, site, peers, what, f"audit{secrets.token_hex(5)}", on_text) for site in sites]
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda battery: battery.fired(), batteries))
    return {site.establishment.slug: verdicts for site, verdicts in zip(sites, found, strict=True)}


def audited(fleet: Fleet, names: Sequence[str] = ()) -> list[Site]:
    """The operators meant by `names` (see `verify.site.chosen`); those that they host only when named.

    Raises:
        AuditError: the inventory is no lab's, the lab is not up, a host is away (exit code 4) or no operator yet.
        SelectionError: a name means nothing here.
    """
    if fleet.settings.lab is None:
        raise AuditError(_NATION.format(root=fleet.root))
    Peers.of(Lab.open(lab_name()))  # the lab that is not up is told before its hosts that are not there
    sites = [s for s in chosen(fleet, names) if s.establishment.slug in names or s.establishment == s.operator]
    serving = in_service(fleet, sorted({site.host.name for site in sites}))
    if away := [one.message for one in serving.values() if isinstance(one, Failure)]:
        raise AuditError("\n".join([*away, "    nothing was tried"]), Exit.UNREACHABLE)
    if new := [name for name, made in serving.items() if not made]:
        raise AuditError(f"{', '.join(new)}: no operator yet\n    vaguemestre apply {' '.join(new)}", Exit.FAILED)
    return sites
