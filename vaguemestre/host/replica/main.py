"""The host's verb `replica`: `watch` by timer, `show` for people, `prepare` before slapd starts.

`watch` and `show` print one JSON object: ``{"result": "current"|"catching up"|"behind"|"forgotten", "provider": NAME,
"behind": {BRANCH: SECONDS}, "why": TEXT}``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from vaguemestre.host.replica import slapd
from vaguemestre.host.replica.layout import BRANCHES, MEMORY, METRICS, STATE, Settings, settings
from vaguemestre.host.replica.sighting import sighted
from vaguemestre.host.replica.standing import Memory, Sighting, Verdict, judged
from vaguemestre.host.trust import durable

_COMMANDS = ("watch", "show", "prepare")


def main(argv: list[str]) -> int:
    """Run one command; 0 done, 1 failed, 2 not understood."""
    if argv[1:] not in ([], ["--json"]) or argv[:1] not in [[one] for one in _COMMANDS]:
        print(f"usage: replica {'|'.join(_COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return _run(argv[0], settings())
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        print(f"the replica: {error}", file=sys.stderr)
        return 1


def _run(command: str, known: Settings) -> int:
    if command == "prepare":
        slapd.prepare(known)
        return 0
    seen = sighted(known)
    verdict = judged(seen, remembered(), known.limits, tuple(BRANCHES))
    if command == "watch":
        act(verdict, seen, known)
    print(json.dumps(said(verdict, seen, known)))
    return 0


def act(verdict: Verdict, seen: Sighting, known: Settings, state: Path = STATE) -> None:
    """Do what was decided, and only then remember it: a watch that was killed does it again."""
    if verdict.tell:
        print(alarm(verdict, seen, known), file=sys.stderr)
    if verdict.forget:
        slapd.forget(state)
    durable.write(state / METRICS, metrics(verdict).encode())
    durable.write(state / MEMORY, json.dumps(asdict(verdict.memory)).encode())


def remembered(state: Path = STATE) -> Memory:
    """What the last watch left; nothing of it when that cannot be read: everything then counts from now."""
    try:
        return Memory(**json.loads((state / MEMORY).read_text()))
    except (OSError, ValueError, TypeError):
        return Memory()


def said(verdict: Verdict, seen: Sighting, known: Settings) -> dict[str, object]:
    behind = {branch: round(seconds) for branch, seconds in verdict.behind.items()}
    return {"result": verdict.word, "provider": known.provider, "behind": behind, "why": seen.why}


def alarm(verdict: Verdict, seen: Sighting, known: Settings) -> str:
    """For the journal, at the priority of an error (sd-daemon(3))."""
    late = ", ".join(f"{branch} for {seconds / 60:.0f} min" for branch, seconds in verdict.behind.items() if seconds)
    gone = "; our mailboxes are no longer shown here until it answers" if verdict.memory.forgotten else ""
    why = seen.why or "both answer, and differ"
    return f"<3>the directory's replica does not follow {known.provider}: {late}{gone}; {why}"


def metrics(verdict: Verdict) -> str:
    """Prometheus' text format, for node_exporter's textfile collector."""
    name = "vaguemestre_replica_unconfirmed_seconds"
    lines = [f'{name}{{branch="{branch}"}} {seconds:.0f}' for branch, seconds in verdict.behind.items()]
    forgotten = f"vaguemestre_replica_forgotten {int(verdict.memory.forgotten)}"
    return "\n".join((f"# TYPE {name} gauge", *lines, "# TYPE vaguemestre_replica_forgotten gauge", forgotten, ""))
