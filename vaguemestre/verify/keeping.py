"""From what a run has found to its records: whom it concerns, which releases were live, what was proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vaguemestre.engines import wire
from vaguemestre.establishment import Fleet
from vaguemestre.verify.kept import Evidence, HostSeen, Run, keep
from vaguemestre.verify.site import Site
from vaguemestre.verify.verdict import Verdict


def behaviours(fleet: Fleet, sites: Sequence[Site], run: Run, verdicts: Iterable[Verdict]) -> tuple[Path, ...]:
    """Keep a run of `vaguemestre verify`; where its records are, one for each site.

    Raises:
        RecordsError: one cannot be written.
    """
    found: dict[str, list[Evidence]] = {site.establishment.slug: [] for site in sites}
    for one in verdicts:
        found.setdefault(one.slug, []).append(evidence(one))
    return kept(fleet, sites, run, found)


def kept(
    fleet: Fleet, sites: Sequence[Site], run: Run, found: Mapping[str, Sequence[Evidence]], *, whole: bool = True
) -> tuple[Path, ...]:
    """Keep what was found at each site, with the releases that are live there now; `found` by slug.

    Raises:
        RecordsError: as `behaviours`.
    """
    seen = live(fleet, sites)
    return tuple(
        keep(fleet, run.ended(fleet, site.establishment.slug, _serving(site, seen), found[slug], whole=whole))
        for site in sites
        if found.get(slug := site.establishment.slug)
    )


def evidence(one: Verdict) -> Evidence:
    """A behaviour's verdict as it is kept."""
    numbers = tuple(int(number) for number in one.requirement.split(",") if number.strip())
    return Evidence(one.proof, one.variant, numbers, one.behaviour, one.outcome, round(one.seconds, 1), one.reason)


def live(fleet: Fleet, sites: Iterable[Site]) -> dict[str, HostSeen]:
    """What is live on every host that serves these sites, by its name; one that does not answer has no release."""
    from vaguemestre.engines import pyinfra

    names = sorted({host.name for site in sites for host in site.operator.hosts})
    return {name: _seen(name, outcome) for name, outcome in pyinfra.live(fleet, names).items()}


def _serving(site: Site, seen: Mapping[str, HostSeen]) -> list[HostSeen]:
    return [seen[host.name] for host in site.operator.hosts]


def _seen(name: str, outcome: object) -> HostSeen:
    if isinstance(outcome, wire.Status):
        return HostSeen(name, outcome.live, outcome.since)
    return HostSeen(name, None, None)
