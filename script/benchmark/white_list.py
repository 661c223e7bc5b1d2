"""The white list in numbers: verified and loaded as a host does it, beside xmlsec1, which only verifies.

Each run is a fresh process; the two take turns, so that a change of the machine's mood meets both. Counted are seconds
of CPU: of xmlsec1 the whole process, of ours the reading, from bytes to entries, without Python's start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmark.measure import FailedError

ENTRIES = 8655  # as many as the national list had in June 2026
SIGNER = "alb.mssante.test"
_SEED = 1

_CHILD = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
import idna, signxml.verifier
from cryptography import x509
from vaguemestre.host.trust.whitelist import read

xml = Path(sys.argv[1]).read_bytes()
anchors = x509.load_pem_x509_certificates(Path(sys.argv[2]).read_bytes())
wall, cpu = time.monotonic(), time.process_time()
found = read(xml, anchors=anchors, signer=sys.argv[3], at=None, now=datetime.now(UTC), max_bytes=32 << 20)
cpu, wall = time.process_time() - cpu, time.monotonic() - wall
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"cpu": cpu, "wall": wall, "peak": int(peak) * 1024, "entries": len(found.entries)}))
"""


@dataclass(frozen=True)
class Runs:
    """Seconds of CPU, one a run, and the most memory a run held, in bytes; `size` is the file's, in bytes."""

    entries: int
    size: int
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    memory: int
    their_memory: int


def make(folder: Path, entries: int = ENTRIES) -> None:
    """A signed list of the nation's size and dirt, and the authorities."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from vaguemestre.lab.listing import compose, national_size, sign
    from vaguemestre.pki.authority import Authority

    authority = Authority.create()
    signed = sign(compose(national_size(entries, _SEED), datetime.now(UTC)), authority.issue_signer(SIGNER))
    (folder / "list.xml").write_bytes(signed)
    (folder / "anchors.pem").write_bytes(authority.anchors_pem())
    (folder / "root.pem").write_bytes(authority.root.leaf.public_bytes(Encoding.PEM))
    (folder / "issuing.pem").write_bytes(authority.issuing.leaf.public_bytes(Encoding.PEM))


def measured(folder: Path, times: int) -> Runs:
    """Runs of both on the list in `folder`, in turns.

    Raises:
        FailedError: one of them does not take the list.
    """
    ours, theirs, memory, their_memory, entries = [], [], 0, 0, 0
    for _ in range(times):
        one = json.loads(_run(folder, [sys.executable, "-c", _CHILD, "list.xml", "anchors.pem", SIGNER])[0])
        _, seconds, peak = _run(
            folder,
            ["xmlsec1", "--verify", "--enabled-key-data", "x509", "--trusted-pem", "root.pem", "--untrusted-pem",
             "issuing.pem", "list.xml"],
        )  # fmt: skip
        ours.append(one["cpu"])
        theirs.append(seconds)
        memory = max(memory, one["peak"])
        their_memory, entries = max(their_memory, peak), one["entries"]
    size = (folder / "list.xml").stat().st_size
    return Runs(entries, size, tuple(ours), tuple(theirs), memory, their_memory)


def _run(folder: Path, argv: list[str]) -> tuple[bytes, float, int]:
    """What it said, its seconds of CPU, its peak memory in bytes."""
    child = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = child.stdout.read() if child.stdout else b"", child.stderr.read() if child.stderr else b""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise FailedError(f"`{argv[0]}` exited {child.returncode}:\n{errors.decode(errors='replace')[-4000:]}")
    return out, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
