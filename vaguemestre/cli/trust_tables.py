"""What hosts say of the trust space, as tables for people. Pure but for printing."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vaguemestre.cli.answers import Pairs, moment, print_by_host
from vaguemestre.host.trust.wording import facts
from vaguemestre.verbs.asking import Said
from vaguemestre.verbs.trust import Answers

_MOVES = 25  # shown of a difference; --json has all
_NAMES = 3  # domains named of one move


def print_answers(answers: Answers) -> None:
    """What hosts say of the trust space."""
    print_by_host(answers, _BY_RESULT)


def _shown(said: Said) -> RenderableType:
    pairs = Pairs()
    _held(pairs, said)
    for one in said["crls"]:
        until = f", until {moment(one['next_update'])}, {one['revoked']:,} revoked" if one["name"] else ""
        stands = "" if one["stands"] == "current" else "red"
        pairs.add("revocation", f"{one['stands']}: {one['url']}{until}, fetched {moment(one['fetched'])}", stands)
    for one in said["sources"]:
        if one["failure"]:
            pairs.add("failing source", f"{one['failure']} since {moment(one['since'])}: {one['message']}", "yellow")
    for one in said["own"]:
        pairs.add("our domain", *_ours(one))
    if said.get("beside"):
        pairs.add("not served here", f"{', '.join(said['beside'])}: listed for our certificate", "yellow")
    if said["certificate"]:
        pairs.add("our certificate", f"{said['certificate']['dn']}, {said['certificate']['days']} days left")
    for one in said["alarms"]:
        head = f"{one['name']} {one['about']}".strip()
        pairs.add("alarm", f"{head} [{one['stage']}] since {moment(one['since'])}: {one['en']}", "red")
    return pairs.table


def _held(pairs: Pairs, said: Said) -> None:
    if held := said["list"]:
        size = f"{held['entries']:,} entries, {held['domains']:,} domains, {held['operators']:,} certificate names"
        pairs.add("white list", f"of {moment(held['generated'])}, {size}, {held['digest'][:16]}")
        late = not held["fresh"]
        pairs.add("confirmed", f"{moment(held['confirmed'])}{', too long ago' if late else ''}", "red" if late else "")
        pairs.add("signed by", f"{held['signer']}, whose certificate ends {moment(held['signer_until'])}")
    else:
        pairs.add("white list", "none: all mail of the trust space is deferred", "red")
    if one := said["quarantine"]:
        waits = f"{one['digest'][:16]} of {moment(one['generated'])} waits: {one['summary']}"
        pairs.add("quarantine", waits, "yellow")


def _ours(one: Said) -> tuple[str, str]:
    if not one["listed"]:
        return f"{one['domain']}: not on the white list", "red"
    if one["ours"] is None:
        return f"{one['domain']}: listed; this host shows no certificate", ""
    if not one["ours"]:
        return f"{one['domain']}: listed, but not for this host's certificate", "red"
    return f"{one['domain']}: listed for this host's certificate", ""


def _listed(said: Said) -> RenderableType:
    table = Table("domain", "operator", "number", "certificate name (DN)", "since", box=None, padding=(0, 2, 0, 2))
    for one in said["entries"]:
        texts = (said["domain"], one["operator"], one["structure"], one["dn"], moment(one["updated"]))
        table.add_row(*map(Text, texts))
    return table


def _not_listed(said: Said) -> RenderableType:
    pairs = Pairs()
    pairs.add(said["domain"], f"is not on the white list of {moment(said['generated'])}", "red")
    for kind, words in (("parents", "listed above it"), ("children", "listed below it"), ("near", "spelt nearly so")):
        if said[kind]:
            pairs.add(words, ", ".join(said[kind]))
    return pairs.table


def _nothing(_: Said) -> RenderableType:
    return Text("  no list waits for approval")


def _different(said: Said) -> RenderableType:
    waiting, head = said["quarantine"], Pairs()
    explained = {one["text"] for one in said["moves"]}
    if said["held"]:
        head.add("held", f"of {moment(said['held']['generated'])}, {said['held']['digest'][:16]}")
    head.add("waits", f"of {moment(waiting['generated'])}, {waiting['digest']}", "bold")
    head.add("since", moment(waiting["since"]))
    head.add("changes", said["summary"])
    for why in waiting["why"]:
        if why not in explained:
            head.add("held back", why, "yellow")
    return Group(head.table, *_moves(said["moves"]))


def _moves(moves: list[Said]) -> list[RenderableType]:
    table = Table("what", "domains", "such as", box=None, padding=(0, 2, 0, 2))
    for one in moves[:_MOVES]:
        texts = (one["text"], f"{len(one['domains']):,}", ", ".join(one["domains"][:_NAMES]))
        table.add_row(*map(Text, texts))
    rest = len(moves) - _MOVES
    return [table, Text(f"  and {rest} smaller changes; --json has all")] if rest > 0 else [table]


def _past(said: Said) -> RenderableType:
    table = Table("when (UTC)", "event", "what", box=None, padding=(0, 2, 0, 2))
    for one in said["events"]:
        table.add_row(*map(Text, (moment(one["at"]), one["event"], facts(one))))
    return table


def _refreshed(said: Said) -> RenderableType:
    pairs = Pairs()
    pairs.add("asked", ", ".join(said["asked"]) or "nothing was due")
    for message in said["failing"].values():
        pairs.add("failing", message, "red")
    return Group(pairs.table, _past(said)) if said["events"] else pairs.table


def _taken(said: Said) -> RenderableType:
    pairs = Pairs()
    if said["result"] == "taken":
        pairs.add("taken", f"list {said['number']} of {said['name']}, {said['revoked']} more revoked")
        return pairs.table
    pairs.add(said["result"], f"{said['digest'][:16]} of {moment(said['generated'])}")
    if said["summary"]:
        pairs.add("changes", said["summary"])
    for why in said.get("why", ()):
        pairs.add("held back", why, "yellow")
    return pairs.table


_BY_RESULT: dict[str, Callable[[Said], RenderableType]] = {
    "shown": _shown,
    "listed": _listed,
    "not_listed": _not_listed,
    "nothing": _nothing,
    "different": _different,
    "history": _past,
    "refreshed": _refreshed,
    **dict.fromkeys(("accepted", "unchanged", "quarantined", "approved", "taken"), _taken),
}
