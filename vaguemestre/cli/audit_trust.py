"""`vaguemestre audit-trust`: the cases of the national audit, and others, tried on running operators."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vaguemestre.cli.board import LOG_WIDTH, board
from vaguemestre.cli.inventory import AsJson, Inventory
from vaguemestre.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from vaguemestre.trust_audit import Verdict


def audit_trust(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="ESTABLISHMENT", help="Establishments or hosts; without any, all operators."),
    ] = None,
    inventory: Inventory = None,
    case: Annotated[
        list[str] | None, typer.Option("--case", metavar="SLUG", help="Only this case; may be given several times.")
    ] = None,
    direction: Annotated[
        Literal["in", "out", "both"], typer.Option(help="in: peers write to the operator; out: it writes to them.")
    ] = "both",
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the verdicts as JUnit XML too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try every audit case of the trust space on running operators, both ways.

    The lab's peers play the cases: a valid operator, one without TLS, certificates that are expired, revoked, of
    another authority, listed for another domain, right in CN and wrong in DN, and many more. Each writes to the
    operator, and a mailbox of the operator, opened for the time of the audit, writes to each. A case passes when the
    operator gives its very reason, and when the peers' record proves that what was refused never reached anybody and
    that nothing was said in clear. Operators are tried side by side, in about a minute and a half. Every case is told
    in docs/audit-trust.md.

    Exit code 0: all as expected. 1: at least one case is not, or the lab is not up. 2: no such case, or the inventory
    is no lab's. 4: a host cannot be reached.
    """
    from vaguemestre import inventory as door
    from vaguemestre.trust_audit import DIRECTIONS, audited, report, run, wanted
    from vaguemestre.verify import keeping
    from vaguemestre.verify.kept import Run

    what = wanted(case or (), DIRECTIONS[direction])
    fleet = door.load(inventory)
    sites = audited(fleet, names or ())
    begun, record = time.monotonic(), Run.begin("trust-audit")
    with board([site.establishment.slug for site in sites], quiet=as_json) as told:
        results = run(fleet, sites, what, told)
    seconds = time.monotonic() - begun
    keeping.kept(fleet, sites, record, report.evidence(results), whole=what == wanted())
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_bytes(report.junit(results))
    if as_json:
        typer.echo(json.dumps(report.plain(results, seconds), indent=2, ensure_ascii=False))
    else:
        _show(results, seconds)
    raise typer.Exit(Exit.OK if report.passed(results) else Exit.FAILED)


def _show(results: Mapping[str, Sequence[Verdict]], seconds: float) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False)
    for slug, verdicts in results.items():
        console.print(_table(slug, verdicts))
        for one in (one for one in verdicts if not one.passed):
            console.print(f"[red]✗ {one.case}, {one.direction}[/]: {escape('; '.join(one.faults))}")
            console.print(f"    {escape(one.seen.detail)}")
        console.print()
    tried = [one for verdicts in results.values() for one in verdicts]
    failed = sum(not one.passed for one in tried)
    console.print(f"[bold]{len(tried)} cases tried in {seconds:.0f} s, {failed} not as they must be[/]")


def _table(slug: str, verdicts: Sequence[Verdict]) -> Table:
    from rich.table import Column, Table

    from vaguemestre.lab.cases import BY_SLUG

    order = list(BY_SLUG)
    table = Table(Column("case", no_wrap=True), "what is tried", "peer writes", "is written to", title=slug, box=None)
    table.title_justify = "left"
    found: dict[str, dict[str, Verdict]] = defaultdict(dict)
    for one in sorted(verdicts, key=lambda one: order.index(one.case)):
        found[one.case][one.direction] = one
    for case, both in found.items():
        title = next(iter(both.values())).title
        table.add_row(case, title, _cell(both.get("inbound")), _cell(both.get("outbound")))
    return table


def _cell(one: Verdict | None) -> str:
    if one is None:
        return "[dim]–[/]"
    observed = one.seen.reason or "?"
    words = f"{observed} ({one.seen.fate})" if observed != "accepted" else one.seen.fate
    return f"[green]✓[/] {words}" if one.passed else f"[red]✗ {words}[/], not {one.expected}"
