"""`script/bench directory`: the nation's mailboxes into OpenLDAP, and a day's changes, on a lab guest.

Beside the bare `slapadd -q` of the same entries with the same configuration, in the same run: what counts is the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmark.measure import FailedError
from benchmark.stand import LAB, Stand, write_inventory
from vaguemestre.errors import VaguemestreError
from vaguemestre.lab import Lab
from vaguemestre.lab.extraction import NATIONAL, Nation, file_name, write
from vaguemestre.overlay import VARIABLE

FOLDER = "/srv/vgm-bench"
PROGRAM = Path(__file__).with_name("refreshing.py")
RATIO, DELTA, MEMORY = 1.5, 10.0, 200.0
"""Aims: the load against slapadd, seconds for 1,000 changes, MiB of the sync."""


def main() -> None:
    options = _options()
    os.environ[VARIABLE] = options.lab or LAB
    try:
        with tempfile.TemporaryDirectory(prefix="vgm-bench-") as scratch:
            found = _measured(Path(scratch), options)
    except (FailedError, VaguemestreError) as error:
        sys.exit(f"bench: {error}")
    finally:
        if not (options.keep_lab or options.lab):
            Lab.open(LAB).down()
    print("\n".join(told(found)))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2) + "\n")
    print(f"\nWritten to {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench directory", description=__doc__)
    parser.add_argument("--lines", type=int, default=NATIONAL, help=f"lines of the extraction ({NATIONAL})")
    parser.add_argument("--lab", default="", help="a lab that is up and provisioned already; its host is spoilt")
    parser.add_argument("--keep-lab", action="store_true", help="leave the host up")
    parser.add_argument("--json", type=Path, default=Path("reports/bench-directory.json"), help="figures, in full")
    return parser.parse_args()


def _measured(scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    later = max(1, round(0.6 * NATIONAL / options.lines))  # days until a thousand mailboxes have changed
    files = [write(scratch / file_name(day), Nation(options.lines).extraction(day)) for day in (0, later)]
    if options.lab:
        lab = Lab.open(options.lab)
        state = lab.state()
        if state is None:
            raise FailedError(f"the lab {options.lab} is not up")
        host = state.guests[0].name
    else:
        lab, host = _provisioned(scratch)
    for one in (*files, PROGRAM):
        _run(lab, host, f"mkdir -p {FOLDER} && chmod 755 {FOLDER} && cat > {FOLDER}/{one.name}", one.read_bytes())
    _run(lab, host, "systemctl stop vaguemestre-annuaire.timer vaguemestre-publication.timer")
    print(f"loading {options.lines:,} lines on {host}", flush=True)
    found: dict[str, Any] = json.loads(
        _run(lab, host, f"python3 {FOLDER}/{PROGRAM.name} {FOLDER} {files[0].name} {files[1].name}")
    )
    _run(lab, host, f"rm -rf {FOLDER}")
    return {"lines": options.lines, **found}


def _provisioned(scratch: Path) -> tuple[Lab, str]:
    from benchmark.trials import Trials

    inventory, peers = scratch / "inventory", scratch / "peers"
    inventory.mkdir()
    peers.mkdir()
    write_inventory(inventory, 1)
    stand = Stand.up(inventory)
    Trials(stand, peers).kit("apply", 1)
    return stand.lab, stand.targets[0].name


def _run(lab: Lab, host: str, command: str, given: bytes = b"") -> bytes:
    done = lab.exec(host, ["sh", "-c", command], given)
    if done.returncode:
        raise FailedError(f"{host}: {command[:60]}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def told(found: dict[str, Any]) -> list[str]:
    """The table; ratios are of processor seconds too, for a machine that does other work meanwhile."""
    trials = found["trials"]
    lines = [f"{'an extraction of ' + format(found['lines'], ',') + ' lines':<44}{'wall s':>9}{'CPU s':>9}"]
    lines += [f"{name:<44}{one['wall']:>9.1f}{one['cpu']:>9.1f}" for name, one in trials.items()]
    wall, cpu = (trials["load"][unit] / trials["slapadd"][unit] for unit in ("wall", "cpu"))
    lines.append(f"{'load against slapadd -q':<44}{wall:>8.2f}x{cpu:>8.2f}x{_verdict(wall, RATIO, 'x')}")
    number = changes(found["said"])
    written = {unit: trials["delta"][unit] - trials["compare"][unit] for unit in ("wall", "cpu")}  # after parsing
    each = [1000 * written[unit] / max(1, number) for unit in ("wall", "cpu")]
    label = f"1,000 changes, of {number:,}, delta less compare"
    lines.append(f"{label:<44}{each[0]:>9.1f}{each[1]:>9.1f}{_verdict(each[0], DELTA, ' s')}")
    most = max(trials[one]["mib"] for one in ("inspect", "ldif"))
    lines.append(f"{'memory of the sync, MiB':<44}{most:>9.0f}{'':>9}{_verdict(most, MEMORY, ' MiB')}")
    lines.append(f"{'database, MB':<44}{found['database'] / 1e6:>9.0f}")
    return lines


def changes(events: list[dict[str, Any]]) -> int:
    """How many entries a run wrote, as its history tells it."""
    done = next((str(one["done"]) for one in events if one["event"] == "applied"), "")
    return sum(int(word.replace(",", "")) for word in done.split() if word[0].isdigit())


def _verdict(figure: float, aim: float, unit: str) -> str:
    return f"  at most {aim:g}{unit}: {'met' if figure <= aim else 'MISSED'}"


if __name__ == "__main__":
    main()
