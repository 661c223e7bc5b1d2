"""The figures of a run, the ratios that matter, and how they are told."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

MIB = 1024 * 1024


@dataclass(frozen=True)
class Aim:
    """What a figure must reach: at most (`least` false) or at least this."""

    value: float
    least: bool = False
    unit: str = "x"

    def met(self, figure: float) -> bool:
        return figure >= self.value if self.least else figure <= self.value


AIMS = {
    "round trip / bare SSH": Aim(2),
    "drift check / bare SSH": Aim(2),
    "no-op apply / bare SSH": Aim(2),
    "plain Ansible / drift check": Aim(40, least=True),
    "first apply / apt alone": Aim(1.35),
    "memory of the controller": Aim(150, unit=" MB"),
}


@dataclass
class Figures:
    """Seconds by trial and number of hosts, every run kept; memory in bytes by verb."""

    hosts: int
    seconds: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, int] = field(default_factory=dict)

    def add(self, trial: str, hosts: int, seconds: float) -> None:
        self.seconds[trial, hosts].append(seconds)

    def median(self, trial: str, hosts: int) -> float | None:
        runs = self.seconds.get((trial, hosts))
        return statistics.median(runs) if runs else None

    def ratios(self) -> dict[tuple[str, int], float]:
        """(what, hosts) -> ratio of the medians, or MB."""
        found: dict[tuple[str, int], float] = {}
        for hosts in sorted({1, self.hosts}):
            for name in AIMS:
                above, _, below = (part.strip() for part in name.partition("/"))
                numerator, denominator = self.median(above, hosts), self.median(below, hosts)
                if numerator and denominator:
                    found[name, hosts] = numerator / denominator
        if self.memory:
            found["memory of the controller", self.hosts] = max(self.memory.values()) / MIB
        return found

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "hosts": self.hosts,
            "seconds": [{"trial": trial, "hosts": n, "runs": runs} for (trial, n), runs in self.seconds.items()],
            "memory": self.memory,
            "ratios": [{"what": what, "hosts": n, "ratio": ratio} for (what, n), ratio in self.ratios().items()],
        }


def told(figures: Figures) -> str:
    """Two tables in plain text: the medians, then the ratios beside their aims."""
    seconds = [
        f"{trial:<30}{hosts:>6}{figures.median(trial, hosts) or 0:>10.2f}  {min(runs):.2f} to {max(runs):.2f}"
        for (trial, hosts), runs in figures.seconds.items()
    ]
    ratios = [
        f"{what:<30}{hosts:>6}{_figure(what, ratio):>10}  {_aim(what, ratio)}"
        for (what, hosts), ratio in figures.ratios().items()
    ]
    headings = (f"{'seconds, median':<30}{'hosts':>6}{'':>10}  from to", f"{'':<30}{'hosts':>6}{'figure':>10}  aim")
    return "\n".join([headings[0], *seconds, "", headings[1], *ratios])


def _figure(what: str, figure: float) -> str:
    return f"{figure:.{0 if figure >= 10 else 2}f}{AIMS[what].unit}"


def _aim(what: str, figure: float) -> str:
    aim = AIMS[what]
    words = f"{'at least' if aim.least else 'at most'} {aim.value:g}{aim.unit}"
    return f"{words}: {'met' if aim.met(figure) else 'MISSED'}"
