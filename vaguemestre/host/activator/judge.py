"""Letting daemons judge staged files at their final paths, where nothing that is live can change.

A child process takes a private mount namespace (unshare(2)), lays overlays with their upper layers on a tmpfs over
/etc, /var and every other folder that the release writes to, puts the staged files there and runs the judges. The
namespace dies with the child.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from vaguemestre.host.activator.commands import run
from vaguemestre.host.activator.disk import Disk, parent
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.switch import Move

_STAGE = "/run/vaguemestre-judge"
_NEWNS, _RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 0x00020000, 1, 32, 4096, 16384, 1 << 18  # mount(2), clone(2)
_LINES = 20  # of what a judge says; the cause is at the end

Content = Mapping[str, Callable[[], bytes]]


def judge(commands: Iterable[Sequence[str]], moves: Sequence[Move], content: Content) -> None:
    """Run each command where `moves` have already been made.

    Raises:
        ActivationError: one refuses, with its command and its own words; or the namespace cannot be made.
    """
    wanted = list(dict.fromkeys(tuple(command) for command in commands))
    if wanted and (refusals := _in_child(lambda: _refusals(wanted, moves, content))):
        raise ActivationError(
            "judge", "\n".join(["the staged configuration was refused; nothing live was changed", *refusals])
        )


def _in_child(work: Callable[[], list[str]]) -> list[str]:
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            told = work()
        except BaseException as error:
            told = [f"judging could not begin: {error}", *traceback.format_exception(error)[-3:-1]]
        with os.fdopen(writer, "w") as pipe:
            json.dump(told, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    with suppress(OSError):
        Path(_STAGE).rmdir()  # the mount point; what was mounted on it went with the child
    refusals: list[str] = json.loads(said) if said else ["the judging process was killed"]
    return refusals


def _refusals(commands: list[tuple[str, ...]], moves: Sequence[Move], content: Content) -> list[str]:
    disk = Disk()
    covered = _overlay(disk, moves)
    for move in moves:
        if any(move.path.startswith(f"{folder}/") for folder in covered):
            _make(disk, move, content)
    return [text for command in commands if (text := _refusal(command))]


def _refusal(command: tuple[str, ...]) -> str | None:
    done = run(*command)
    if not done.code:
        return None
    words = "\n  ".join(done.output.splitlines()[-_LINES:])
    return f"{' '.join(command)} ended with {done.code}:\n  {words}"


def _make(disk: Disk, move: Move, content: Content) -> None:
    if move.to == "folder":
        if disk.look(move.path):
            disk.dress_folder(move.path, move.mode, move.owner)
        else:
            disk.make_folder(move.path, move.mode, move.owner)
    elif move.was and move.was.kind == "directory":
        disk.remove_folder(move.path)
    else:
        disk.remove(move.path)
        if move.to == "file":
            _make_parents(disk, move.path)
            disk.write(move.path, content[move.path](), move.mode, move.owner)


def _make_parents(disk: Disk, path: str) -> None:
    folder = parent(path)
    if not disk.look(folder):
        _make_parents(disk, folder)
        disk.make_folder(folder)


def _overlay(disk: Disk, moves: Sequence[Move]) -> list[str]:
    """Lay the overlays; the folders that they cover."""
    folders = _folders(disk, moves)
    _unshare()
    _mount("none", "/", None, _REC | _PRIVATE)
    inner = [(path, os.open(path, os.O_PATH)) for path in _mounts_below(folders) if not _staged(path, moves)]
    Path(_STAGE).mkdir(mode=0o700, exist_ok=True)
    _mount("vaguemestre", _STAGE, "tmpfs", 0, "mode=0700")
    for number, folder in enumerate(folders):
        upper, work = Path(_STAGE, str(number), "upper"), Path(_STAGE, str(number), "work")
        upper.mkdir(parents=True)
        work.mkdir()
        _like(folder, upper)
        _mount("vaguemestre", folder, "overlay", 0, f"lowerdir={folder},upperdir={upper},workdir={work}")
    for path, fd in inner:
        if Path(path).exists():
            _mount(f"/proc/self/fd/{fd}", path, None, _BIND)
            _mount("none", path, None, _BIND | _REMOUNT | _RDONLY)
    os.chdir("/")
    return folders


def _like(folder: str, upper: Path) -> None:
    """An overlay's root has the owner and mode of its upper layer."""
    found = Path(folder).stat()
    os.chown(upper, found.st_uid, found.st_gid)
    upper.chmod(found.st_mode & 0o7777)


def _folders(disk: Disk, moves: Iterable[Move]) -> list[str]:
    folders = {"/etc", "/var"}
    for path in sorted(move.path for move in moves):
        folder = parent(path)
        while not disk.look(folder):
            folder = parent(folder)
        if folder != "/" and not any(f"{folder}/".startswith(f"{other}/") for other in folders):
            folders.add(folder)
    return sorted(folders)


def _staged(path: str, moves: Iterable[Move]) -> bool:
    return any(move.path == path for move in moves)


def _mounts_below(folders: list[str]) -> list[str]:
    """File systems mounted inside these folders: an overlay would hide them."""
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if any(point.startswith(f"{folder}/") for folder in folders)]


def _unshare() -> None:
    if _LIBC.unshare(_NEWNS):
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    answer = _LIBC.mount(source.encode(), target.encode(), kind and kind.encode(), flags, options.encode() or None)
    if answer:
        raise OSError(ctypes.get_errno(), f"mount {target}: {os.strerror(ctypes.get_errno())}")


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
