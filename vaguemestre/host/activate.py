"""The activator: makes a host what a release says, or leaves it as it was.

    plan | stage | apply | activate ID | rollback [ID] | upgrade | status | recover | claim ROLLOUT | disclaim [ROLLOUT]

It comes by SSH with the release on its standard input (see `vaguemestre.engines.wire`), needs Debian's python3 and
nothing else, and answers with JSON lines, the last of them the result. The rules it keeps:

- Files and credentials are switched by a journal. Cut off before all of them are renamed, the old release comes back;
  cut off after that, the new one is settled, and the old one comes back only if that fails. Never a mix.
- A unit is stale when the digest of what it reads differs from the one it last settled with. That is state on the
  disk: no lost event can leave a daemon with what is no longer there. What was cut off before it settled is restarted.
- A judge, a unit or a probe that says no puts the old release back; the result gives the daemon's own words.
- Packages and accounts are never taken back. What stood where a file comes is kept in `before/` for five activations.
- Whatever changes the host runs in a transient systemd unit and survives the session that asked for it.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from vaguemestre.errors import Exit, VaguemestreError
from vaguemestre.host.activator.assess import assess
from vaguemestre.host.activator.disk import Disk
from vaguemestre.host.activator.facts import UnitState
from vaguemestre.host.activator.failure import ActivationError
from vaguemestre.host.activator.machine import Machine
from vaguemestre.host.activator.plan import SETTLING, Change, staying
from vaguemestre.host.activator.store import Store
from vaguemestre.release import Release, parse

if TYPE_CHECKING:
    from vaguemestre.host.activator.activation import (
        Activation,
        Outcome,
    )  # imported late: a host without changes needs none

_USAGE = """\
usage: activate VERB [ID] [--log=FILE] [--files] [--unless-stopping] [--health] [--expect=ID]
       [--by=WHO] [--seconds=N] [--instead=ID,ID]
