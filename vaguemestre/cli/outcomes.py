"""What became of each host: in a few words for people, as plain values for programs, as an exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.text import Text

from vaguemestre.engines import wire
from vaguemestre.engines.sessions import Failure
from vaguemestre.engines.trouble import Trouble
from vaguemestre.errors import Exit
from vaguemestre.plan import summary

Prepared = tuple[str, ...]  # what bootstrap changed
Outcome = wire.Result | Failure | Prepared

_LIVE = ("recover", "switch", "settle", "probe")  # the activator's phases in which live files and daemons change
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
        case wire.Failed(phase="lock" | "claim"):
            return Exit.BUSY
        case wire.Failed():
            return Exit.FAILED
        case wire.PlanResult(changes=changes):
            return Exit.CHANGES if changes else Exit.OK
        case wire.Status():
            return Exit.CHANGES if findings(outcome) else Exit.OK
        case _:
            return Exit.OK


def findings(status: wire.Status) -> tuple[str, ...]:
    """What is not as it should be, in words; nothing when the host is exactly what the inventory says."""
    if status.live is None:
        return (f"no release is live yet ({summary(status.drift)} to come)",)
    failed = [unit for unit, state in status.units.items() if state == "failed"]
    found = {
        f"release {short(status.live)} is live, the inventory says {short(status.expected)}": (
            status.live != status.expected
        ),
        "an activation was cut short; the next one finishes or undoes it": status.interrupted,
        f"differs: {summary(status.drift)}": status.drift,
        f"not running with what is on disk: {', '.join(status.stale)}": status.stale,
        f"failed: {', '.join(failed)}": failed,
    }
    return tuple(words for words, so in found.items() if so)


@dataclass(frozen=True)
class Verdict:
    """One host's outcome: how good it is, in a few words, and the whole message where something failed."""

    mark: str
    style: str
    words: str
    message: str = ""

    def line(self) -> Text:
        return Text.assemble((f"{self.mark} ", self.style), (self.words, "" if self.mark == "✓" else self.style))


def verdict(outcome: Outcome) -> Verdict:
    """What became of one host."""
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
            wrong = findings(outcome)
            return _attention("; ".join(wrong)) if wrong else _good(f"{short(outcome.live)} is live, nothing differs")
        case wire.Failed():
            return Verdict("✗", "red", f"failed at: {outcome.phase}; {_afterwards(outcome)}", outcome.message)
        case wire.Recovered():
            return _good(outcome.did or "nothing was interrupted")
        case wire.Claimed():
            return _good(f"part of rollout {outcome.rollout}")
        case wire.Disclaimed():
            return _good(f"no longer part of rollout {outcome.rollout}" if outcome.rollout else "part of no rollout")
        case Failure(trouble=Trouble.BARE):
            return _attention("bare: not prepared yet, `apply` does that first")
        case Failure():
            return Verdict("✗", "red", outcome.trouble.value.replace("-", " "), outcome.message)
        case _:
            return _good(f"prepared: {', '.join(outcome)}" if outcome else "was prepared already")


def _afterwards(failed: wire.Failed) -> str:
    if not failed.restored:
        return "the previous state is NOT back, look at this host now"
    return "the previous state is back in force" if failed.phase in _LIVE else "nothing live was changed"


def changes_of(outcome: Outcome) -> tuple[wire.Change, ...]:
    """The changes that an outcome tells of, done, to do, or found."""
    if isinstance(outcome, wire.Status):
        return outcome.drift
    return outcome.changes if isinstance(outcome, (wire.PlanResult, wire.Applied)) else ()


def short(release: str | None) -> str:
    return release[:12] if release else "nothing"


def plain(outcome: Outcome) -> dict[str, Any]:
    """The outcome for other programs; its key `result` says of which kind it is."""
    if isinstance(outcome, Failure):
        return {"result": "failure", "trouble": outcome.trouble.value, "message": outcome.message}
    if isinstance(outcome, tuple):
        return {"result": "prepared", "changed": list(outcome)}
    return {"result": _KINDS[type(outcome)], **asdict(outcome)}


_KINDS: Mapping[type[Any], str] = {
    wire.PlanResult: "plan",
    wire.Applied: "applied",
    wire.Failed: "failed",
    wire.Status: "status",
    wire.Recovered: "recovered",
    wire.Claimed: "claimed",
    wire.Disclaimed: "disclaimed",
}


def _good(words: str) -> Verdict:
    return Verdict("✓", "green", words)


def _attention(words: str) -> Verdict:
    return Verdict("~", "yellow", words)
