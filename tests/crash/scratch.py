"""A host in a folder: a machine whose daemons really read the scratch tree, and a way to kill the activator in it.

A daemon here is a file below `run/daemons`: what it read when it was last started or reloaded. Its definition, below
`usr/lib/daemons`, lists the paths it reads. A file that says CRASH keeps it from starting; one that says DIES lets it
start, or reload, and fall over afterwards.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import signal
import stat
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vaguemestre.host.activator.activation  # noqa: F401 - once here, not again in each forked process
from vaguemestre.host.activate import Desk, Request
from vaguemestre.host.activator.disk import DRAFT, Disk
from vaguemestre.host.activator.facts import Facts, UnitState
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.machine import Content, Machine, Say
from vaguemestre.host.activator.program import Program
from vaguemestre.host.activator.switch import Move
from vaguemestre.release import Account, Package, Release

STATE = Path("var/lib/vaguemestre")
OURS = {"etc/systemd/system/vaguemestre-recover.service", "etc/systemd/system/vaguemestre-settle.service"}
Witness = Callable[[str], object]


def _program() -> Program:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("__main__.py", "")
    return Program("0123456789abcdef", archive.getvalue())


_PROGRAM = _program()


class ScratchMachine(Machine):
    """systemd, dpkg and accounts as files below one root."""

    detached = False

    def __init__(self, root: Path, witness: Witness = str) -> None:
        self.root = root
        self._witness = witness

    def debian(self) -> str:
        path = self.root / "etc/debian"
        return path.read_text() if path.exists() else "trixie"

    def program(self) -> Program:
        return _PROGRAM

    def survey(self, packages: Iterable[str], units: Iterable[str]) -> Callable[[], Facts]:
        installed = {name: "1.0" for name in packages if (self.root / "usr/lib/packages" / name).exists()}
        found = Facts(installed, self.states(units))
        return lambda: found

    def states(self, units: Iterable[str]) -> dict[str, UnitState]:
        return {name: state for name in units if (state := self._state(name))}

    def user(self, name: str) -> int | None:
        return os.getuid() if name == "root" or self.account(name) else None

    def group(self, name: str) -> int | None:
        return os.getgid() if name == "root" or self.account(name) else None

    def account(self, name: str) -> Account | None:
        path = self.root / "usr/lib/accounts" / name
        return Account(name, **json.loads(path.read_text())) if path.exists() else None

    def add_account(self, account: Account) -> None:
        with self._effect(f"account {account.name}"):
            self._put(f"usr/lib/accounts/{account.name}", {"home": account.home, "shell": account.shell})

    change_account = add_account

    def install(self, packages: Sequence[Package], moves: Sequence[Move], content: Content, say: Say) -> None:
        for package in packages:
            with self._effect(f"install {package.name}"):
                self._put(f"usr/lib/packages/{package.name}", {})

    def judge(self, commands: Sequence[Sequence[str]], moves: Sequence[Move], content: Content) -> None:
        """A judge is ("no", WORD): it refuses staged content in which the word stands."""
        for _, word in commands:
            for move in moves:
                if move.to == "file" and word.encode() in content[move.path]():
                    raise ActivationError("judge", f"{move.path}: {word} is not a word I know")

    def reload_definitions(self) -> None:
        self._witness("daemon-reload")

    def enable(self, unit: str) -> None:
        self._note(unit, "enable", enabled=True)

    def disable(self, unit: str) -> None:
        self._note(unit, "disable", enabled=False)

    def mask(self, unit: str) -> None:
        self._note(unit, "mask", masked=True, active="inactive", read={})

    def unmask(self, unit: str) -> None:
        self._note(unit, "unmask", masked=False)

    def stop(self, unit: str) -> None:
        self._note(unit, "stop", active="inactive", read={})

    def act(self, unit: str, action: str) -> None:
        read = self.on_disk(unit)
        said = b"".join((self.root / path[1:]).read_bytes() for path in read)
        if b"CRASH" in said:
            self._note(unit, action, active="failed", read={})
            raise ActivationError("settle", f"{unit}: {action} failed")
        self._note(unit, action, active="dying" if b"DIES" in said else "active", read=read)

    def words(self, unit: str, since: float) -> str:
        return f"{unit}: bad configuration, says the daemon itself"

    def pause(self, seconds: float) -> None:
        """Time passes: who is dying dies."""
        for path in (self.root / "run/daemons").glob("*"):
            if json.loads(path.read_text())["active"] == "dying":
                self._put(f"run/daemons/{path.name}", {**json.loads(path.read_text()), "active": "failed"})

    def on_disk(self, unit: str) -> dict[str, str]:
        """What the daemon would read now."""
        paths = json.loads((self.root / "usr/lib/daemons" / unit).read_text())
        found = (path for path in paths if (self.root / path[1:]).exists())
        return {path: hashlib.sha256((self.root / path[1:]).read_bytes()).hexdigest() for path in found}

    def noted(self, unit: str) -> dict[str, Any]:
        path = self.root / "run/daemons" / unit
        plain = {"active": "inactive", "enabled": False, "masked": False, "read": {}}
        return {**plain, **(json.loads(path.read_text()) if path.exists() else {})}

    def _state(self, unit: str) -> UnitState | None:
        if not (self.root / "usr/lib/daemons" / unit).exists():
            return None
        noted = self.noted(unit)
        active = "active" if noted["active"] == "dying" else noted["active"]
        return UnitState(active, noted["enabled"], noted["masked"])

    def _note(self, unit: str, effect: str, **more: Any) -> None:
        with self._effect(f"{effect} {unit}"):
            self._put(f"run/daemons/{unit}", {**self.noted(unit), **more})

    def _effect(self, what: str) -> _Effect:
        return _Effect(self._witness, what)

    def _put(self, path: str, content: Any) -> None:
        """systemd and dpkg are other processes: what they note is not torn by our death."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.new")
        draft.write_text(json.dumps(content))
        draft.rename(target)


