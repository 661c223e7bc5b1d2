"""What became of each host: as a line for people, as plain values for programs, as an exit code for scripts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rich.text import Text

from vaguemestre.engines import wire
from vaguemestre.engines.pyinfra import Outcome
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit
from vaguemestre.plan import summary

_WORST_FIRST = (Exit.FAILED, Exit.UNREACHABLE, Exit.BUSY, Exit.CHANGES)


def code(outcomes: Iterable[Outcome]) -> Exit:
    """The exit code for all of them: the first of failed, unreachable, busy, changes that one of them means."""
    found = {_code(one) for one in outcomes}
    return next((one for one in _WORST_FIRST if one in found), Exit.OK)


def _code(outcome: Outcome) -> Exit:
    match outcome:
        case Failure(trouble=Trouble.BARE):
            return Exit.CHANGES
        case Failure(trouble=Trouble.FAILED):
            return Exit.FAILED
        case Failure():
            return Exit.UNREACHABLE
        case wire.Failed(phase="lock"):
            return Exit.BUSY
        case wire.Failed():
            return Exit.FAILED
        case wire.PlanResult(changes=changes):
            return Exit.CHANGES if changes else Exit.OK
        case wire.Status():
            return Exit.OK if settled(outcome) else Exit.CHANGES
        case _:
            return Exit.OK


def settled(status: wire.Status) -> bool:
    """Whether the host is exactly what the inventory says, its daemons included."""
    return not any(findings(status))


def findings(status: wire.Status) -> Iterable[str]:
    """What is not as it should be, in words."""
    if status.live is None:
        yield "nothing of the kit is live"
    elif status.live != status.expected:
        yield f"another release is live: {short(status.live)}, the inventory says {short(status.expected)}"
    if status.interrupted:
        yield "an activation was cut short; the next one finishes or undoes it"
    if status.drift:
        yield f"changed by hand or out of date: {summary(status.drift)}"
    for unit in status.stale:
        yield f"{unit} does not run with what is on its disk"
    for unit, state in status.units.items():
        if state in ("failed", "inactive"):
            yield f"{unit} is {state}"


def line(outcome: Outcome) -> Text:
    """One host's outcome in one line; what failed has its whole message below."""
    match outcome:
        case wire.PlanResult(changes=()):
            return _good("as it should be")
        case wire.PlanResult():
            return _attention(f"would change: {summary(outcome.changes)}")
        case wire.Applied(changed=False):
            return _good("as it should be, nothing to do")
        case wire.Applied():
            return _good(f"{short(outcome.release)} is live: {summary(outcome.changes)}, in {outcome.seconds:.1f} s")
        case wire.Status():
            wrong = tuple(findings(outcome))
            return (
                _attention("\n    ".join(wrong)) if wrong else _good(f"{short(outcome.live)} is live, nothing differs")
            )
        case wire.Failed():
            return _bad(f"failed at: {outcome.phase}; {_afterwards(outcome)}", outcome.message)
        case Failure(trouble=Trouble.BARE):
            return _attention(outcome.message)
        case _:
            return _bad(outcome.trouble.replace("-", " "), outcome.message)


def _afterwards(failed: wire.Failed) -> str:
    if failed.restored:
        return "the previous state is back in force"
    if failed.phase in ("lock", "packages", "stage", "judge"):
        return "nothing live was changed"
    return "and the previous state is NOT back: look at this host now"


def short(release: str | None) -> str:
    return release[:12] if release else "nothing"


def plain(outcome: Outcome) -> dict[str, Any]:
    """The outcome for other programs; its key `result` says of which kind it is."""
    if isinstance(outcome, Failure):
        return {"result": "failure", "trouble": outcome.trouble.value, "message": outcome.message}
    return {"result": _KINDS[type(outcome)], **asdict(outcome)}


_KINDS: Mapping[type[Any], str] = {
    wire.PlanResult: "plan",
    wire.Applied: "applied",
    wire.Failed: "failed",
    wire.Status: "status",
}


def _good(words: str) -> Text:
    return Text.assemble(("✓ ", "green"), words)


def _attention(words: str) -> Text:
    return Text.assemble(("~ ", "yellow"), words)


def _bad(words: str, message: str) -> Text:
    indented = "\n".join(f"    {one}" for one in message.splitlines())
    return Text.assemble(("✗ ", "red"), (words, "red"), "\n", indented)
