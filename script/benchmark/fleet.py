"""The fleet's audit: on 1, 2, 4, 8 real hosts beside bare SSH and plain Ansible; on a thousand that a stand-in plays;
and a thousand sites worked out. `script/bench fleet`; docs/bench.md says how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmark.measure import FailedError, Measured, measure
from benchmark.sites import stand_in, write_sites
from benchmark.stand import LAB, Stand, write_inventory
from benchmark.trials import KIT, Trials
from vaguemestre.errors import VaguemestreError
from vaguemestre.lab import Lab
from vaguemestre.overlay import VARIABLE

MIB = 1024 * 1024
_LOOKED = (0, 3)  # exit codes of an audit whose hosts were all asked


def main() -> None:
    options = _options()
    os.environ[VARIABLE] = LAB
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an ordinary installation keeps its bytecode
    figures: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="vgm-bench-") as scratch:
            _measure(figures, Path(scratch), options)
    except (FailedError, VaguemestreError) as error:
        sys.exit(f"bench: {error}")
    finally:
        if options.hosts and not options.keep_lab:
            Lab.open(LAB).down()
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
        print(_told(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench fleet", description=__doc__)
    parser.add_argument("--sites", type=int, default=1000, help="sites worked out, and played (1000); 0: none")
    parser.add_argument("--hosts", type=int, default=8, help="real hosts at most (8); 0: none, needs no root then")
    parser.add_argument("--times", type=int, default=5, help="rounds, of which the medians count (5)")
    parser.add_argument("--delay", type=float, default=0.3, help="seconds that a played host takes to answer (0.3)")
    parser.add_argument("--no-ansible", action="store_true", help="leave plain Ansible out: it takes the longest")
    parser.add_argument("--keep-lab", action="store_true", help="leave the hosts up, for another run")
    parser.add_argument("--json", type=Path, default=Path("reports/bench-fleet.json"))
    return parser.parse_args()


def _measure(figures: dict[str, Any], scratch: Path, options: argparse.Namespace) -> None:
    os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
    if options.sites:
        folder = scratch / "sites"
        write_sites(folder, options.sites)
        figures["worked out"] = _worked_out(folder, options.sites)
        figures["played"] = _played(folder, scratch / "bin", options)
    if options.hosts:
        folder = scratch / "inventory"
        folder.mkdir()
        write_inventory(folder, options.hosts)
        figures["real"] = _real(Stand.up(folder), scratch, options)


def _worked_out(folder: Path, sites: int) -> dict[str, Any]:
    """The inventory read, and each site's release made and hashed, in one process."""
    done = measure([sys.executable, "-c", _WORK, str(folder)], watch=True)
    return {"sites": sites, "seconds": done.seconds, "memory": done.memory}


_WORK = """
import sys
from pathlib import Path
from vaguemestre.inventory import read
from vaguemestre.synthesis import context, synthesise
fleet = read(Path(sys.argv[1]))
print(len({synthesise(context(fleet, one, host)).id for one, host in fleet.hosts()}))
"""


def _played(folder: Path, place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Everything but SSH and the hosts: the stand-in takes the place of `ssh`, waits, and answers as a host does."""
    path = os.pathsep.join((str(stand_in(place, options.delay)), os.environ["PATH"]))
    first = _audit(folder, (), environment={"PATH": path})
    again = [_audit(folder, (), environment={"PATH": path}, watch=number == 0) for number in range(options.times)]
    return {
        "sites": options.sites,
        "delay": options.delay,
        "first": first.seconds,
        "seconds": [one.seconds for one in again],
        "memory": again[0].memory,
    }


def _real(stand: Stand, scratch: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    (scratch / "peers").mkdir(mode=0o700)
    trials = Trials(stand, scratch / "peers")
    trials.kit("apply", options.hosts)
    numbers = [number for number in (1, 2, 4, 8) if number <= options.hosts]
    found = []
    for number in numbers:
        names = tuple(way.name for way in stand.targets[:number])
        contests: dict[str, Callable[[], float]] = {
            "audit": lambda names=names: _audit(stand.fleet.root, names).seconds,  # type: ignore[misc]
            "bare SSH": lambda number=number: trials.bare(number),  # type: ignore[misc]
        }
        contests["audit"]()  # works out what is expected: once a change, not once an audit
        runs: dict[str, list[float]] = {name: [] for name in contests}
        for _ in range(options.times):
            for name, trial in contests.items():
                runs[name].append(trial())
        if not options.no_ansible and number in (1, numbers[-1]):
            trials.ansible(number, settle=True)
            runs["Ansible check"] = [trials.ansible(number, check=True)]
        found.append({"hosts": number, **runs})
        print(f"{number} hosts: {_row(found[-1])}", flush=True)
    return found


def _audit(
    folder: Path, names: tuple[str, ...], *, environment: Mapping[str, str] | None = None, watch: bool = False
) -> Measured:
    argv = [*KIT, "audit", *names, "-i", str(folder)]
    return measure(argv, environment=environment, expected=_LOOKED, watch=watch)


def _told(figures: Mapping[str, Any]) -> str:
    lines = []
    if done := figures.get("worked out"):
        lines.append(
            f"{done['sites']} sites worked out: {done['seconds']:.1f} s (20), {done['memory'] / MIB:.0f} MB (400)"
        )
    if done := figures.get("played"):
        seconds = statistics.median(done["seconds"])
        each = seconds / done["sites"] * 1000
        lines.append(
            f"{done['sites']} hosts played, {done['delay']} s each: {seconds:.1f} s, {each:.1f} ms a host, "
            f"{done['memory'] / MIB:.0f} MB (after a change {done['first']:.1f} s)"
        )
    lines += [f"{one['hosts']} hosts: {_row(one)}" for one in figures.get("real", [])]
    return "\n".join(lines)


def _row(one: Mapping[str, Any]) -> str:
    audit, bare = statistics.median(one["audit"]), statistics.median(one["bare SSH"])
    told = f"audit {audit:.2f} s, {audit / one['hosts']:.2f} s a host, {audit / bare:.2f}x bare SSH (at most 2)"
    if runs := one.get("Ansible check"):
        told += f"; plain Ansible check mode {statistics.median(runs) / audit:.0f}x (at least 40)"
    return told


if __name__ == "__main__":
    main()
