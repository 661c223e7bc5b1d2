"""What goes over the wire to the activator and what comes back: one SSH session, one command, JSON lines.

The activator itself travels: the command is a tiny loader, and standard input begins with the archive of the
activator's sources, then carries the release and its secrets. Nothing secret is on a command line, nothing is left in
a temporary folder, and the host needs only Debian's python3.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shlex
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vaguemestre.errors import VaguemestreError
from vaguemestre.host.activator.plan import Change
from vaguemestre.host.activator.program import DIGITS
from vaguemestre.host.activator.store import STATE
from vaguemestre.release import Release

__all__ = ["Applied", "Change", "Claimed", "Disclaimed", "Failed", "PlanResult", "Recovered", "Result", "Status"]
__all__ += ["WireError", "bundle", "command", "event_of", "payload", "read"]

_PACKAGE = Path(__file__).parent.parent
_MEMBERS: tuple[str, ...] = ("errors.py", "release.py", "host/__init__.py", "host/activate.py", "host/activator/*.py")
_MEMBERS += ("host/health/*.py",)
_MAIN = "import sys\nfrom vaguemestre.host.activate import main\nsys.exit(main(sys.argv[1:]))\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can hold

# The host runs the compiled copy it keeps of this very archive, or else the archive itself, which then lives in memory
# (memfd_create(2)) and dies with the process. To start makes no rubbish to collect; `main` says when there may be some.
_LOADER = (
    "import os,sys;i=sys.stdin.buffer;z=i.read(int(i.readline()));p='{state}/activator-{digest}.pyz';"
    "os.path.exists(p) or (f:=os.memfd_create('activator')) and os.write(f,z) and (p:=f'/proc/self/fd/{{f}}');"
    "import gc;gc.disable();sys.path.insert(0,p);"
    "from vaguemestre.host.activate import main;sys.exit(main(sys.argv[1:]))"
)


class WireError(VaguemestreError):
    """The host did not answer as an activator does."""


@dataclass(frozen=True)
class PlanResult:
    """What would change. `live` None: no release is live on the host yet; `runs` is the host's own Debian."""

    release: str
    live: str | None
    changes: tuple[Change, ...]
    runs: str = ""


@dataclass(frozen=True)
class Applied:
    """The release is live. `previous`: what was live before it; `changed` False: it was already all there."""

    release: str
    previous: str | None
    changed: bool
    changes: tuple[Change, ...]
    seconds: float


@dataclass(frozen=True)
class Failed:
    """It is not. `message` is a whole text for a person; `restored`: the host is as it was before."""

    phase: str
    message: str
    restored: bool
    live: str | None


@dataclass(frozen=True)
class Status:
    """What the host is, against the release that came along or else the live one; `expected` is the id that was told.

    `health` is what `vaguemestre.host.health` gathers, when it was asked for.
    `stale` units do not run with what the live release put on the disk, whatever is expected.
    """

    live: str | None
    since: str | None
    previous: str | None
    expected: str | None
    drift: tuple[Change, ...] = ()
    stale: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False
    packages: Mapping[str, str] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recovered:
    """What `recover` found to do; None: nothing."""

    live: str | None
    did: str | None


@dataclass(frozen=True)
class Claimed:
    """The host is part of this rollout of `by` (user@controller) until then (Unix time). `live`: the live release."""

    live: str | None
    rollout: str
    by: str
    since: str
    until: float


@dataclass(frozen=True)
class Disclaimed:
    """The host is part of no rollout any more; `rollout`: whose claim was given up, None when it was nobody's."""

    rollout: str | None


Result = PlanResult | Applied | Failed | Status | Recovered | Claimed | Disclaimed

_RESULTS: dict[str, type[Result]] = {
    "plan": PlanResult,
    "applied": Applied,
    "failed": Failed,
    "status": Status,
    "recovered": Recovered,
    "claimed": Claimed,
    "disclaimed": Disclaimed,
}


def command(verb: str, *arguments: str, sudo: bool = True) -> str:
    """The one command line, quoted for a shell. `-I -S`: nothing of the host's Python environment has a say."""
    before = ("sudo", "-n") if sudo else ()
    loader = _LOADER.format(state=STATE, digest=hashlib.sha256(bundle()).hexdigest()[:DIGITS])
    return shlex.join((*before, "/usr/bin/python3", "-I", "-S", "-c", loader, verb, *arguments))


def payload(release: Release | None = None, secrets: Mapping[str, bytes] | None = None) -> bytes:
    """What goes to the command's standard input; `secrets` maps names to contents."""
    program = bundle()
    head = b"%d\n%b" % (len(program), program)
    if release is None:
        return head
    sealed = {name: base64.b64encode(content).decode() for name, content in (secrets or {}).items()}
    body = {"release": release.document().decode(), "secrets": sealed}
    return head + zlib.compress(json.dumps(body).encode(), 1)


@cache
def bundle() -> bytes:
    """The activator as a zip archive that Python can run, the same bytes for the same sources."""
    sources = {
        f"vaguemestre/{path.relative_to(_PACKAGE)}": path.read_bytes()
        for pattern in _MEMBERS
        for path in _PACKAGE.glob(pattern)
    }
    # The package's own __init__ asks for an installed distribution, which a host has not.
    members = {"__main__.py": _MAIN.encode(), "vaguemestre/__init__.py": b"", **sources}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read(lines: Iterable[str | bytes], on_step: Callable[[str], object] = str) -> Result:
    """Follow the answer to its end.

    Raises:
        WireError: the stream ended without a result, or is not an activator's; with the last lines that came.
    """
    strange: list[str] = []
    for line in lines:
        text = line.decode(errors="replace") if isinstance(line, bytes) else line
        event = event_of(text)
        if event is None:
            strange.append(text.rstrip())
        elif event["event"] == "step":
            on_step(event["text"])
        else:
            return _result(event)
    said = "; it said:\n  " + "\n  ".join(strange[-10:]) if strange else ""
    raise WireError(
        f"the link ended before the activator's result{said}\n    it goes on by itself: ask for its status in a moment"
    )


def event_of(text: str) -> dict[str, Any] | None:
    """The activator's event on a line of its answer; None when it is something else."""
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("event") in ("step", "result") else None


def _result(event: dict[str, Any]) -> Result:
    known = _RESULTS.get(event.get("result", ""))
    if known is None:
        raise WireError(f"the activator answered with an unknown result: {event.get('result')}")
    plain = {name: value for name, value in event.items() if name not in ("event", "result")}
    for name in ("changes", "drift"):
        if name in plain:
            plain[name] = tuple(Change(**change) for change in plain[name])
    if "stale" in plain:
        plain["stale"] = tuple(plain["stale"])
    return known(**plain)
