"""The one privileged step: a new database of national mailboxes, made by slapadd(8), takes the place of the old one.

For the first load, and whenever so much is different that a new database is sooner made. The entries are written by a
process of vgm-annuaire and read by slapadd as openldap; neither can do the other's work. The new database is made in a
folder of its own beside the old one, brought to the disk, and renamed over it; slapd, which goes on with the old one it
has open, is restarted once. A run that is killed anywhere leaves the old one or the new one, and the next run restarts
slapd if that is still to be done. A slapd that does not come back with the new one gets the old one again.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from vaguemestre.host.annuaire.layout import ACCOUNT
from vaguemestre.host.annuaire.settling import DATA
from vaguemestre.host.mailboxes.store import NATIONAL
from vaguemestre.host.trust import durable

CONFIGURATION = Path("/etc/ldap/slapd.conf")
SCRATCH = Path("/run/vaguemestre-annuaire")
SLAPD = "openldap"

_SOMEBODY = re.compile(r"\S+@\S+")
_SECONDS = 120  # for slapd to stop, and again to answer
HOST = ("/usr/bin/python3", "-I", "/usr/lib/vaguemestre/host.pyz", "annuaire")


class LoadError(Exception):
    """The new database was not made or not taken; the old one is there as before. `str()` says why."""


def load(root: Path, feed: tuple[str, ...] = (*HOST, "ldif")) -> float:
    """Make the database and have slapd serve it; the seconds that it took. `feed` writes the LDIF to its output.

    Raises:
        LoadError: it was not done.
        OSError: the disk.
    """
    begun = time.monotonic()
    swap = Swap(national())
    swap.recover()
    with suppress(FileNotFoundError):
        shutil.rmtree(swap.new)
    try:
        _made(swap.new, swap.live, feed, root)
        swap.take()
    finally:
        shutil.rmtree(swap.new, ignore_errors=True)
    return time.monotonic() - begun


def recover() -> None:
    """Finish what a killed run left undone: slapd may still serve a database whose file has another's place.

    Raises:
        LoadError: slapd does not answer.
        OSError: the disk.
    """
    if CONFIGURATION.exists():
        Swap(national()).recover()


def national() -> Path:
    """The folder of the national branch's database on this host; raises LoadError, OSError."""
    return database(CONFIGURATION.read_text(encoding="utf-8"))


def database(configuration: str) -> Path:
    """The folder of the national branch's database, as slapd.conf(5) has it; raises LoadError."""
    return Path(_line(configuration)[1].partition(" ")[2].strip('" '))


def redirected(configuration: str, folder: Path) -> str:
    """The same configuration with that database in another folder; raises LoadError."""
    place, _ = _line(configuration)
    lines = configuration.splitlines()
    lines[place] = f"directory {folder}"
    return "\n".join(lines) + "\n"


def _line(configuration: str) -> tuple[int, str]:
    """The line `directory` of the national database: the first after its suffix."""
    ours = False
    for place, line in enumerate(configuration.splitlines()):
        word, _, rest = line.partition(" ")
        if word in ("suffix", "database"):
            ours = rest.strip('" ') == NATIONAL
        elif word == "directory" and ours:
            return place, line
    raise LoadError(f"{CONFIGURATION} has no database {NATIONAL}\n    vaguemestre apply brings it")


class Swap:
    """The old database's folder, the new one's, and the marker that says that slapd is to be restarted.

    `restart` restarts slapd and waits until it answers, or raises LoadError.
    """

    def __init__(self, live: Path, restart: Callable[[], None] | None = None) -> None:
        self.live = live
        self.restart = restart or _restart
        self.new = live.with_name(f"{live.name}.new")
        self.before = live.with_name(f"{live.name}.before.mdb")

    def take(self) -> None:
        """Put the new database in the old one's place; raises LoadError when slapd is back with the old one."""
        held = self.live / DATA
        self.before.unlink(missing_ok=True)
        if held.exists():
            os.link(held, self.before)  # the marker, too: from here on a restart is due
        else:
            self.before.touch()
        durable.sync(self.before.parent)
        (self.new / DATA).replace(held)
        durable.sync(self.live)
        try:
            self.restart()
        except LoadError:
            self._back()
            raise
        self._over()

    def recover(self) -> None:
        """slapd is restarted if a killed run did not come to it; raises LoadError."""
        if self.before.exists():
            self.restart()
            self._over()

    def _back(self) -> None:
        if self.before.stat().st_size:
            self.before.replace(self.live / DATA)
            durable.sync(self.live)
        self.restart()
        self._over()

    def _over(self) -> None:
        self.before.unlink(missing_ok=True)
        durable.sync(self.before.parent)


