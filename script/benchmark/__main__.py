"""Boots the stand, runs the trials, prints the table and writes the JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmark.measure import FailedError
from benchmark.stand import ALONE, LAB, Stand, write_inventory
from benchmark.table import AIMS, Figures, told
from benchmark.trials import Trials, middle
from vaguemestre.errors import VaguemestreError
from vaguemestre.lab import Lab
from vaguemestre.overlay import VARIABLE


def main() -> None:
    options = _options()
    os.environ[VARIABLE] = LAB
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an ordinary installation keeps its bytecode
    figures = Figures(options.hosts)
    try:
        with tempfile.TemporaryDirectory(prefix="vgm-bench-") as scratch:
            _measure(figures, Path(scratch), options)
    except (FailedError, VaguemestreError) as error:
        sys.exit(f"{told(figures)}\n\nbench: {error}")
    finally:
        if not options.keep_lab:
            Lab.open(LAB).down()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures.plain(), indent=2) + "\n")
    print(f"\n{told(figures)}\n\nWritten to {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/bench", description=f"Measures, in the lab `{LAB}`: {', '.join(AIMS)}."
    )
    parser.add_argument("--hosts", type=int, default=8, help="how many hosts stand for a fleet (8)")
    parser.add_argument("--times", type=int, default=5, help="runs of each short trial, of which the median counts (5)")
    parser.add_argument("--first", type=int, default=2, help="rounds of first apply against apt alone; 0: none (2)")
    parser.add_argument("--no-ansible", action="store_true", help="leave plain Ansible out: it takes the longest")
    parser.add_argument("--keep-lab", action="store_true", help="leave the hosts up, for another run")
    parser.add_argument("--json", type=Path, default=Path("reports/bench.json"), help="where the figures are written")
    return parser.parse_args()


def _measure(figures: Figures, scratch: Path, options: argparse.Namespace) -> None:
    stand = _stand(scratch, options.hosts)
    trials = Trials(stand, _folder(scratch, "peers"))
    _first_apply(stand, trials, figures, options.first)
    say(f"making operators of all {options.hosts} hosts")
    trials.kit("apply", options.hosts)
    for hosts in sorted({1, options.hosts}):
        _short(trials, figures, hosts, options.times)
    _memory(trials, figures, options.hosts)
    _peers(trials, figures, ansible=not options.no_ansible)


def _stand(scratch: Path, hosts: int) -> Stand:
    say(f"booting {hosts} hosts and one for apt alone")
    inventory = _folder(scratch, "inventory")
    write_inventory(inventory, hosts)
    return Stand.up(inventory)


def _first_apply(stand: Stand, trials: Trials, figures: Figures, rounds: int) -> None:
    """Fresh hosts each round, the one after the other, who begins changing from round to round."""
    contests: list[tuple[str, str, Callable[[], float]]] = [
        ("apt alone", ALONE, trials.apt),
        ("first apply", stand.targets[0].name, lambda: trials.kit("apply", 1).seconds),
    ]
    for number in range(rounds):
        for name, host, trial in contests if number % 2 == 0 else reversed(contests):
            stand.lab.reset(host)
            say(f"{name}, round {number + 1} of {rounds}")
            figures.add(name, 1, trial())


def _short(trials: Trials, figures: Figures, hosts: int, times: int) -> None:
    """What takes a second or so, in turns, so that a change of the machine's mood meets all alike."""
    contests: dict[str, Callable[[], float]] = {
        "bare SSH": lambda: trials.bare(hosts),
        "round trip": lambda: trials.round_trip(hosts),
        "drift check": lambda: trials.kit("status", hosts).seconds,
        "no-op apply": lambda: trials.kit("apply", hosts).seconds,
    }
    for number in range(times):
        say(f"{', '.join(contests)} on {hosts}: round {number + 1} of {times}")
        for name, trial in contests.items():
            figures.add(name, hosts, trial())


def _memory(trials: Trials, figures: Figures, hosts: int) -> None:
    say(f"memory of the controller, {hosts} hosts")
    for verb in ("status", "apply"):
        figures.memory[verb] = trials.kit(verb, hosts, watch=True).memory


def _peers(trials: Trials, figures: Figures, *, ansible: bool) -> None:
    """Plain pyinfra and Ansible; the first run only makes sure that nothing is left to change."""
    contests = {"plain pyinfra": trials.pyinfra} | ({"plain Ansible": trials.ansible} if ansible else {})
    for name, trial in contests.items():
        say(f"{name} on 1: once to settle, then with the watch")
        trial(1, settle=True)
        figures.add(name, 1, middle(partial(trial, 1), 2))
        if figures.hosts > 1:
            say(f"{name} on {figures.hosts}")
            figures.add(name, figures.hosts, trial(figures.hosts))


def _folder(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir(mode=0o700)
    return folder


_BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {text}", flush=True)


if __name__ == "__main__":
    main()
