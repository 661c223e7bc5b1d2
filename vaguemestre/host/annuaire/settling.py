"""What was written to the live database of national mailboxes, and has not settled on the disk yet.

slapd writes that database without waiting for the disk (`nosync`, slapd-mdb(5)); a thousand changes would wait a
thousand times. When slapd is killed nothing is lost, for the kernel has it. But when power goes, what is on the disk
may be no database at all, and mail needs the slapd that would read it. So a mark is on the disk before the first write,
and root takes it away when all the rest is there too. When slapd starts for the first time since the machine did, a
marked database is thrown away. Nothing of ours is in it, and the next run loads it anew.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from vaguemestre.host.trust import durable

DATA = "data.mdb"
"""The file of an mdb database in its folder; `lock.mdb` beside it holds nothing that lasts."""

STARTED = Path("/run/vaguemestre-annuaire/slapd-started")
"""Is there once slapd has started; gone with the boot, as all of /run."""


def begin(mark: Path) -> None:
    """From here on the database may be written to. Raises OSError: it may not."""
    durable.write(mark, b"")
    durable.sync(mark.parent)  # also when it stood there: whoever wrote it may have been killed before this


def settle(mark: Path, database: Path) -> None:
    """Bring the database in the folder `database` to the disk; nobody writes meanwhile. Raises OSError."""
    if (data := database / DATA).exists():
        with data.open("rb+") as file:
            os.fsync(file.fileno())
    durable.remove(mark)


def prepare(mark: Path, database: Path, started: Path = STARTED) -> bool:
    """Before slapd starts: throw away what power left unsettled; whether there was such. Raises OSError.

    Where there is no database slapd makes one, which has not settled either.
    """
    unsettled = mark.exists() and not started.exists()
    if unsettled:
        (database / DATA).unlink(missing_ok=True)
        durable.sync(database)
    if not (database / DATA).exists():
        _mark(mark)
    started.parent.mkdir(mode=0o755, exist_ok=True)
    started.touch()
    return unsettled


def _mark(mark: Path) -> None:
    """By root, in another account's folder: a link that lies there is not followed."""
    with suppress(FileExistsError):
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    durable.sync(mark.parent)
