"""The pyinfra door: plan, apply, status, rollback on one or a few hosts at once, first contact, and day-2 commands.

All functions are synchronous, work on the hosts side by side and give one outcome a host: what the activator answered
(`wire`), or a `Failure` with its whole message; one host's failure never stops another. `names` are slugs of
establishments or names of hosts; none means all. `sessions` may be started beforehand, to save a third of a second.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vaguemestre.engines import wire
from vaguemestre.engines.door import Door, Outcome, connected, door, silent
from vaguemestre.engines.parcel import Parcel
from vaguemestre.engines.sessions import Command, Failure, OnText, Ran, Sessions
from vaguemestre.engines.targets import Target
from vaguemestre.engines.trouble import Trouble
from vaguemestre.establishment import Fleet
from vaguemestre.plan import Limits, refuse_unsafe
from vaguemestre.release import Release

_ASK_AGAIN_FOR = 300  # seconds in which a host whose link was cut may come back before it is given up
_ASK_AGAIN_EVERY = 3
_USUAL_LIMITS = Limits()
_FINE = Ran(b"", b"", 0)
_PREPARED = "command -v python3 >/dev/null && sudo -n true"


def plan(
    fleet: Fleet, names: Sequence[str] = (), on_text: OnText = silent, sessions: Sessions | None = None
) -> dict[str, Outcome]:
    """What apply would change; nothing is changed, not even on a bare host."""
    with door(fleet, names, on_text, sessions) as hosts:
        return hosts.ask("plan", _without_secrets(hosts.parcels()))


def status(
    fleet: Fleet, names: Sequence[str] = (), on_text: OnText = silent, sessions: Sessions | None = None
) -> dict[str, Outcome]:
    """What is live on each host, and what there differs from what the inventory says now."""
    with door(fleet, names, on_text, sessions) as hosts:
        return hosts.ask("status", _without_secrets(hosts.parcels()))


def live(fleet: Fleet, names: Sequence[str]) -> dict[str, Outcome]:
    """What is live on each host and whether it is all there; what the inventory says now is not looked at."""
    with door(fleet, names) as hosts:
        return hosts.ask("status", dict.fromkeys(hosts.targets, wire.payload()))


def rollback(
    fleet: Fleet,
    names: Sequence[str] = (),
    on_text: OnText = silent,
    sessions: Sessions | None = None,
    *,
    release: str | None = None,
) -> dict[str, Outcome]:
    """Put the previous release back, or the one with this id."""
    with door(fleet, names, on_text, sessions) as hosts:
        arguments = (release,) if release else ()
        return hosts.ask("rollback", dict.fromkeys(hosts.targets, wire.payload(None, {})), *arguments)


def apply(
    fleet: Fleet,
    names: Sequence[str] = (),
    on_text: OnText = silent,
    sessions: Sessions | None = None,
    *,
    limits: Limits = _USUAL_LIMITS,
) -> dict[str, Outcome]:
    """Make each host what the inventory says; a bare host is prepared first, one without a change is left alone.

    A host whose link is cut goes on by itself; it is asked again, with the same release, until it tells how that ended.

    Raises:
        UnsafePlanError: the plan of some host crosses `limits`; nothing was changed on any.
    """
    with door(fleet, names, on_text, sessions) as hosts:
        parcels = hosts.parcels()
        asked = hosts.ask("plan", _without_secrets(parcels))
        planned = {name: _for_its_debian(name, one, parcels[name]) for name, one in asked.items()}
        refuse_unsafe({name: one.changes for name, one in planned.items() if isinstance(one, wire.PlanResult)}, limits)
        bare = {name: parcels[name] for name, one in planned.items() if troubled(one, Trouble.BARE)}
        unprepared = {name: one for name, one in hosts.prepare(_releases(bare)).items() if isinstance(one, Failure)}
        due = {name: parcels[name] for name, one in planned.items() if name in bare or _due(one)}
        inputs = {name: wire.payload(one.release, one.secrets) for name, one in due.items() if name not in unprepared}
        applied = hosts.ask("apply", inputs)
        again = _asked_again(hosts, applied, inputs, on_text)
    retold = {name: _as_planned(one, planned[name]) for name, one in again.items()}
    return {name: _unchanged(one) for name, one in planned.items()} | unprepared | applied | retold


def upgrade(
    fleet: Fleet, names: Sequence[str], on_text: OnText = silent, sessions: Sessions | None = None
) -> dict[str, Outcome]:
    """Bring each host to the Debian that the inventory says, in place, and then to its release.

    Raises:
        UnsafePlanError: the release takes secrets, services or national authorities away; nothing was changed on any.
    """
    with door(fleet, names, on_text, sessions) as hosts:
        parcels = hosts.parcels()
        planned = hosts.ask("plan", _without_secrets(parcels))
        # The new Debian's Dovecot is told in other words where mailboxes lie: that is no move of them.
        limits = Limits(allow=frozenset({"mailboxes"}))
        refuse_unsafe({name: one.changes for name, one in planned.items() if isinstance(one, wire.PlanResult)}, limits)
        ready = [name for name, one in planned.items() if isinstance(one, wire.PlanResult)]
        inputs = {name: wire.payload(parcels[name].release, parcels[name].secrets) for name in ready}
        done = hosts.ask("upgrade", inputs)
        again = _asked_again(hosts, done, inputs, on_text, "upgrade")
    return planned | done | again


def _due(planned: Outcome) -> bool:
    """Whether there is something to apply: a change, or a release that is as the live one but bears another id."""
    return isinstance(planned, wire.PlanResult) and (bool(planned.changes) or planned.live != planned.release)


def _for_its_debian(name: str, planned: Outcome, parcel: Parcel) -> Outcome:
    """A release for another Debian than the host runs is not looked at any further: that is no apply."""
    wanted = parcel.release.debian
    if not isinstance(planned, wire.PlanResult) or planned.runs == wanted:
        return planned
    return Failure(
        Trouble.FAILED,
        f"{name} runs Debian {planned.runs or '(unknown)'}, and the inventory says {wanted}; nothing was changed\n"
        f"    vaguemestre upgrade {name} brings it to the next Debian; otherwise correct `debian:` of this host",
    )


def _unchanged(planned: Outcome) -> Outcome:
    """A plan without a change is an apply that had nothing to do."""
    if not isinstance(planned, wire.PlanResult):
        return planned
    return wire.Applied(release=planned.release, previous=None, changed=False, changes=(), seconds=0.0)


def _as_planned(again: Outcome, planned: Outcome) -> Outcome:
    """Asked again, a host that had finished tells of no change; what it did is what had been planned."""
    if isinstance(again, wire.Applied) and not again.changed and isinstance(planned, wire.PlanResult):
        return replace(again, changed=True, changes=planned.changes)
    return again


def bootstrap(
    fleet: Fleet,
    names: Sequence[str] = (),
    on_text: OnText = silent,
    sessions: Sessions | None = None,
    *,
    container: str | None = None,
) -> dict[str, tuple[str, ...] | Failure]:
    """Prepare bare hosts; gives what was changed on each, nothing when it was prepared already.

    With `container` (``podman/NAME``) the first contact is through a shell in it, and gives it an SSH server too.
    """
    with door(fleet, names, on_text, sessions, container) as hosts:
        parcels, seen = hosts.parcels(), hosts.run(Command(_PREPARED))
        bare = {name: parcels[name] for name, one in seen.items() if _is_bare(one) or (container and one != _FINE)}
        refused = {name: one for name, one in seen.items() if isinstance(one, Failure) and name not in bare}
        return dict.fromkeys(seen, ()) | refused | hosts.prepare(_releases(bare))


def bare(fleet: Fleet, names: Sequence[str] = (), sessions: Sessions | None = None) -> dict[str, bool | Failure]:
    """Whether each host still waits for its first contact."""
    with door(fleet, names, sessions=sessions) as hosts:
        seen = hosts.run(Command(_PREPARED))
    return {
        name: one if isinstance(one, Failure) and not _is_bare(one) else _is_bare(one) for name, one in seen.items()
    }


def prepare(target: Target, release: Release, *, look_only: bool = False) -> tuple[str, ...] | bool | Failure:
    """As `bootstrap`, for one host whose release is known already; with `look_only` as `bare`."""
    with connected({target.name: target}) as hosts:
        seen = hosts.run(Command(_PREPARED))[target.name]
        if isinstance(seen, Failure) and not _is_bare(seen):
            return seen
        if look_only:
            return _is_bare(seen)
        return hosts.prepare({target.name: release})[target.name] if _is_bare(seen) else ()


def ask(targets: Mapping[str, Target], verb: str, *arguments: str) -> dict[str, Outcome]:
    """One verb of the activator that needs no release, on each of these hosts."""
    with connected(targets) as hosts:
        return hosts.ask(verb, dict.fromkeys(targets, wire.payload()), *arguments)


def run(
    fleet: Fleet,
    names: Sequence[str],
    command: str,
    stdin: bytes = b"",
    sessions: Sessions | None = None,
    on_text: OnText = silent,
) -> dict[str, Ran | Failure]:
    """A shell command, run as the kit's user, on each chosen host; `sudo -n` is the command's business.

    `on_text` gets the texts of lines like the activator's: ``{"event": "step", "text": ...}``.
    """
    with door(fleet, names, on_text, sessions) as hosts:
        return hosts.run(Command(command, stdin))


def troubled(outcome: object, *troubles: Trouble) -> bool:
    return isinstance(outcome, Failure) and outcome.trouble in troubles


def _is_bare(seen: Ran | Failure) -> bool:
    return seen.code != 0 if isinstance(seen, Ran) else seen.trouble is Trouble.BARE


def _asked_again(
    hosts: Door, outcomes: Mapping[str, Outcome], inputs: Mapping[str, bytes], on_text: OnText, verb: str = "apply"
) -> dict[str, Outcome]:
    """The same release again for the hosts whose link was cut: no change when they have finished, its reason if not."""
    again: dict[str, Outcome] = {name: one for name, one in outcomes.items() if troubled(one, Trouble.LOST)}
    until = time.monotonic() + _ASK_AGAIN_FOR
    while (waited := [name for name, one in again.items() if _unsettled(one)]) and time.monotonic() < until:
        left = until - time.monotonic()
        for name in waited:
            on_text(name, f"the link was cut; it goes on by itself, and is asked again for another {left:.0f} s")
        time.sleep(_ASK_AGAIN_EVERY)
        again |= hosts.ask(verb, {name: inputs[name] for name in waited})
    return again


def _unsettled(outcome: Outcome) -> bool:
    busy = isinstance(outcome, wire.Failed) and outcome.phase == "lock"
    return busy or troubled(outcome, Trouble.LOST, Trouble.UNREACHABLE)


def _releases(parcels: Mapping[str, Parcel]) -> dict[str, Release]:
    return {name: one.release for name, one in parcels.items()}


def _without_secrets(parcels: Mapping[str, Parcel]) -> dict[str, bytes]:
    """Comparing takes versions only: the bytes of secrets stay here."""
    return {name: wire.payload(one.release, {}) for name, one in parcels.items()}
