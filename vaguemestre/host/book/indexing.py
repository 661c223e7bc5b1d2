"""Bringing slapd's indices up to what its configuration declares, before it starts.

slapd fills an index as entries are written; one that is declared later knows nothing of older entries, and searches
that go by it miss them without a word. So what was declared when a database was last indexed is kept beside it, and
whenever that differs slapindex(8) runs first. Killed at any point, it runs again at the next start.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "openldap"
STAMP = "indices"
"""The file in a database's folder that says what it is indexed by."""

_SETTING = re.compile(r"^(?:index_\w+)\s.*$", re.MULTILINE)
_INDEX = re.compile(r"^index\s+(\S+)\s+(\S+)", re.MULTILINE)
_SECONDS = 780  # of the 14 minutes that systemd gives slapd to start


class IndexingError(Exception):
    """slapindex failed; the text holds its words."""


@dataclass(frozen=True)
class Database:
    """One mdb database: its suffix, its folder, and its indices in one way to write them."""

    suffix: str
    folder: Path
    indices: str

    @property
    def current(self) -> bool:
        """Whether all its entries are indexed as declared; an empty one will be."""
        return not (self.folder / "data.mdb").exists() or _read(self.folder / STAMP) == self.indices

    def remember(self) -> None:
        new = self.folder / f".{STAMP}"
        new.write_text(self.indices)
        new.replace(self.folder / STAMP)


def databases(configuration: str) -> Iterator[Database]:
    """The mdb databases of a slapd.conf(5). Pure."""
    general, *parts = re.split(r"^database\s+", configuration, flags=re.MULTILINE)
    settings = sorted(_SETTING.findall(general))
    for part in parts:
        suffix, folder = _value("suffix", part), _value("directory", part)
        if part.startswith("mdb") and suffix and folder:
            yield Database(suffix, Path(folder), "\n".join([*settings, *_declared(part)]) + "\n")


def bring_up(configuration: Path) -> list[str]:
    """Index again what was indexed otherwise; the suffixes of those. slapd must not be running.

    Raises:
        IndexingError: slapindex failed.
        OSError: the disk.
    """
    done = []
    for one in databases(configuration.read_text()):
        if not one.current:
            print(f"<5>{one.suffix}: its indices have changed, entries are indexed again", file=sys.stderr, flush=True)
            (one.folder / STAMP).unlink(missing_ok=True)
            _slapindex(configuration, one.suffix)
            done.append(one.suffix)
        one.remember()
    return done


def _slapindex(configuration: Path, suffix: str) -> None:
    command = ("/usr/sbin/slapindex", "-q", "-t", "-f", str(configuration), "-b", suffix)
    ran = subprocess.run(
        command, user=ACCOUNT, group=ACCOUNT, extra_groups=[], capture_output=True, timeout=_SECONDS, check=False
    )
    if ran.returncode:
        raise IndexingError(f"{suffix}: slapindex ended with {ran.returncode}: {ran.stderr.decode(errors='replace')}")


def _declared(part: str) -> list[str]:
    """Attribute by attribute, sorted: how lines are grouped means nothing."""
    pairs = ((name, kinds) for names, kinds in _INDEX.findall(part) for name in names.split(","))
    return sorted(f"{name} {','.join(sorted(kinds.split(',')))}" for name, kinds in pairs)


def _value(word: str, part: str) -> str:
    found = re.search(rf"^{word}\s+(.+)$", part, re.MULTILINE)
    return found[1].strip().strip('"') if found else ""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
