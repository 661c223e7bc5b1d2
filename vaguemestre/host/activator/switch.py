"""The journalled switch of files: what is there is copied, what comes is written beside it, then all is renamed.

The journal is on the disk before the first effect of each phase, so that a power cut at any instruction leaves enough
to put everything back: see `put_back`, which may itself be cut and begun again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vaguemestre.host.activator.disk import Disk, Look, draft_of, parent
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.observe import Observed, Placed, placed
from vaguemestre.host.activator.plan import Change
from vaguemestre.host.activator.store import STATE, Current, Store
from vaguemestre.release import Credential, File, Release

Owner = tuple[int, int]


@dataclass(frozen=True)
class Move:
    """One path from what it was to what it will be. `was` None: nothing there; `target`: of a symbolic link;
    `image`: the copy of a file, in the activation's folder.
    """

    path: str
    to: Literal["file", "folder", "nothing"]
    mode: int = 0
    owner: Owner | None = None
    was: Look | None = None
    target: str | None = None
    image: str | None = None


@dataclass(frozen=True)
class Journal:
    """An activation under way. `phase`: prepare, switch, settle (all is renamed), back (being put back).

    `current` is what was live when it began, and `units` maps names to what they were then.
    """

    release: str
    current: Current
    folder: str
    phase: str
    moves: tuple[Move, ...]
    units: Mapping[str, Mapping[str, bool]]

    @classmethod
    def read(cls, noted: Mapping[str, Any]) -> Journal:
        parsed = {"current": Current(**noted["current"]), "moves": tuple(_move(plain) for plain in noted["moves"])}
        return cls(**{**noted, **parsed})


def _move(plain: dict[str, Any]) -> Move:
    was, owner = plain.pop("was"), plain.pop("owner")
    return Move(**plain, was=Look(**was) if was else None, owner=(owner[0], owner[1]) if owner else None)


def refuse_obstacles(todo: Iterable[Change], seen: Observed) -> None:
    """Nothing is clobbered: a directory where a file must come, a device, a mount point are for a person to decide.

    Raises:
        ActivationError: with all of them, and what to do.
    """
    if problems := [text for change in todo if (text := _obstacle(change, seen))]:
        raise ActivationError("prepare", "in the way, nothing was changed:\n  " + "\n  ".join(problems))


def _obstacle(change: Change, seen: Observed) -> str | None:
    if change.kind not in ("directory", "file", "credential") or change.key not in seen.paths:
        return None
    look = seen.paths[change.key].look
    if look.mounted and change.kind != "directory":
        return f"{change.key} is a mount point: unmount it, it cannot be replaced"
    fit = ("directory",) if change.kind == "directory" else ("file", "symlink")
    return None if look.kind in fit else f"{change.key} is a {look.kind}, not a {change.kind}: move it away"


def moves(todo: Iterable[Change], release: Release, seen: Observed) -> tuple[Move, ...]:
    """The changes of paths as moves, not yet with their before-images.

    Raises:
        ActivationError: an owner is unknown on this host.
    """
    items = {item.path: item for item in placed(release)}
    return tuple(
        _towards(change, items.get(change.key), seen)
        for change in todo
        if change.kind in ("directory", "file", "credential")
    )


def _towards(change: Change, item: Placed | None, seen: Observed) -> Move:
    was = seen.paths[change.key].look if change.key in seen.paths else None
    if change.action == "remove" or item is None:
        return Move(change.key, "nothing", was=was)
    owner = (seen.users.get(item.owner), seen.groups.get(item.group))
    if owner[0] is None or owner[1] is None:
        who = f"account {item.owner}" if owner[0] is None else f"group {item.group}"
        raise ActivationError("prepare", f"{item.path}: this host has no {who}; nothing was changed")
    return Move(change.key, "folder" if change.kind == "directory" else "file", item.mode, (owner[0], owner[1]), was)


class Switch:
    """One activation's files, on one disk."""

    def __init__(self, disk: Disk, store: Store) -> None:
        self.disk = disk
        self.store = store

    def prepare(self, journal: Journal, release: Release) -> Journal:
        """Copy what is there, then write every draft beside its target; nothing live has changed yet.

        Raises:
            OSError: the disk is full or cannot be written to; what was written is taken away again.
        """
        self.disk.make_folder(journal.folder, 0o700)
        whole = tuple(self._with_image(journal.folder, n, move) for n, move in enumerate(self._with_parents(journal)))
        self.disk.sync(journal.folder)  # the copies are there before anything relies on them
        journal = self.enter(journal, "prepare", moves=whole)
        try:
            self._write_drafts(journal, release)
        except OSError:
            self.put_back(journal)
            self.store.close_journal(journal.folder)
            raise
        return journal

    def enter(self, journal: Journal, phase: str, **more: Any) -> Journal:
        """Write down that this phase begins; the journal as it is now."""
        entered = Journal(**{**vars(journal), "phase": phase, **more})
        self.store.set_journal(asdict(entered))
        return entered

    def perform(self, journal: Journal) -> None:
        """Put every draft in its place, remove what goes; durable when it returns."""
        for move in journal.moves:
            self._perform(move)
        self._sync(journal)

    def put_back(self, journal: Journal) -> None:
        """Every path as it was, no draft left; may be repeated until it has ended once."""
        for move in reversed(journal.moves):
            if move.to == "file":
                self.disk.remove(draft_of(move.path))
            _RESTORE[move.was.kind if move.was else None](self, journal.folder, move)
        self._sync(journal)

    def _with_parents(self, journal: Journal) -> tuple[Move, ...]:
        """Folders that a file needs and nobody named: plain ones of root's, put before all else."""
        named = {move.path for move in journal.moves if move.to == "folder"}
        missing: dict[str, None] = {}
        for move in journal.moves:
            folder = parent(move.path)
            while move.to != "nothing" and folder not in named and folder != "/" and not self.disk.look(folder):
                missing[folder] = None
                folder = parent(folder)
        folders = (move for move in journal.moves if move.to == "folder")
        needed = (Move(path, "folder", 0o755) for path in missing)
        others = (move for move in journal.moves if move.to != "folder")
        return (*sorted((*folders, *needed), key=lambda move: move.path), *others)

    def _with_image(self, folder: str, number: int, move: Move) -> Move:
        was = self.disk.look(move.path)
        target = self.disk.target(move.path) if was and was.kind == "symlink" else None
        image = f"{number:04}" if was and was.kind == "file" else None
        if image:
            self.disk.write(f"{folder}/{image}", self.disk.read(move.path))
        return Move(**{**vars(move), "was": was, "target": target, "image": image})

    def _write_drafts(self, journal: Journal, release: Release) -> None:
        content = self.contents(release)
        for move in journal.moves:
            if move.to == "folder" and not self.disk.look(move.path):
                self.disk.make_folder(move.path, move.mode, move.owner)
            elif move.to == "file":
                self.disk.remove(draft_of(move.path))
                self.disk.write(draft_of(move.path), content[move.path](), move.mode, move.owner)

    def contents(self, release: Release) -> dict[str, Callable[[], bytes]]:
        """How to get at each path's bytes: secrets are read one at a time."""

        def secret(one: Credential) -> Callable[[], bytes]:
            return lambda: self.store.secret(one.secret, one.version)

        def plain(file: File) -> Callable[[], bytes]:
            return lambda: file.content

        files = {file.path: plain(file) for file in release.files}
        return files | {one.path: secret(one) for one in release.credentials}

    def _perform(self, move: Move) -> None:
        if move.to == "file":
            self.disk.rename(draft_of(move.path), move.path)
        elif move.to == "folder":
            if move.was:
                self.disk.dress_folder(move.path, move.mode, move.owner)
        elif move.was and move.was.kind == "directory":
            self.disk.remove_folder(move.path)
        else:
            self.disk.remove(move.path)

    def _was_nothing(self, _folder: str, move: Move) -> None:
        if move.to == "folder":
            self.disk.remove_folder(move.path)
        else:
            self.disk.remove(move.path)

    def _was_file(self, folder: str, move: Move) -> None:
        was = _need(move.was)
        content = self.disk.read(f"{folder}/{move.image}")
        if self.disk.look(move.path) == was and self.disk.read(move.path) == content:
            return
        self._replace(move, lambda draft: self.disk.write(draft, content, was.mode, (was.uid, was.gid)))

    def _was_link(self, _folder: str, move: Move) -> None:
        target = move.target or ""
        if self.disk.look(move.path) == move.was and self.disk.target(move.path) == target:
            return
        self._replace(move, lambda draft: self.disk.link(draft, target))

    def _was_folder(self, _folder: str, move: Move) -> None:
        was, found = _need(move.was), self.disk.look(move.path)
        if found is None:
            self.disk.make_folder(move.path, was.mode, (was.uid, was.gid))
        elif (found.mode, found.uid, found.gid) != (was.mode, was.uid, was.gid):
            self.disk.dress_folder(move.path, was.mode, (was.uid, was.gid))

    def _replace(self, move: Move, write: Callable[[str], None]) -> None:
        draft = draft_of(move.path)
        self.disk.remove(draft)
        write(draft)
        self.disk.rename(draft, move.path)

    def _sync(self, journal: Journal) -> None:
        for folder in sorted({parent(move.path) for move in journal.moves}):
            self.disk.sync(folder)


_RESTORE: dict[str | None, Callable[[Switch, str, Move], None]] = {
    None: Switch._was_nothing,
    "file": Switch._was_file,
    "symlink": Switch._was_link,
    "directory": Switch._was_folder,
}


def _need(was: Look | None) -> Look:
    assert was is not None  # noqa: S101 - chosen by its kind
    return was


def new_folder() -> str:
    """A name for an activation's before-images; names sort by time."""
    moment = time.time()
    return f"{STATE}/before/{time.strftime('%Y%m%dT%H%M%S', time.gmtime(moment))}.{int(moment % 1 * 1e6):06}"
