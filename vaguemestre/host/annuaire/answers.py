"""The answers of the verb `annuaire` as text, for whoever is logged in on the host. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Plain = dict[str, Any]

_HEADS = ("at", "event")


def text(said: Plain) -> str:
    """What a person reads; every answer of `admin` has words here."""
    return "\n".join(_WORDS[said["result"]](said))


def facts(event: Plain) -> str:
    """What an event of the history says besides its time and name."""
    return ", ".join(f"{key} {_fact(value)}" for key, value in event.items() if key not in _HEADS and value)


def _refused(said: Plain) -> Iterator[str]:
    yield f"annuaire: {said['message']}"


def _shown(said: Plain) -> Iterator[str]:
    if held := said["held"]:
        yield f"held         made {_time(held['generated'])}, {held['mailboxes']:,} mailboxes, {held['name'][:16]}"
        yield f"applied      {_time(said['applied'])}, every entry looked at {_time(said['looked'])}"
    else:
        yield "held         nothing that is known of yet"
    if coming := said["coming"]:
        yield f"coming       made {_time(coming['generated'])}, {coming['mailboxes']:,} mailboxes, not all applied yet"
    yield from _waiting(said["waiting"])
    if said["refused"]:
        yield f"refused      {said['refused']} entries, by slapd"
    if said["trouble"]:
        yield f"TROUBLE      {said['trouble']}"
    for one in said["sources"]:
        fine = f"answered {_time(one['succeeded'])}" if one["asked"] else "not asked yet"
        yield f"source       {one['url']}: {_failing(one) if one['failure'] else fine}"
    for one in said["alarms"]:
        yield f"ALARM        {one['name']} {one['about']} [{one['stage']}] since {_time(one['since'])}: {one['en']}"


def _waiting(one: Plain | None) -> Iterator[str]:
    if one:
        yield f"WAITING      {one['sha256'][:16]}, made {_time(one['generated'])}: {one['summary']}"
        yield from (f"             {why}" for why in one["why"])
        yield f"             to take it: annuaire approve {one['sha256'][:16]}"


def _done(said: Plain) -> Iterator[str]:
    yield from _events(said["events"])
    if not said["events"]:
        yield "nothing new"
    yield from (f"failing: {message}" for message in said["failing"].values())
    if said["trouble"]:
        yield f"TROUBLE: {said['trouble']}"
    yield from _waiting(said["waiting"])
    if said["load"]:
        yield "the rest is a load by slapadd: as root, annuaire load, then annuaire refresh --resume"


def _history(said: Plain) -> Iterator[str]:
    yield from _events(said["events"])
    if not said["events"]:
        yield "nothing happened yet"


def _events(events: list[Plain]) -> Iterator[str]:
    return (f"{_time(one['at'])}  {one['event']}: {facts(one)}" for one in events)


def _failing(one: Plain) -> str:
    return f"[{one['failure']}] since {_time(one['since'])}, x{one['failures']}: {one['message']}"


def _fact(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _time(value: str | None) -> str:
    return value[:16].replace("T", " ") + " UTC" if value else "never"


_WORDS: dict[str, Callable[[Plain], Iterator[str]]] = {
    "refused": _refused,
    "failed": _refused,
    "shown": _shown,
    "refreshed": _done,
    "approved": _done,
    "history": _history,
}
