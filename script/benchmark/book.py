"""`script/bench book`: how fast the address book answers over the whole nation, with slapd on one core of a lab guest.

A slapd of its own, with the configuration of the host's role over databases apart, is loaded with an invented nation of
the real size. Then searches come at a steady rate, as Thunderbird, Outlook and our own command send them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.measure import FailedError
from benchmark.stand import LAB, Stand, write_inventory
from benchmark.table import Aim
from roles.openldap_book import UNCHECKED
from vaguemestre.errors import VaguemestreError
from vaguemestre.host.annuaire.entry import entry
from vaguemestre.host.annuaire.ldif import whole
from vaguemestre.host.annuaire.reading import Reading
from vaguemestre.host.annuaire.source import Source
from vaguemestre.lab import Lab
from vaguemestre.lab.extraction import NATIONAL, Nation, file_name, write
from vaguemestre.overlay import VARIABLE

FOLDER = "/var/lib/ldap/bench"
URL = "ldapi://%2Frun%2Fvgm-bench-slapd"
PROGRAM = Path(__file__).with_name("searches.py")
LATE = Aim(30, unit=" ms")
_HEADINGS = {
    "late": "from due to answered, at {rate:.0f} searches a second",
    "processor": "processor time of slapd, searches one after the other",
}

_PREPARE = f"""set -eu
rm -rf {FOLDER}; mkdir -p {FOLDER}/national {FOLDER}/ours
sed 's!^directory .*/national$!directory {FOLDER}/national!; s!^directory .*/vaguemestre$!directory {FOLDER}/ours!' \
    /etc/ldap/slapd.conf > {FOLDER}/slapd.conf
printf 'dn: o=vaguemestre\\nobjectClass: organization\\no: vaguemestre\\n' |
    slapadd -q -f {FOLDER}/slapd.conf -b o=vaguemestre
