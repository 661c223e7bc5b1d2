"""`script/bench inbound`: messages a second through the whole inbound path, beside the same Postfix with no checks.

One operator of the lab writes to the other. The path is nginx, trust daemon, Postfix with policy and milter; beside it
stands, on a port of its own and for this measurement only, the same Postfix with plain mutual TLS: a certificate of the
authority is required, and nothing is asked about it. Both look whether the mailbox is open and has room, and deliver to
it, in turns; the queue is empty before each begins.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

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

    def rate(self, port: int, messages: int, per_session: int) -> float:
        """Messages a second, once nothing is left of earlier ones."""
        while "queue is empty" not in self.run("postqueue -f; postqueue -p"):
            time.sleep(1)
        return rate(self.sender, (self.address, port), self.recipient, messages, per_session)

    def run(self, command: str) -> str:
        done = self.lab.exec(self.host, ["sh", "-c", command], timeout=120)
        if done.returncode:
            raise FailedError(f"`{command}` failed on {self.host}: {done}")
        return str(done.stdout)


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


def _measured(bench: Bench, options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """By messages a session and path: the rate of each round."""
    bench.open_plain_door()
    found: dict[str, dict[str, list[float]]] = {}
    for per_session in (1, 10):
        rates: dict[str, list[float]] = {name: [] for name in _PATHS}
        for _ in range(options.rounds):
            for name, port in _PATHS.items():
                rates[name].append(bench.rate(port, options.messages, per_session))
        found[f"{per_session} a session"] = rates
        print(_told(per_session, rates), flush=True)
    return found


def _told(per_session: int, rates: dict[str, list[float]]) -> str:
    plain, edge = (statistics.median(rates[name]) for name in _PATHS)
    verdict = "" if edge / plain >= AIM else ", missed"
    return (
        f"{per_session:3} message(s) a session: {edge:6.1f} a second, {plain:6.1f} without checks: "
        f"{edge / plain:.2f} of it (aim at least {AIM}{verdict})"
    )


def _make_operators() -> None:
    try:
        vaguemestre(["apply"])
    except SystemExit as ended:
        if ended.code:
            raise FailedError("the operators could not be made; see above") from None


if __name__ == "__main__":
    main()
