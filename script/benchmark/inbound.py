"""`script/bench inbound`: messages a second through the whole inbound path, beside the same Postfix with no checks.

One operator of the lab writes to the other. The path is nginx, trust daemon, Postfix with policy and milter; beside it
stands, on a port of its own and for this measurement only, the same Postfix with plain mutual TLS: a certificate of the
authority is required, and nothing is asked about it. Both look whether the mailbox is open and has room, and deliver to
it, in turns; the queue is empty before each begins.

Told are messages a second that were taken, and that had reached the mailbox, and the host's CPU for each: the last is
what one can believe on a machine that has other things to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.flood import Sender, rate
from benchmark.measure import FailedError
from benchmark.stand import LAB, MODEL
from vaguemestre import inventory
from vaguemestre.cli import main as vaguemestre
from vaguemestre.errors import VaguemestreError
from vaguemestre.lab import Lab
from vaguemestre.overlay import VARIABLE
from vaguemestre.rehearsal import lab_plan

AIM = 0.85
PLAIN_PORT = 2525
_PATHS = {"no checks": PLAIN_PORT, "trust space": 25}
_WARM = 16  # messages before a round, which nobody counts

# Until nothing is left to deliver; `postqueue -p` each time would be work of its own.
_DELIVERED = (
    "postqueue -f; cd /var/spool/postfix && while find incoming active deferred maildrop -type f | grep -q .;"
    " do sleep 0.1; done"
)

# Postfix's own door in clear view of the network, as it would be without nginx and daemon.
_PLAIN = {
    "syslog_name": "postfix/plain",
    "smtpd_tls_security_level": "encrypt",
    "smtpd_tls_req_ccert": "yes",
    "smtpd_client_restrictions": "",
    "smtpd_sender_restrictions": "",
    "smtpd_relay_restrictions": "permit_auth_destination,reject",
    "smtpd_recipient_restrictions": "$edge_recipient_restrictions",
    "smtpd_milters": "",
}


@dataclass(frozen=True)
class Round:
    """Messages a second, taken and delivered, and seconds of the host's CPU for each, delivery included."""

    taken: float
    delivered: float
    cpu: float


@dataclass(frozen=True)
class Bench:
    """The lab with its two operators: who writes, and the host that is written to."""

    lab: Lab
    host: str
    address: str
    sender: Sender
    recipient: str

    @classmethod
    def up(cls) -> Bench:
        """Boot the demo's operators in the benchmark's lab and make operators of them."""
        lab = Lab.open(LAB)
        state = lab.up(lab_plan(inventory.read(MODEL), LAB), print)
        _make_operators()
        (_, host), (writing, other), *_ = inventory.load(MODEL).hosts()
        domain = next(one.domains[0].name for one, mine in inventory.load(MODEL).hosts() if mine.name == host.name)
        secrets = state.secrets / other.name
        sender = Sender(secrets / "tls.pem", secrets / "tls.key", f"bench@{writing.domains[0].name}")
        return cls(lab, host.name, str(host.address), sender, f"postmaster@{domain}")

    def open_plain_door(self) -> None:
        service = f"{PLAIN_PORT}/inet"
        settings = " ".join(shlex.quote(f"{service}/{name}={value}") for name, value in _PLAIN.items())
        self.run(f"postconf -M {service}='{PLAIN_PORT} inet n - n - - smtpd' && postconf -P {settings}")
        self.run(f"nft insert rule inet vaguemestre input tcp dport {PLAIN_PORT} accept && systemctl reload postfix")
        time.sleep(2)

    def round(self, port: int, messages: int, per_session: int) -> Round:
        """One round, once nothing is left of earlier ones and the path is warm."""
        server = self.address, port
        rate(self.sender, server, self.recipient, _WARM, per_session)
        self.run(_DELIVERED)
        cpu, begun = self._cpu(), time.monotonic()
        taken = rate(self.sender, server, self.recipient, messages, per_session)
        self.run(_DELIVERED)
        lasted = time.monotonic() - begun
        return Round(taken, messages / lasted, (self._cpu() - cpu) / messages)

    def _cpu(self) -> float:
        """Seconds of CPU that the host has used so far (cgroups(7), cpu.stat)."""
        return int(self.run("cat /sys/fs/cgroup/cpu.stat").split()[1]) / 1e6

    def run(self, command: str) -> str:
        done = self.lab.exec(self.host, ["sh", "-c", command], timeout=120)
        if done.returncode:
            raise FailedError(f"`{command}` failed on {self.host}: {done}")
        return done.stdout.decode() if isinstance(done.stdout, bytes) else str(done.stdout)


def main() -> None:
    options = _options()
    os.environ[VARIABLE] = LAB
    os.environ[inventory.VARIABLE] = str(MODEL)
    try:
        found = _measured(Bench.up(), options)
    except (FailedError, VaguemestreError) as error:
        sys.exit(f"bench: {error}")
    finally:
        if not options.keep_lab:
            Lab.open(LAB).down()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2) + "\n")
    print(f"\nWritten to {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench inbound", description=__doc__)
    parser.add_argument("--messages", type=int, default=400, help="in each round (400)")
    parser.add_argument("--rounds", type=int, default=5, help="in turns, of which the median counts (5)")
    parser.add_argument("--keep-lab", action="store_true", help="leave the hosts up, for another run")
    parser.add_argument("--json", type=Path, default=Path("reports/bench-inbound.json"), help="where it is written")
    return parser.parse_args()


def _measured(bench: Bench, options: argparse.Namespace) -> dict[str, dict[str, list[dict[str, float]]]]:
    """By messages a session and path: each round."""
    bench.open_plain_door()
    found: dict[str, Any] = {}
    for per_session in (1, 10):
        rounds: dict[str, list[Round]] = {name: [] for name in _PATHS}
        for number in range(options.rounds):
            for name in list(_PATHS)[:: 1 if number % 2 else -1]:
                rounds[name].append(bench.round(_PATHS[name], options.messages, per_session))
        found[f"{per_session} a session"] = {name: list(map(vars, some)) for name, some in rounds.items()}
        print("\n".join(_told(per_session, *rounds.values())), flush=True)
    return found


def _told(per_session: int, plain: list[Round], edge: list[Round]) -> Iterator[str]:
    yield f"{per_session} message(s) a session, beside no checks; the median of {len(edge)} rounds (all of them):"
    yield _line("taken, a second", [one.taken for one in edge], [one.taken for one in plain])
    yield _line("delivered, a second", [one.delivered for one in edge], [one.delivered for one in plain])
    yield _line("1 / CPU, ms", [1e-3 / one.cpu for one in edge], [1e-3 / one.cpu for one in plain])


def _line(what: str, ours: list[float], theirs: list[float]) -> str:
    """The ratio of the medians, and from where to where it goes, each pair of neighbouring rounds for itself."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    pairs = sorted(one / other for one, other in zip(ours, theirs, strict=True))
    verdict = "met" if ratio >= AIM else "MISSED"
    figures = f"{statistics.median(ours):8.3g} {statistics.median(theirs):8.3g}"
    return f"  {what:<22}{figures}   {ratio:.2f} of it ({pairs[0]:.2f} to {pairs[-1]:.2f}); at least {AIM}: {verdict}"


def _make_operators() -> None:
    try:
        vaguemestre(["apply"])
    except SystemExit as ended:
        if ended.code:
            raise FailedError("the operators could not be made; see above") from None


if __name__ == "__main__":
    main()
