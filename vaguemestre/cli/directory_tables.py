"""What hosts say of the national directory, as tables for people. Pure but for printing."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vaguemestre.cli.answers import Pairs, moment, print_by_host
from vaguemestre.host.annuaire.answers import facts
from vaguemestre.verbs.asking import Said
from vaguemestre.verbs.directory import Answers


def print_answers(answers: Answers) -> None:
    """What hosts say of the national directory."""
    print_by_host(answers, _BY_RESULT)


def _shown(said: Said) -> RenderableType:
    pairs = Pairs()
    if held := said["held"]:
        days = held["age_seconds"] / 86400
        size = f"{held['mailboxes']:,} mailboxes, {held['name'][:16]}"
        pairs.add("held", f"made {moment(held['generated'])} UTC, {days:.1f} days ago: {size}")
        pairs.add("applied", f"{moment(said['applied'])}; every entry looked at {moment(said['looked'])}")
    else:
        pairs.add("held", "nothing that is known of yet", "yellow")
    if coming := said["coming"]:
        pairs.add("coming", f"made {moment(coming['generated'])} UTC, not all applied yet", "yellow")
    _waiting(pairs, said["waiting"])
    _troubles(pairs, said)
    for one in said["sources"]:
        pairs.add("source", *_source(one))
    for one in said["alarms"]:
        head = f"{one['name']} {one['about']}".strip()
        pairs.add("alarm", f"{head} [{one['stage']}] since {moment(one['since'])}: {one['en']}", "red")
    return pairs.table


def _waiting(pairs: Pairs, waiting: Said | None) -> None:
    """Who would lose how much is what a person must see before they approve."""
    if waiting is None:
        return
    pairs.add("waits", f"{waiting['sha256'][:16]}, made {moment(waiting['generated'])} UTC", "bold yellow")
    pairs.add("", waiting["summary"])
    for why in waiting["why"]:
        pairs.add("held back", why, "yellow")


def _troubles(pairs: Pairs, said: Said) -> None:
    if said.get("refused"):
        pairs.add("refused", f"{said['refused']:,} entries, by slapd", "yellow")
    if said["trouble"]:
        pairs.add("trouble", said["trouble"], "red")


def _source(one: Said) -> tuple[str, str]:
    if one["failure"]:
        return f"{one['url']}: {one['failure']} since {moment(one['since'])}: {one['message']}", "red"
    answered = f"answered {moment(one['succeeded'])}" if one["asked"] else "not asked yet"
    return f"{one['url']}: {answered}", ""


def _refreshed(said: Said) -> RenderableType:
    pairs = Pairs()
    for message in said["failing"].values():
        pairs.add("failing", message, "red")
    _troubles(pairs, said)
    _waiting(pairs, said["waiting"])
    return Group(_past(said) if said["events"] else Text("  nothing new"), pairs.table)


def _past(said: Said) -> RenderableType:
    table = Table("when (UTC)", "event", "what", box=None, padding=(0, 2, 0, 2))
    for one in said["events"]:
        table.add_row(*map(Text, (moment(one["at"]), one["event"], facts(one))))
    return table


_BY_RESULT: dict[str, Callable[[Said], RenderableType]] = {
    "shown": _shown,
    "refreshed": _refreshed,
    "approved": _refreshed,
    "history": _past,
}