@dataclass
class _Effect:
    witness: Witness
    what: str

    def __enter__(self) -> None:
        self.witness(self.what)

    def __exit__(self, *_: object) -> None:
        self.witness(f"{self.what}: done")


@dataclass
class Killer:
    """Counts effects and dies at one of them; 0: never."""

    at: int = 0
    seen: list[str] = field(default_factory=list)

    def __call__(self, effect: str) -> None:
        self.seen.append(effect)
        if len(self.seen) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Ended:
    """How an activator ended: its exit code (None: killed), its result, the effects it had (not when killed)."""

    code: int | None
    result: Mapping[str, Any]
    effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Host:
    """One scratch host."""

    root: Path

    @property
    def machine(self) -> ScratchMachine:
        return ScratchMachine(self.root)

    def run(
        self,
        verb: str,
        release: Release | None = None,
        *,
        id: str = "",
        secrets: Mapping[str, bytes] | None = None,
        die_at: int = 0,
        largest: int | None = None,
        files_only: bool = False,
    ) -> Ended:
        """The activator in a process of its own; `largest` is the size in bytes of the largest file it may write."""
        out = self.root.parent / "out"
        child = os.fork()
        if child == 0:
            document = release.document() if release else b""
            self._serve(
                Request(verb, id, files_only=files_only, document=document, secrets=dict(secrets or {})),
                out,
                die_at,
                largest,
            )
        status = os.waitpid(child, 0)[1]
        events = [json.loads(line) for line in out.read_text().splitlines()]
        if os.WIFSIGNALED(status):
            return Ended(None, {})
        return Ended(os.WEXITSTATUS(status), events[-2], tuple(events[-1]["effects"]))

    def _serve(self, request: Request, out: Path, die_at: int, largest: int | None) -> None:
        killer = Killer(die_at)
        try:
            if largest is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
            with out.open("w") as voice:
                disk, machine = Disk(self.root, killer), ScratchMachine(self.root, killer)
                code = Desk(request, disk, machine, voice).serve()
                voice.write(json.dumps({"effects": killer.seen}) + "\n")
            os._exit(code)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(99)

    def daemon(self, unit: str, *reads: str) -> None:
        path = self.root / "usr/lib/daemons" / unit
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(reads))

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """By an administrator's hand."""
        target = self.root / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)

    def read(self, path: str) -> str:
        return (self.root / path[1:]).read_text()

    def note(self, name: str) -> Any:
        path = self.root / STATE / name
        return json.loads(path.read_text()) if path.exists() else None

    def live(self) -> str | None:
        return (self.note("current.json") or {}).get("id")

    def tree(self) -> dict[str, tuple[Any, ...]]:
        """Every path of the host but those of its daemons, accounts, packages and of the activator itself."""
        outside = ("usr/lib", "run", str(STATE))
        found = {str(path.relative_to(self.root)): path for path in sorted(self.root.rglob("*"))}
        return {name: _seen(path) for name, path in found.items() if not name.startswith(outside) and name not in OURS}

    def drafts(self) -> list[str]:
        return [str(path) for path in self.root.rglob(f"*{DRAFT}")]

    def units(self) -> dict[str, tuple[Any, ...]]:
        """Unit -> active, enabled, masked."""
        machine = self.machine
        names = sorted(path.name for path in (self.root / "usr/lib/daemons").glob("*"))
        ours = ("vaguemestre-recover.service", "vaguemestre-settle.service")
        noted = {name: machine.noted(name) for name in names if name not in ours}
        return {name: (one["active"], one["enabled"], one["masked"]) for name, one in noted.items()}

    def deceived(self) -> list[str]:
        """Daemons that run something else than what is on their disk."""
        machine = self.machine
        running = [name for name, (active, *_) in self.units().items() if active == "active"]
        return [name for name in running if machine.noted(name)["read"] != machine.on_disk(name)]


def _seen(path: Path) -> tuple[Any, ...]:
    found = path.lstat()
    what: Any = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return (stat.S_IFMT(found.st_mode), stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, what)
