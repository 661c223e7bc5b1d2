"""`script/bench trust`: what deciding costs, without the lab; the figures beside their aims."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark import faces, white_list
from benchmark.measure import FailedError
from benchmark.table import MIB, Aim

Told = tuple[str, float, Aim | None]
"""A line of the table: what, the figure, its aim if it has one."""


def main() -> None:
    options = _options()
    found: dict[str, Any] = {}
    try:
        for name, part in PARTS.items():
            if not options.only or name in options.only:
                lines, found[name] = part(options)
                print("\n".join(map(_line, lines)), flush=True)
    except FailedError as error:
        sys.exit(f"bench: {error}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2, default=vars) + "\n")
    print(f"\nWritten to {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench trust", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without")
    parser.add_argument("--times", type=int, default=9, help="runs of each short trial, of which the median counts (9)")
    parser.add_argument("--seconds", type=float, default=10, help="under load, each face (10)")
    parser.add_argument("--json", type=Path, default=Path("reports/bench-trust.json"), help="where figures are written")
    return parser.parse_args()


def _white_list(options: argparse.Namespace) -> tuple[list[Told], Any]:
    if shutil.which("xmlsec1") is None:
        raise FailedError("xmlsec1 is not installed: apt-get install xmlsec1")
    with tempfile.TemporaryDirectory(prefix="vgm-bench-") as scratch:
        white_list.make(Path(scratch))
        runs = white_list.measured(Path(scratch), options.times)
    ours, theirs = statistics.median(runs.ours), statistics.median(runs.theirs)
    said: list[Told] = [
        (
            f"white list of {runs.entries:,} entries, {runs.size / 1e6:.1f} MB: verified and loaded, s",
            ours,
            Aim(1, unit=""),
        ),
        ("the same file, xmlsec1 --verify, s", theirs, None),
        ("verified and loaded / xmlsec1", ours / theirs, Aim(2)),
        ("peak memory of the process that reads it, MB", runs.memory / MIB, None),
    ]
    return said, runs


def _faces(options: argparse.Namespace) -> tuple[list[Told], Any]:
    said: list[Told] = []
    found = {}
    for rows in (faces.ENTRIES, faces.ROWS):
        with tempfile.TemporaryDirectory(prefix="vgm-bench-") as scratch:
            loads, memory = faces.measured(faces.make(Path(scratch), rows), options.seconds)
        found[rows] = {"loads": loads, "memory": memory}
        for load in loads:
            about = f"{rows:,} rows, {load.face}" + (f", {load.offered:,} offered" if load.offered else "")
            policy = load.face == "policy"
            judged = policy and not load.offered
            said.append((f"{about}: decisions a second on one core", load.rate, _RATE if judged else None))
            said.append((f"{about}: CPU a decision, us", load.cpu * 1e6, None))
            said.append((f"{about}: median, ms", load.median * 1000, None))
            said.append((f"{about}: 99th of a hundred, ms", load.late * 1000, _LATE if policy else None))
        said.append((f"{rows:,} rows: memory of the daemon, MB", memory / MIB, Aim(120, unit=" MB")))
    return said, found


_RATE, _LATE = Aim(faces.AIM, least=True, unit=""), Aim(2, unit=" ms")
PARTS: dict[str, Callable[[argparse.Namespace], tuple[list[Told], Any]]] = {"white-list": _white_list, "faces": _faces}


def _line(told: Told) -> str:
    what, figure, aim = told
    words = "" if aim is None else f"{'at least' if aim.least else 'at most'} {aim.value:g}{aim.unit}"
    met = "" if aim is None else ": met" if aim.met(figure) else ": MISSED"
    return f"{what:<78}{figure:>10.2f}  {words}{met}"


if __name__ == "__main__":
    main()