def _made(new: Path, live: Path, feed: tuple[str, ...], root: Path) -> None:
    """slapadd into the folder `new`; its database is on the disk afterwards."""
    owner = pwd.getpwnam(SLAPD)
    _room(live, root)
    new.mkdir(mode=0o700)
    os.chown(new, owner.pw_uid, owner.pw_gid)
    SCRATCH.mkdir(mode=0o755, exist_ok=True)
    configuration = SCRATCH / "slapd.conf"
    configuration.write_text(redirected(CONFIGURATION.read_text(encoding="utf-8"), new), encoding="utf-8")
    configuration.chmod(0o640)
    os.chown(configuration, 0, owner.pw_gid)
    with (SCRATCH / "feed.err").open("w+b") as said_by_feed, (SCRATCH / "slapadd.err").open("w+b") as said:
        _piped(feed, configuration, said_by_feed, said)
    with (new / DATA).open("rb+") as file:
        os.fsync(file.fileno())


def _piped(feed: tuple[str, ...], configuration: Path, said_by_feed: IO[bytes], said: IO[bytes]) -> None:
    slapadd = ("/usr/sbin/slapadd", "-q", "-f", str(configuration), "-b", NATIONAL)
    with subprocess.Popen(as_account(feed), stdout=subprocess.PIPE, stderr=said_by_feed) as writer:
        with subprocess.Popen(as_account(slapadd, SLAPD), stdin=writer.stdout, stdout=said, stderr=said) as reader:
            if writer.stdout:
                writer.stdout.close()
            failed = reader.wait()
        cut = writer.wait()
    if failed or cut:
        raise LoadError(f"slapadd: {_last(said) or failed}; what it was given: {_last(said_by_feed) or cut}")


def as_account(command: tuple[str, ...], account: str = ACCOUNT) -> list[str]:
    """As that account, for good: nothing is left by which it could become anybody else (setpriv(1))."""
    lasting = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
    return ["/usr/bin/setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", *lasting, "--", *command]


def _room(live: Path, root: Path) -> None:
    """A database takes some 200 times what the zipped extraction does; others live on the disk, too."""
    free, wanted = os.statvfs(live.parent), 240 * max(_sizes(root), default=0)
    if free.f_bavail * free.f_frsize < wanted:
        raise LoadError(f"{live.parent}: less than {wanted >> 20} MiB are free for a new database")


def _sizes(root: Path) -> list[int]:
    return [one.stat().st_size for one in (root / "kept").glob("*/extraction")]


def _restart() -> None:
    """Restart slapd and wait until it answers; raises LoadError."""
    run = subprocess.run(
        ["/usr/bin/systemctl", "restart", "slapd.service"], capture_output=True, timeout=_SECONDS, check=False
    )
    until = time.monotonic() + _SECONDS
    while run.returncode == 0 and time.monotonic() < until:
        asked = ["/usr/bin/ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///"]
        if subprocess.run(asked, capture_output=True, timeout=_SECONDS, check=False).returncode == 0:
            return
        time.sleep(0.2)
    raise LoadError(f"slapd does not answer after its restart: {run.stderr.decode(errors='replace').strip()}")


def _last(said: IO[bytes]) -> str:
    """The last line: programs say there why they end. What it names somebody by is left out."""
    said.seek(0)
    lines = said.read()[-4096:].decode(errors="replace").strip().splitlines()
    return _SOMEBODY.sub("...", lines[-1]) if lines else ""