gzip -dc | slapadd -q -f {FOLDER}/slapd.conf -b ou=national,o=vaguemestre
"""
_SERVE = f"""set -eu
nohup taskset -c 0 slapd -d 0 -h {URL} -f {FOLDER}/slapd.conf > {FOLDER}/log 2>&1 &
echo $! > {FOLDER}/pid
for turn in $(seq 100); do ldapsearch -x -H {URL} -b '' -s base > /dev/null 2>&1 && exit 0; sleep 0.1; done
cat {FOLDER}/log; exit 1
"""
_END = f"kill $(cat {FOLDER}/pid) || true; sleep 1; rm -rf {FOLDER}"
_SCAN = f"ldapsearch -LLL -x -H {URL} -b o=vaguemestre '(street=*rue*)' dn"
_COUNT = f"slapcat -f {FOLDER}/slapd.conf -b ou=national,o=vaguemestre | grep -c ^vgmFingerprint:"


@dataclass(frozen=True)
class Searched:
    """Searches of one form, in ms; how many gave nobody, or were refused."""

    form: str
    number: int
    median: float
    p95: float
    worst: float
    empty: int
    refused: int


Figures = dict[str, list[Searched]]
"""``late``: from when a search was due until it was answered; ``processor``: what slapd worked for it, alone."""


def main() -> None:
    options = _options()
    os.environ[VARIABLE] = LAB
    try:
        with tempfile.TemporaryDirectory(prefix="vgm-bench-") as scratch:
            found = _measured(Path(scratch), options)
    except (FailedError, VaguemestreError) as error:
        sys.exit(f"bench: {error}")
    finally:
        if not options.keep_lab:
            Lab.open(LAB).down()
    for what, figures in found.items():
        print(f"\n{_HEADINGS[what].format(rate=options.rate)}", *map(_told, figures), sep="\n")
    aimed = found["late"][0].p95
    print(f"\np95 of all at {options.rate:.0f} a second: {aimed:.1f} ms  {'met' if LATE.met(aimed) else 'MISSED'}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, default=asdict, indent=2) + "\n")
    print(f"\nWritten to {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench book", description=__doc__)
    parser.add_argument("--lines", type=int, default=NATIONAL, help=f"lines of the extraction ({NATIONAL})")
    parser.add_argument("--seconds", type=float, default=30, help="under load (30)")
    parser.add_argument("--rate", type=float, default=50, help="searches a second (50)")
    parser.add_argument("--keep-lab", action="store_true", help="leave the host up")
    parser.add_argument("--json", type=Path, default=Path("reports/bench-book.json"), help="where figures are written")
    return parser.parse_args()


def _measured(scratch: Path, options: argparse.Namespace) -> Figures:
    from benchmark.trials import Trials

    inventory, peers = scratch / "inventory", scratch / "peers"
    inventory.mkdir()
    peers.mkdir()
    write_inventory(inventory, 1)
    stand = Stand.up(inventory)
    Trials(stand, peers).kit("apply", 1)
    print(f"loading {options.lines:,} lines", flush=True)
    packed, names = _nation(scratch, options.lines)
    return measured(stand.lab, stand.targets[0].name, packed, names, options.seconds, options.rate)


def measured(lab: Lab, host: str, packed: bytes, names: list[tuple[str, str]], seconds: float, rate: float) -> Figures:
    """Load the packed LDIF into a slapd apart on this guest, and search it: at a steady rate, then one by one.

    Raises:
        FailedError: a step failed; or a search without an index was not refused.
    """
    _run(lab, host, _PREPARE, packed)
    try:
        _run(lab, host, _SERVE)
        _refuses_scans(lab, host)
        lab.exec(host, ["sh", "-c", f"cat > {FOLDER}/searches.py"], PROGRAM.read_bytes())
        search = f"taskset -c 1 python3 {FOLDER}/searches.py {URL} {{}} {{}} $(cat {FOLDER}/pid)"
        asked = json.dumps(names).encode()
        _run(lab, host, search.format(5, 0), asked)  # what is asked twice is in memory
        late = json.loads(_run(lab, host, search.format(seconds, rate), asked))
        alone = json.loads(_run(lab, host, search.format(seconds, 0), asked))
        return {"late": _figures(late), "processor": _figures(alone)}
    finally:
        lab.exec(host, ["sh", "-c", _END])


def _refuses_scans(lab: Lab, host: str) -> None:
    """slapd reads so few entries (slapd.conf, size.unchecked) without asking why; more only by an index."""
    held = int(_run(lab, host, _COUNT))
    scan = lab.exec(host, ["sh", "-c", _SCAN])
    if held > UNCHECKED and scan.returncode != 11:  # RFC 4511 section 4.1.9: adminLimitExceeded
        raise FailedError(f"a search that no index answers ended with {scan.returncode}, not with 11")


def _nation(scratch: Path, lines: int) -> tuple[bytes, list[tuple[str, str]]]:
    """The nation as LDIF, packed, and a thousand names in it."""
    path = write(scratch / file_name(), Nation(lines).extraction())
    packed = scratch / "nation.ldif.gz"
    with gzip.open(packed, "wt", compresslevel=1) as file:
        file.writelines(whole("bench", _entries(path)))
    draw = random.Random(1)  # noqa: S311 - which names, nothing secret
    people = [(one.family_name, one.given_name) for one in Reading(Source(path)) if one.family_name]
    return packed.read_bytes(), [draw.choice(people) for _ in range(1000)]


def _entries(path: Path) -> Iterator[dict[str, list[str]]]:
    """Each address once: which of its lines counts is nothing to searches."""
    seen = set()
    for line in Reading(Source(path)):
        if line.address not in seen:
            seen.add(line.address)
            yield entry(line.mailbox)


def _run(lab: Lab, host: str, command: str, stdin: bytes = b"") -> bytes:
    ran = lab.exec(host, ["sh", "-c", command], stdin)
    if ran.returncode:
        raise FailedError(f"on {host}: {command.splitlines()[-1]} ended with {ran.returncode}: {ran.stderr.decode()}")
    return bytes(ran.stdout)


def _figures(late: list[tuple[str, float, str, int]]) -> list[Searched]:
    forms = defaultdict(list)
    for form, seconds, result, found in late:
        for name in ("all", form):
            forms[name].append((seconds * 1000, result, found))
    return [_searched(form, forms[form]) for form in sorted(forms, key=lambda one: (one != "all", one))]


def _searched(form: str, answers: list[tuple[float, str, int]]) -> Searched:
    times = sorted(ms for ms, _, _ in answers)
    return Searched(
        form,
        len(times),
        statistics.median(times),
        times[min(len(times) - 1, int(len(times) * 0.95))],
        times[-1],
        sum(not found and result != "refused" for _, result, found in answers),
        sum(result == "refused" for _, result, _ in answers),
    )


def _told(one: Searched) -> str:
    return (
        f"{one.form:<28}{one.number:>6} searches: median {one.median:6.1f} ms, p95 {one.p95:6.1f} ms, worst "
        f"{one.worst:7.1f} ms; nobody {one.empty}, refused {one.refused}"
    )


if __name__ == "__main__":
    main()
