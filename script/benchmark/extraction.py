"""Measures the national directory's way in, without any host: `PYTHONPATH=script python -m benchmark.extraction`.

An invented extraction of the real one's size is made, read, examined and compared with its next day, each in a process
of its own. Processor seconds count, not wall seconds: one core works, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vaguemestre.host.annuaire import churn, digest
from vaguemestre.host.annuaire.examination import examine
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.source import Source
from vaguemestre.lab.extraction import NATIONAL, Nation, file_name, write

AIMS = {"make": (10, 0), "read": (2, 200), "examine": (0, 200), "compare": (0, 200)}
"""Trial -> at most so many processor seconds and MiB, 0 for no aim."""


def main() -> None:
    options = _options()
    if options.trial:
        return print(json.dumps(_measured(_TRIALS[options.trial], options.folder, options.lines)))
    with tempfile.TemporaryDirectory(prefix="vgm-bench-", dir=options.folder) as scratch:
        print(f"{'an extraction of ' + format(options.lines, ',') + ' lines':<44}{'CPU s':>8}{'MiB':>8}")
        for trial in _TRIALS:
            print(_told(trial, *_apart(trial, scratch, options.lines)), flush=True)
    return None


def split(folder: Path, _: int) -> None:
    """The least that reading could be: lines, split into cells."""
    with (folder / file_name(0, ".txt")).open(encoding="utf-8") as file:
        for line in file:
            line.rstrip("\n").split("|")


def make(folder: Path, lines: int) -> None:
    write(folder / file_name(0, ".txt"), Nation(lines).extraction())


def make_next(folder: Path, lines: int) -> None:
    write(folder / file_name(1), Nation(lines).extraction(1))


def read(folder: Path, _: int) -> None:
    with Source(folder / file_name(0, ".txt")) as source:
        for _line in Reading(source):
            pass


def examine_text(folder: Path, _: int) -> None:
    with Source(folder / file_name(0, ".txt")) as source:
        examine(source, folder / "held")


def examine_zip(folder: Path, _: int) -> None:
    with Source(folder / file_name(1)) as source:
        examine(source, folder / "new")


def compare(folder: Path, _: int) -> None:
    churn.weigh(digest.records(folder / "held"), digest.records(folder / "new"))


_TRIALS: dict[str, Callable[[Path, int], None]] = {
    "make": make,
    "make the next day, zipped": make_next,
    "split only": split,
    "read": read,
    "examine": examine_text,
    "examine the next day, zipped": examine_zip,
    "compare": compare,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.extraction", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lines", type=int, default=NATIONAL, help=f"lines of the extraction ({NATIONAL})")
    parser.add_argument("--folder", type=Path, default=None, help="where to put 400 MB for a while")
    parser.add_argument("--trial", choices=_TRIALS, help=argparse.SUPPRESS)
    return parser.parse_args()


def _apart(trial: str, folder: str, lines: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmark.extraction", "--trial", trial, "--folder", folder, f"--lines={lines}"]
    seconds, mebibytes = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return seconds, mebibytes


def _measured(trial: Callable[[Path, int], None], folder: Path, lines: int) -> tuple[float, float]:
    """Processor seconds of the trial, and the most memory of its process (getrusage(2) counts in KiB)."""
    begun = time.process_time()
    trial(folder, lines)
    return time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _told(trial: str, seconds: float, mebibytes: float) -> str:
    most, room = AIMS.get(trial, (0, 0))
    aims = [f"at most {most} s"] * bool(most) + [f"at most {room} MiB"] * bool(room)
    missed = (most and seconds > most) or (room and mebibytes > room)
    verdict = f"  {', '.join(aims)}: {'MISSED' if missed else 'met'}" if aims else ""
    return f"{trial:<44}{seconds:>8.2f}{mebibytes:>8.0f}{verdict}"


if __name__ == "__main__":
    main()