VERB: plan stage apply activate rollback upgrade status recover claim disclaim"""

Result = tuple[dict[str, Any], Exit]


@dataclass(frozen=True)
class Request:
    """A command line and what came with it; `document` is empty when nothing did. `by`, `seconds` and `instead` are a
    claim's. `health` and `expect`, the id of a release that need not come along, are for `status`.
    """

    verb: str
    id: str = ""
    log: str = ""
    files_only: bool = False
    unless_stopping: bool = False
    by: str = ""
    seconds: int = 0
    instead: tuple[str, ...] = ()
    health: bool = False
    expect: str = ""
    document: bytes = b""
    secrets: dict[str, bytes] = field(default_factory=dict)


def main(argv: Sequence[str], machine: Machine | None = None, disk: Disk | None = None) -> int:
    """Run one verb; its exit code: 0 done, 1 failed, 3 there are changes, 5 another activation holds the lock."""
    os.umask(0o077)
    request = read_request(argv)
    if request.verb != "status":  # which is over before there is anything to collect
        gc.enable()
    if request.verb not in _VERBS:
        print(_USAGE, file=sys.stderr)
        return Exit.INVALID
    disk = disk or Disk()
    code = int(Exit.FAILED)
    with suppress(BrokenPipeError), _voice(disk, request.log) as out:  # nobody may be left to hear the last line
        code = Desk(request, disk, machine or Machine(), out).serve()
    return code


def read_request(argv: Sequence[str]) -> Request:
    """The command line, and the release from standard input where the verb takes one."""
    words = [word for word in argv if not word.startswith("--")]
    options = dict(word.removeprefix("--").partition("=")[::2] for word in argv if word.startswith("--"))
    verb, id = (*words, "", "")[:2]
    came = {} if id or verb not in _TAKES_RELEASE else _came(sys.stdin.buffer.read())
    return Request(
        verb,
        id,
        log=options.get("log", ""),
        files_only="files" in options,
        unless_stopping="unless-stopping" in options,
        by=options.get("by", ""),
        seconds=int(options.get("seconds", 0)),
        instead=tuple(filter(None, options.get("instead", "").split(","))),
        health="health" in options,
        expect=options.get("expect", ""),
        **came,
    )


def _came(payload: bytes) -> dict[str, Any]:
    if not payload:
        return {}
    body = json.loads(zlib.decompress(payload))
    secrets = {name: base64.b64decode(content) for name, content in body["secrets"].items()}
    return {"document": (body["release"] or "").encode(), "secrets": secrets}


def _voice(disk: Disk, log: str) -> TextIO:
    """Where events go: the session, or the log that a session follows."""
    if not log:
        return os.fdopen(os.dup(1), "w")
    return (disk.root / log[1:]).open("a")


class Desk:
    """Serves one request."""

    def __init__(self, request: Request, disk: Disk, machine: Machine, out: TextIO) -> None:
        self.request = request
        self.disk = disk
        self.machine = machine
        self.store = Store(disk)
        self._out = out
        self._began = time.monotonic()

    def serve(self) -> int:
        """Do it and say what came of it."""
        try:
            result, code = _VERBS[self.request.verb](self)
        except VaguemestreError as error:
            result, code = self._failed(error), Exit(error.exit_code)
        except OSError as error:
            result, code = self._failed(error), Exit.FAILED
        if result:
            self.emit({"event": "result", **result})
        return code

    def emit(self, event: dict[str, Any]) -> None:
        """One line; when nobody listens any more, the work goes on."""
        try:
            self._out.write(json.dumps(event, ensure_ascii=True) + "\n")
            self._out.flush()
        except OSError:
            self._out = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for as long as we live

    def say(self, text: str) -> None:
        """One step, for a person."""
        self.emit({"event": "step", "text": text})

    def plan(self) -> Result:
        (release, id), live = self._wanted(), self.store.live()
        _, todo = assess(self.machine, self.store, release, live)
        for sentence in staying(release, live):
            self.say(sentence)
        if (runs := self.machine.debian()) != release.debian:
            self.say(f"it runs Debian {runs}: what the release for {release.debian} wants takes `vaguemestre upgrade`")
        told: dict[str, Any] = {"release": id, "live": self.store.current().id, "runs": runs}
        told["changes"] = [asdict(change) for change in todo]
        return {"result": "plan", **told}, Exit.CHANGES if todo else Exit.OK

    def stage(self) -> Result:
        return self._change("stage", self._keep())

    def apply(self) -> Result:
        """As `stage` and then `activate`; when there is nothing to do, at once."""
        if not self.request.id and self._nothing_to_do():
            current = self.store.current()
            return self._applied(current.id or "", current.previous, False, ()), Exit.OK
        return self._change("apply", self._keep())

    def activate(self) -> Result:
        return self._change("activate", self.store.find(self.request.id))

    def rollback(self) -> Result:
        id = self.store.find(self.request.id) if self.request.id else self.store.current().previous
        if not id:
            raise ActivationError("document", "this host has no previous release to go back to")
        return self._change("rollback", id)

    def upgrade(self) -> Result:
        """To the Debian that the release is for, in place; see `vaguemestre.host.activator.upgrade`."""
        return self._change("upgrade", self._keep())

    def status(self) -> Result:
        current, live = self.store.current(), self.store.live()
        expected = self._id() if self.request.document else self.request.expect or None
        target = parse(self.request.document) if self.request.document else live
        body: dict[str, Any] = {"drift": [], "stale": [], "units": {}, "packages": {}}
        failed: tuple[str, ...] | None = None
        if target:
            seen, todo = assess(self.machine, self.store, target, live)
            failed = seen.failed
            states = {unit.name: seen.units.get(unit.name, UnitState()) for unit in target.units}
            body = {
                "drift": [asdict(change) for change in todo],
                "stale": self._stale(live, todo if target is live else None),
                "units": {name: "masked" if state.masked else state.active for name, state in states.items()},
                "packages": dict(seen.packages),
            }
        body |= {"live": current.id, "since": current.since, "previous": current.previous, "expected": expected}
        body["interrupted"] = self.store.journal() is not None and not self.store.holder()
        if self.request.health:
            body["health"] = self._health(live, self.machine.survey((), ())().failed if failed is None else failed)
        differs = body["drift"] or body["interrupted"] or (expected and expected != current.id)
        return {"result": "status", **body}, Exit.CHANGES if differs else Exit.OK

    def _health(self, live: Release | None, failed: tuple[str, ...]) -> dict[str, Any]:
        from vaguemestre.host.health.gathering import gather

        intact = live is None or self.store.intact(self.store.current().id or "")
        return {**gather(self.disk, live, failed), "holder": self.store.holder() or "", "intact": intact}

    def _stale(self, live: Release | None, todo: tuple[Change, ...] | None) -> list[str]:
        """Units that do not run with what the live release put on the disk, whatever another release would bring.

        `todo` is what the live release calls for, when that is known already.
        """
        if todo is None:
            todo = assess(self.machine, self.store, live, live)[1] if live else ()
        return [one.key for one in todo if one.kind == "unit" and one.action in SETTLING]

    def recover(self) -> Result:
        if self.request.unless_stopping and self.machine.stopping():
            raise ActivationError("recover", "the host is shutting down: what was cut off is mended when it boots")
        self.store.open()
        with self.store.lock("recover"):
            done = self._activation().recover(files_only=self.request.files_only)
        return {"result": "recovered", "live": self.store.current().id, "did": done}, Exit.OK

    def claim(self) -> Result:
        from vaguemestre.host.activator.claim import Claims

        self.store.open()
        taken = Claims(self.store).take(self.request.id, self.request.by, self.request.seconds, self.request.instead)
        return {"result": "claimed", "live": self.store.current().id, **asdict(taken)}, Exit.OK

    def disclaim(self) -> Result:
        from vaguemestre.host.activator.claim import Claims

        self.store.open()
        left = Claims(self.store).leave(self.request.id)
        return {"result": "disclaimed", "rollout": left.rollout if left else None}, Exit.OK

    def _change(self, verb: str, id: str) -> Result:
        """What changes the host happens outside this session; inside the unit, `--log` says that it is outside."""
        if self.machine.detached and not self.request.log:
            return self._elsewhere(verb, id)
        self.store.open()
        with self.store.lock(verb):
            outcome = self._carried_out(verb, id)
        return self._applied(id, outcome.previous, outcome.changed, outcome.changes), Exit.OK

    def _carried_out(self, verb: str, id: str) -> Outcome:
        if verb == "upgrade":
            from vaguemestre.host.activator.upgrade import Upgrade

            return Upgrade(self._activation()).carry_out(id)
        return self._activation().carry_out(id, stage_only=verb == "stage")

    def _elsewhere(self, verb: str, id: str) -> Result:
        from vaguemestre.host.activator.detach import detach

        result: dict[str, Any] = {}
        for event in detach(self.store, self.machine, verb, id):
            result = event
            self.emit(event)
        if result.get("result") != "failed":
            return {}, Exit.OK
        return {}, Exit.BUSY if result["phase"] == "lock" else Exit.FAILED

    def _keep(self) -> str:
        """The id of the release in question, stored with its secrets."""
        if self.request.id:
            return self.store.find(self.request.id)
        self.store.open()
        return self.store.keep(self.request.document, self.request.secrets)

    def _nothing_to_do(self) -> bool:
        current = self.store.current()
        if current.id != self._id() or self.store.journal() is not None:
            return False
        release, _ = self._wanted()
        return not assess(self.machine, self.store, release, release)[1]

    def _wanted(self) -> tuple[Release, str]:
        if not self.request.document:
            raise ActivationError("document", f"{self.request.verb} needs a release on its standard input")
        return parse(self.request.document), self._id()

    def _id(self) -> str:
        return hashlib.sha256(self.request.document).hexdigest()

    def _activation(self) -> Activation:
        from vaguemestre.host.activator.activation import Activation

        return Activation(self.disk, self.machine, self.say)

    def _applied(self, id: str, previous: str | None, changed: bool, done: tuple[Change, ...]) -> dict[str, Any]:
        told = {"release": id, "previous": previous, "changed": changed, "changes": [asdict(one) for one in done]}
        return {"result": "applied", **told, "seconds": round(time.monotonic() - self._began, 3)}

    def _failed(self, error: VaguemestreError | OSError) -> dict[str, Any]:
        phase, restored = (error.phase, error.restored) if isinstance(error, ActivationError) else ("stage", True)
        message = str(error)
        if isinstance(error, OSError):  # before anything was switched: what comes after has its own words
            message = f"{error.filename}: {error.strerror}; nothing was changed"
        live = self._live_id()
        return {"result": "failed", "phase": phase, "message": message, "restored": restored, "live": live}

    def _live_id(self) -> str | None:
        try:
            return self.store.current().id
        except (OSError, ValueError):
            return None


_TAKES_RELEASE = ("plan", "stage", "apply", "upgrade", "status")
_VERBS: dict[str, Callable[[Desk], Result]] = {
    "plan": Desk.plan,
    "stage": Desk.stage,
    "apply": Desk.apply,
    "activate": Desk.activate,
    "rollback": Desk.rollback,
    "upgrade": Desk.upgrade,
    "status": Desk.status,
    "recover": Desk.recover,
    "claim": Desk.claim,
    "disclaim": Desk.disclaim,
}

__all__ = ["Desk", "Path", "Request", "main", "read_request"]
