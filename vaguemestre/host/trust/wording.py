"""The answers of the verb `trust` as text, for whoever is logged in on the host. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Plain = dict[str, Any]

_MOST = 20  # lines of one kind
_FEW = 4
_HEADS = ("at", "event")


def text(said: Plain) -> str:
    """What a person reads; every answer of `admin` has words here."""
    return "\n".join(_WORDS[said["result"]](said))


def _refused(said: Plain) -> Iterator[str]:
    yield f"trust: {said['message']}"


def _shown(said: Plain) -> Iterator[str]:
    yield from _list(said["list"])
    yield from _waiting(said["quarantine"])
    for one in said["crls"]:
        until = f"until {_time(one['next_update'])}, {one['revoked']} revoked" if one["name"] else ""
        yield f"revocation   {one['stands']}: {one['url']} {until}, fetched {_time(one['fetched'])}"
    for one in said["sources"]:
        state = f"{one['failure']} since {_time(one['since'])}: {one['message']}" if one["failure"] else "fine"
        yield f"source       {one['url']}: {state}"
    for one in said["own"]:
        yield f"own domain   {one['domain']}: {_ours(one)}"
    if said["beside"]:
        yield f"our name     also listed for {', '.join(said['beside'])}, not served here"
    if said["certificate"]:
        yield f"certificate  {said['certificate']['dn']}: {said['certificate']['days']} days left"
    for one in said["alarms"]:
        yield f"ALARM        {one['name']} {one['about']} [{one['stage']}] since {_time(one['since'])}: {one['en']}"


def _list(held: Plain | None) -> Iterator[str]:
    if held is None:
        yield "white list   none: all mail of the trust space is deferred"
        return
    yield (
        f"white list   of {_time(held['generated'])}, {held['entries']} entries, {held['domains']} domains, "
        f"{held['operators']} certificate names, {held['digest'][:16]}"
    )
    yield f"confirmed    {_time(held['confirmed'])}{'' if held['fresh'] else ': too long ago'}"
    yield f"signed by    {held['signer']}, whose certificate ends {_time(held['signer_until'])}"


def _waiting(one: Plain | None) -> Iterator[str]:
    if one:
        yield f"QUARANTINE   {one['digest'][:16]} of {_time(one['generated'])}: {one['summary']}"
        yield from (f"             {why}" for why in one["why"][:_FEW])
        yield "             look: trust diff; then trust approve DIGEST"


def _ours(one: Plain) -> str:
    if not one["listed"]:
        return "NOT on the white list"
    if one["ours"] is None:
        return "listed; this host shows no certificate"
    return "listed for this host's certificate" if one["ours"] else "listed, but NOT for this host's certificate"


def _listed(said: Plain) -> Iterator[str]:
    for one in said["entries"]:
        yield f"{said['domain']}: {one['operator']} ({one['structure']}), since {_time(one['updated'])}"
        yield f"    {one['dn']}"


def _not_listed(said: Plain) -> Iterator[str]:
    yield f"{said['domain']} is not on the white list of {_time(said['generated'])}"
    for kind, words in (("parents", "listed above it"), ("children", "listed below it"), ("near", "spelt nearly so")):
        if said[kind]:
            yield f"    {words}: {', '.join(said[kind])}"


def _nothing(_: Plain) -> Iterator[str]:
    yield "no list waits for approval"


def _different(said: Plain) -> Iterator[str]:
    explained = {one["text"] for one in said["moves"]}
    limits = [why for why in said["quarantine"]["why"] if why not in explained]
    yield from _waiting({**said["quarantine"], "why": limits})
    yield from (f"    {one['text']}: {_some(one['domains'])}" for one in said["moves"][:_MOST])
    if len(said["moves"]) > _MOST:
        yield f"    and {len(said['moves']) - _MOST} smaller changes (--json has all)"


def _past(said: Plain) -> Iterator[str]:
    for one in said["events"]:
        yield f"{_time(one['at'])}  {one['event']:<12} {facts(one)}"


def facts(event: Plain) -> str:
    """What an event of the history tells besides its time and name, on one line."""
    told = {name: value for name, value in event.items() if name not in _HEADS and value}
    return ", ".join(f"{name} {_short(name, value)}" for name, value in told.items())


def _refreshed(said: Plain) -> Iterator[str]:
    yield f"asked {', '.join(said['asked'])}" if said["asked"] else "nothing was due"
    yield from _past(said)
    yield from (f"FAILING {message}" for message in said["failing"].values())


def _taken(said: Plain) -> Iterator[str]:
    what = said["result"]
    if what == "taken":
        yield f"list {said['number']} of {said['name']}: {said['revoked']} more revoked, {said['restored']} fewer"
        return
    summary = f": {said['summary']}" if said["summary"] else ""
    yield f"{what}: {said['digest'][:16]} of {_time(said['generated'])}{summary}"
    yield from (f"    {why}" for why in said.get("why", ()))


def _some(domains: list[str]) -> str:
    shown = ", ".join(domains[:3])
    return f"{shown}, ..." if len(domains) > 3 else shown


def _short(name: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value[:_FEW])) + ("; ..." if len(value) > _FEW else "")
    return {"digest": str(value)[:16], "generated": _time(str(value))}.get(name, str(value))


def _time(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "never"


_WORDS: dict[str, Callable[[Plain], Iterator[str]]] = {
    "refused": _refused,
    "failed": _refused,
    "shown": _shown,
    "listed": _listed,
    "not_listed": _not_listed,
    "nothing": _nothing,
    "different": _different,
    "history": _past,
    "refreshed": _refreshed,
    "accepted": _taken,
    "unchanged": _taken,
    "quarantined": _taken,
    "approved": _taken,
    "taken": _taken,
}
