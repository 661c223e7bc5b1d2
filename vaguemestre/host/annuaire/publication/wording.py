"""The answers of the verb `publication` as text, for whoever is logged in on the host, and for the controller. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Plain = dict[str, Any]

_MOST = 20  # lines of one kind


def text(said: Plain) -> str:
    """What a person reads; every answer of `admin` has words here."""
    return "\n".join(WORDS[said["result"]](said))


def _refused(said: Plain) -> Iterator[str]:
    yield f"publication: {said['message']}"


def _off(_: Plain) -> Iterator[str]:
    yield "publication is off (publication.writer: none): the nation is told nothing"


def _shown(said: Plain) -> Iterator[str]:
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in said["types"].items())
    yield f"published  {said['published']:,} mailboxes{f' ({kinds})' if kinds else ''} by writer {said['writer']}"
    yield f"           {said['redlisted']:,} with the flag of the red list, {said['paperless']:,} paperless"
    yield from _run(said["run"])
    yield from (f"{state:<10} {number:,}" for state, number in sorted(said["states"].items()))
    for one in said["stuck"][:_MOST]:
        again = f"; again {_time(one['again'])}" if one["again"] else ""
        yield f"           {one['address']}: {one['state']} {_time(one['at'])} {_why(one)}{again}"
    yield from _more(len(said["stuck"]))
    for alarm in said["alarms"]:
        yield f"ALARM      {alarm['name']} [{alarm['stage']}]: {alarm['en']}"


def _planned(said: Plain) -> Iterator[str]:
    counts = ", ".join(f"{number:,} {kind}" for kind, number in said["counts"].items())
    yield f"{said['wanted']:,} mailboxes are to be published by writer {said['writer']}; {counts or 'nothing to send'}"
    for one in said["operations"][:_MOST]:
        urgent = " URGENT" if one["urgent"] else ""
        fields = f" ({', '.join(one['fields'])})" if one["fields"] else ""
        later = "" if one["due"] else f", not now: {one['why'] or 'later'}"
        yield f"    {one['operation']:<8}{one['address']}{fields}{urgent}{later}"
    yield from _more(len(said["operations"]))
    yield from _withheld(said["withheld"])


def _published(said: Plain) -> Iterator[str]:
    """The timer's runs end up in the journal: nobody is named."""
    yield from _run(said)
    if waiting := said["withheld"]:
        yield f"HELD BACK  {waiting['number']:,} withdrawals wait for approval, see plan"
        yield from (f"           {why}" for why in waiting["why"])


def _withheld(waiting: Plain | None) -> Iterator[str]:
    if waiting:
        yield f"HELD BACK  {waiting['number']:,} withdrawals wait for approval, {waiting['digest'][:16]}"
        yield from (f"           {why}" for why in waiting["why"])
        yield from (f"           {address}" for address in waiting["addresses"][:_MOST])
        yield "           when it is meant: publication approve DIGEST"


def _run(one: Plain) -> Iterator[str]:
    if not one["at"]:
        yield "latest run none"
    else:
        results = ", ".join(f"{number:,} {name}" for name, number in sorted(one["results"].items()))
        yield f"latest run {_time(one['at'])}: {results or 'nothing to do'}; {one['left']:,} left"
    if one["halted"]:
        yield f"           stopped early: {one['halted']}"
    if one["trouble"]:
        yield f"           could not be made: {one['trouble']}"


def _report(said: Plain) -> Iterator[str]:
    for one in said["lines"]:
        fields = f" ({', '.join(one['fields'])})" if one.get("fields") else ""
        flag = " red-listed" if one.get("redlist") else ""
        yield f"{_time(one['at'])}  {one['operation']:<8}{one['address']}{fields}{flag}: {one['result']} {_why(one)}"
    if not said["lines"]:
        yield "nothing was sent yet"


def _retried(said: Plain) -> Iterator[str]:
    yield f"{len(said['addresses']):,} mailboxes are tried again at the next run"


def _approved(said: Plain) -> Iterator[str]:
    yield f"{len(said['addresses']):,} withdrawals are approved of for a day; the next run sends them"


def _imported(said: Plain) -> Iterator[str]:
    yield f"{said['lines']:,} lines: {said['settled']:,} settled, {said['strangers']:,} about nothing that waits"
    yield from (f"    refused: {one['address']}: {one.get('message', '')}" for one in said["rejected"][:_MOST])
    yield from _more(len(said["rejected"]))


def _why(one: Plain) -> str:
    code, message = one.get("code", ""), one.get("message", "")
    return f"[{code}] {message}".strip() if code else message


def _more(number: int) -> Iterator[str]:
    if number > _MOST:
        yield f"    and {number - _MOST:,} more (--json has them)"


def _time(moment: str) -> str:
    return moment[:16].replace("T", " ") if moment else "never"


WORDS: dict[str, Callable[[Plain], Iterator[str]]] = {
    "refused": _refused,
    "failed": _refused,
    "off": _off,
    "shown": _shown,
    "planned": _planned,
    "published": _published,
    "report": _report,
    "retried": _retried,
    "approved": _approved,
    "imported": _imported,
}
