"""Passwords of new mailboxes in a file for handing out: for its owner's eyes only, and written before they are set.

So that a link that breaks at the wrong moment costs nobody a password that exists nowhere else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.host.mailboxes.here import generated

_HEADER = "address;password\n"


class HandoutError(VaguemestreError):
    """The file cannot be written, so no password was made."""

    exit_code = Exit.INVALID


def writable(file: Path) -> None:
    """Refuse early what `begun` would refuse.

    Raises:
        HandoutError: it is there already, or its folder is not.
    """
    if os.path.lexists(file):
        raise HandoutError(f"{file} is there already\n    passwords are never written over others: name a new file")
    if not file.parent.is_dir():
        raise HandoutError(f"{file}: there is no folder {file.parent}")


def begun(file: Path, addresses: Iterable[str]) -> dict[str, str]:
    """A new password for each address, already on disk in `file`, which must be new.

    Raises:
        HandoutError: it cannot be written.
    """
    passwords = {address: generated() for address in addresses}
    _write(file, passwords)
    return passwords


def settled(file: Path, passwords: Mapping[str, str], given: Iterable[str]) -> int:
    """Keep those that were really set; the file goes when there is none. Gives their number."""
    chosen = {address: passwords[address] for address in given}
    if chosen != passwords:
        beside = file.with_name(f".{file.name}.new")
        _write(beside, chosen)
        beside.replace(file)
    if not chosen:
        file.unlink()
    return len(chosen)


def _write(file: Path, passwords: Mapping[str, str]) -> None:
    lines = [f"{address};{password}\n" for address, password in passwords.items()]
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(_HEADER + "".join(lines))
            opened.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise HandoutError(f"{file} cannot be written: {error.strerror}\n    no password was made") from error
