"""Removing the mail of one mailbox from the store, and nothing besides.

The store belongs to the account of Dovecot, people's filters run under it, and this runs as root: no name in it is
believed. Every step goes by file descriptors from the store down, a link is never followed (O_NOFOLLOW, and
`shutil.rmtree`, which resists links planted meanwhile), and an address is only ever two names below the store.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaguemestre.host.mailboxes.bal import LOCAL

STORE = Path("/var/vmail")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class UnsafeError(Exception):
    """What lies there is not what Dovecot makes, so it was left for a person to look at."""


def remove(address: str, store: Path = STORE) -> bool:
    """Remove ``store/DOMAIN/LOCAL`` of this address; False when there is nothing.

    Raises:
        UnsafeError: the address, or what lies in its place, is no mailbox's folder.
        OSError: the disk refuses; what is left is removed by the next run.
    """
    local, _, domain = address.rpartition("@")
    if not LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain) or ".." in domain:
        raise UnsafeError(f"{address!r} is no address of ours")
    if not shutil.rmtree.avoids_symlink_attacks:
        raise UnsafeError("this Python cannot remove a folder safely")
    try:
        with _opened(store) as root, _opened(domain, root) as folder:
            with _opened(local, folder):  # a folder, and no link
                pass
            shutil.rmtree(local, dir_fd=folder)
            os.fsync(folder)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _opened(path: Path | str, below: int | None = None) -> Iterator[int]:
    try:
        descriptor = os.open(path, _FOLDER, dir_fd=below)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise UnsafeError(f"{path} is no folder but a link or a file") from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)
