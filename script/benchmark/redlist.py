"""The red list in numbers: what an answer at RCPT costs with 50,000 mailboxes of ours and a million remembered
correspondents. ``PYTHONPATH=script python -m benchmark.redlist``; no lab, no root.

The daemon is a process of its own: its real faces, rules and memory on the disk, with mailboxes put into the copy that
it otherwise keeps of the directory. A thread changes ten of them a second meanwhile, as the follower would. A tenth of
the people are behind a secretariat, and half of the questions are about these: strangers and correspondents by turns.
How fast a change in the directory arrives there is tests/lab/test_redlist.py's to say, on a real slapd.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from benchmark import faces
from benchmark.faces import Load, Space
from benchmark.measure import FailedError
from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.correspondents import Correspondents
from vaguemestre.host.redlist.decide import Box, House
from vaguemestre.host.redlist.keeper import Keeper

MAILBOXES = 50_000
PAIRS = 1_000_000
AIM = 0.002  # seconds, 99 of a hundred answers
_PROTECTED = 10  # one in so many
_DESK = "desk@ch-bench.mssante.test"
_OWN = "ch-bench.mssante.test"


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--daemon":
        asyncio.run(_serve(Path(sys.argv[2])))
        return
    parser = argparse.ArgumentParser(prog="benchmark.redlist", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="under load, each rate (10)")
    parser.add_argument("--rate", type=int, default=2000, help="questions a second at an offered rate (2000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vgm-bench-") as scratch:
        try:
            loads, memory = measured(Path(scratch), options.seconds, options.rate)
        except FailedError as error:
            sys.exit(f"bench: {error}\n{(Path(scratch) / 'log').read_text()[-2000:]}")
    for load in loads:
        offered = f"{load.offered:,}/s offered" if load.offered else "at saturation"
        print(
            f"{offered}: {load.rate:,.0f} answers/s, {load.cpu * 1e6:.0f} us of CPU each, median "
            f"{load.median * 1000:.2f} ms, p99 {load.late * 1000:.2f} ms (aim {AIM * 1000:.0f} ms: "
            f"{'met' if load.late < AIM else 'MISSED'})"
        )
    print(f"{MAILBOXES:,} mailboxes, {PAIRS:,} correspondents: {memory / 1024 / 1024:.0f} MiB")


def measured(folder: Path, seconds: float, rate: int) -> tuple[list[Load], int]:
    """At saturation and at an offered rate; the daemon's memory afterwards, in bytes."""
    space = faces.make(folder, faces.ENTRIES)
    _remember(folder / "correspondents.db")
    ask = _questions(space)
    path = folder / "run"
    with _daemon(folder) as process:
        faces._kept(process, "policy", path, ask, 1)
        loads = [faces._kept(process, "red list", path, ask, seconds)]
        for offered in (rate, int(loads[0].rate / 2)):
            time.sleep(2)  # see `faces.measured`: what came before must not count
            loads.append(faces._offered(process, "red list", path, ask, offered, seconds))
        status = Path(f"/proc/{process.pid}/status").read_text()
        return loads, int(status.split("VmRSS:")[1].split()[0]) * 1024


def _box(number: int) -> str:
    return f"prenom.nom{number}@{_OWN}"


def _pair(number: int) -> tuple[str, str]:
    """Each person has written to as many others."""
    return _box(number % MAILBOXES), f"confrere{number // MAILBOXES}.nom{number}@d{number % 997}.mssante.test"


def _remember(path: Path) -> None:
    """A million pairs, written straight into the file that the daemon then reads."""
    memory = Correspondents(path, _unwanted)
    today = int(time.time()) // 86400
    rows = (
        (memory._hash(a), memory._hash(b), today - number % 170) for number in range(PAIRS) for a, b in [_pair(number)]
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT OR IGNORE INTO pairs VALUES (?, ?, ?)", rows)
    memory.close()


def _questions(space: Space) -> faces.Ask:
    """Plain, protected and unknown to her, plain, protected and written to; all over the mailboxes."""
    draw = Random(1)  # noqa: S311 - to be drawn again
    before = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nhelo_name=mx.bench.test\n"
    before += f"queue_id=\nclient_address=192.0.2.1\npolicy_context=edge\nsasl_username={space.token}\n"
    asked = []
    for number in range(20_000):
        owner, other = _pair(draw.randrange(PAIRS // _PROTECTED) * _PROTECTED)
        plain = _box(draw.randrange(MAILBOXES // _PROTECTED) * _PROTECTED + 1)
        sender = other if number % 4 == 3 else f"inconnu{number}@d{number % 997}.mssante.test"
        asked.append(f"{before}sender={sender}\nrecipient={owner if number % 2 else plain}\n\n".encode())
    return lambda number: asked[number % len(asked)]


@contextmanager
def _daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "benchmark.redlist", "--daemon", str(folder)]
    cores = sorted(os.sched_getaffinity(0))
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        faces._placed(process.pid, cores[-1])
        faces._placed(0, cores[0])
        try:
            faces._await(folder / "run", process)
            yield process
        finally:
            process.terminate()
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            os.sched_setaffinity(0, cores)


async def _serve(folder: Path) -> None:
    """The policy face of the daemon, on one socket."""
    from vaguemestre.host.trust import layout
    from vaguemestre.host.trust.daemon import knowledge
    from vaguemestre.host.trust.desk import Desk
    from vaguemestre.host.trust.layout import Places
    from vaguemestre.host.trust.policy_face import PolicyFace
    from vaguemestre.host.trust.record import Journal, Record
    from vaguemestre.host.trust.redlist_desk import RedListDesk

    loop = asyncio.get_running_loop()
    desk = Desk(
        knowledge(layout.settings(folder / "trust.json"), Places(folder)), Record(Journal(1, loop)), None
    )  # fmt: skip
    people, memory = _people(), Correspondents(folder / "correspondents.db", _unwanted)
    redlist = RedListDesk(desk, Keeper(people, memory, {_OWN: House("bench")}))
    threading.Thread(target=_change, args=(people,), daemon=True).start()
    server = await loop.create_unix_server(lambda: PolicyFace(_Host(), desk, redlist), str(folder / "run"))
    await server.serve_forever()


def _people() -> Copy:
    people = Copy(good_for=float("inf"))
    people.put(_DESK, Box("active", "none"))
    for number in range(MAILBOXES):
        guarded = number % _PROTECTED == 0
        people.put(_box(number), Box("active", "secretariat", _DESK) if guarded else Box("active", "none"))
    people.confirm()
    return people


def _change(people: Copy) -> None:
    for number in range(1 << 30):
        people.put(_box(number * _PROTECTED % MAILBOXES + 2), Box("active", ("none", "unlisted")[number % 2]))
        time.sleep(0.1)


class _Host:
    """Takes everybody in, and ends on trouble."""

    def admit(self, _: object) -> bool:
        return True

    def left(self, _: object) -> None: ...

    def malformed(self, face: str, why: str) -> None:
        raise AssertionError(f"{face}: {why}")

    def failed(self, face: str, error: BaseException) -> None:
        raise AssertionError(face) from error


def _unwanted(where: str, why: str) -> None:
    raise AssertionError(f"{where}: {why}")


if __name__ == "__main__":
    main()
