"""What a rollout would change, and where: the plans of many hosts as one value; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vaguemestre.engines import wire
from vaguemestre.engines.door import Outcome
from vaguemestre.establishment import Establishment, Fleet, Host
from vaguemestre.host.activator.plan import Change
from vaguemestre.plan import Limits
from vaguemestre.rollouts.course import most_at_once


@dataclass(frozen=True)
class WaveOutlook:
    """The hosts of one wave, by what would become of them."""

    wave: int
    changing: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()  # not reached, or the plan itself failed


@dataclass(frozen=True)
class Group:
    """Changes that are the same, to the letter, on exactly these hosts."""

    hosts: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Outlook:
    """All of it. `refused`: what goes further than is done unasked, a sentence each; the rollout would stop there."""

    waves: tuple[WaveOutlook, ...]
    groups: tuple[Group, ...]
    refused: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """For other programs."""
        return asdict(self)


def outlook(
    fleet: Fleet, pairs: Sequence[tuple[Establishment, Host]], outcomes: Mapping[str, Outcome], limits: Limits
) -> Outlook:
    """What would become of these hosts, whose plans are `outcomes`."""
    plans = {host.name: outcomes[host.name] for _, host in pairs}
    waves = tuple(
        _wave(wave, {host.name: plans[host.name] for one, host in pairs if one.wave == wave})
        for wave in sorted({one.wave for one, _ in pairs})
    )
    crossed = (
        f"{name} {wrong}"
        for name, plan in plans.items()
        if isinstance(plan, wire.PlanResult)
        for wrong in limits.crossed(plan.changes)
    )
    most = most_at_once(len(tuple(fleet.hosts())), fleet.settings.rollout)
    many = () if "share" in limits.allow else _too_many(waves, most)
    return Outlook(waves, _groups(plans), (*crossed, *many))


def _wave(wave: int, plans: Mapping[str, Outcome]) -> WaveOutlook:
    found = {name: _kind(plan) for name, plan in plans.items()}
    kinds = ("changing", "bare", "unchanged", "failing")
    return WaveOutlook(wave, **{kind: tuple(n for n, is_ in found.items() if is_ == kind) for kind in kinds})


def _kind(plan: Outcome) -> str:
    if not isinstance(plan, wire.PlanResult):
        return "bare" if getattr(plan, "trouble", "") == "bare" else "failing"
    if plan.live is None:
        return "bare"
    return "changing" if plan.changes or plan.live != plan.release else "unchanged"


def _groups(plans: Mapping[str, Outcome]) -> tuple[Group, ...]:
    """Each change with the hosts it is the same on, then the changes of the same hosts together; most hosts first."""
    where: dict[Change, list[str]] = {}
    for name, plan in plans.items():
        for change in plan.changes if isinstance(plan, wire.PlanResult) else ():
            where.setdefault(change, []).append(name)
    together: dict[tuple[str, ...], list[Change]] = {}
    for change, hosts in where.items():
        together.setdefault(tuple(hosts), []).append(change)
    groups = (Group(hosts, tuple(changes)) for hosts, changes in together.items())
    return tuple(sorted(groups, key=lambda one: -len(one.hosts)))


def _too_many(waves: Sequence[WaveOutlook], most: int) -> Iterator[str]:
    for one in waves:
        if len(one.changing) > most:
            yield (
                f"wave {one.wave} changes {len(one.changing)} hosts at once that serve now, and {most} are the most "
                "(--allow share)"
            )
