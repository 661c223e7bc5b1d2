"""The disk under one root. Every effect on a file goes through here, and none follows a link that was planted.

A path is walked folder by folder. A symbolic link on the way is followed only where nobody but root could have put it
(a folder and a link of root's, closed to others: `/lib`, `/var/run`); what stands at the path itself is never followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["file", "directory", "symlink", "other"]
Witness = Callable[[str], object]  # told of each effect, just before it and just after: the crash tests kill there

DRAFT = ".vgm-draft"
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
_KINDS: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}


@dataclass(frozen=True)
class Look:
    """What stands at a path: `mode` is the permission bits; `mounted` says that another file system covers it."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    mounted: bool = False


class Disk:
    """The tree below `root`; paths are absolute as the host names them.

    Every method raises OSError with the whole path in it.
    """

    def __init__(self, root: Path = Path("/"), witness: Witness = str) -> None:
        self.root = root
        self._witness = witness

    def look(self, path: str) -> Look | None:
        """What stands at `path` itself, or None."""
        try:
            with self._at(path) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                mounted = found.st_dev != os.fstat(folder).st_dev and self._is_mount_point(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "other")
        return Look(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size, mounted)

    def read(self, path: str) -> bytes:
        with (
            self._at(path) as (folder, name),
            os.fdopen(os.open(name, os.O_RDONLY | _FLAGS, dir_fd=folder), "rb") as file,
        ):
            return file.read()

    def target(self, path: str) -> str:
        """Where the symbolic link at `path` points."""
        with self._at(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def names(self, path: str) -> frozenset[str]:
        """The names in the directory at `path`; none when there is no directory."""
        try:
            with self._at(path) as (folder, name):
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _FLAGS, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        try:
            return frozenset(os.listdir(fd))  # noqa: PTH208 - an open directory
        finally:
            os.close(fd)

    def write(self, path: str, content: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None) -> None:
        """A new file, whole and on the platter; nobody could open it before it had its owner and mode."""
        with self._effect("write", path) as (folder, name):
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=folder)
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                file.flush()
                _dress(fd, mode, owner)
                os.fsync(fd)

    def link(self, path: str, target: str) -> None:
        """A new symbolic link."""
        with self._effect("link", path) as (folder, name):
            os.symlink(target, name, dir_fd=folder)

    def rename(self, draft: str, path: str) -> None:
        """Put `draft`, in the same folder, at `path` in one step."""
        with self._effect("rename", path) as (folder, name):
            os.rename(draft.rpartition("/")[2], name, src_dir_fd=folder, dst_dir_fd=folder)

    def move(self, path: str, to: str) -> None:
        """Put what is at `path` at `to`, durably; both are on one file system."""
        with self._effect("move", path) as (old, name), self._at(to) as (new, other):
            os.rename(name, other, src_dir_fd=old, dst_dir_fd=new)
            os.fsync(new)
            os.fsync(old)

    def remove(self, path: str) -> None:
        """Remove a file or link; nothing happens when it is gone."""
        if self.look(path):
            with self._effect("remove", path) as (folder, name):
                os.unlink(name, dir_fd=folder)

    def make_folder(self, path: str, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        """A new directory, durable."""
        with self._effect("make folder", path) as (folder, name):
            os.mkdir(name, 0o700, dir_fd=folder)
            self._dress_folder(folder, name, mode, owner)
            os.fsync(folder)

    def dress_folder(self, path: str, mode: int, owner: tuple[int, int] | None = None) -> None:
        """Give a directory its owner and mode."""
        with self._effect("dress folder", path) as (folder, name):
            self._dress_folder(folder, name, mode, owner)

    def remove_folder(self, path: str) -> bool:
        """Remove a directory if it is empty; whether it is gone."""
        if not self.look(path):
            return True
        with self._effect("remove folder", path) as (folder, name):
            try:
                os.rmdir(name, dir_fd=folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                return False
        return True

    def sync(self, folder: str) -> None:
        """Make the names in `folder` durable; nothing to do when it is gone."""
        try:
            with self._at(f"{folder.rstrip('/')}/.") as (fd, _):
                os.fsync(fd)
        except (FileNotFoundError, NotADirectoryError):
            return

    def put(self, path: str, content: bytes, mode: int = 0o600) -> None:
        """Replace the file at `path` in one durable step: for the activator's own notes."""
        draft = draft_of(path)
        self.remove(draft)
        self.write(draft, content, mode)
        self.rename(draft, path)
        self.sync(parent(path))

    def _is_mount_point(self, path: str) -> bool:
        """By the kernel's list (proc(5)): on an overlay, device numbers alone may differ from file to file."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return f"{self.root}/{path[1:]}".replace("//", "/") in {line.split(" ")[4] for line in lines}

    def _dress_folder(self, folder: int, name: str, mode: int, owner: tuple[int, int] | None) -> None:
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _FLAGS, dir_fd=folder)
        try:
            _dress(fd, mode, owner)
        finally:
            os.close(fd)

    @contextmanager
    def _effect(self, what: str, path: str) -> Iterator[tuple[int, str]]:
        self._witness(f"{what} {path}")
        with self._at(path) as found:
            yield found
        self._witness(f"{what} {path}: done")

    @contextmanager
    def _at(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder of `path`, open, and the last name."""
        *folders, name = path.strip("/").split("/")
        fd = -1
        try:
            fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for folder in folders:
                below = _step(fd, folder)
                os.close(fd)
                fd = below
            yield fd, name
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error
        finally:
            if fd >= 0:
                os.close(fd)


def parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def draft_of(path: str) -> str:
    """Where the next content of `path` waits: hidden and oddly named, so that no `conf.d` picks it up."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}{DRAFT}"


def _dress(fd: int, mode: int, owner: tuple[int, int] | None) -> None:
    if owner:
        os.fchown(fd, *owner)  # before the mode: chown(2) clears set-user-id bits
    os.fchmod(fd, mode)


def _step(fd: int, name: str) -> int:
    """One folder further down, open."""
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | _FLAGS, dir_fd=fd)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR) or not _planted_by_root(fd, name):
            raise
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)


def _planted_by_root(fd: int, name: str) -> bool:
    folder, link = os.fstat(fd), os.stat(name, dir_fd=fd, follow_symlinks=False)
    if not stat.S_ISLNK(link.st_mode):
        return False
    if folder.st_uid or link.st_uid or folder.st_mode & 0o022:
        raise OSError(errno.ELOOP, "a symbolic link that others could have put there is in the way")
    return True
