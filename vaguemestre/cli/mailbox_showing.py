"""Mailboxes for people: one in all detail, many in a table, their numbers. Nothing of a text is taken for markup."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from vaguemestre.host.mailboxes.bal import Mailbox
    from vaguemestre.verbs.mailbox import Answer

_LABELS = {  # field of Mailbox -> what people call it
    "address": "address", "kind": "type", "state": "state", "since": "since", "created": "created", "closed": "closed",
    "display": "name", "surname": "family name", "given": "given name", "person": "RPPS or staff number",
    "structure": "structure", "service": "service", "profession": "profession", "speciality": "speciality",
    "description": "description", "responsible": "responsible", "rank": "rank", "senders": "sent from by",
    "redlist": "red list", "redlist_by": "chosen by", "notice": "redirect is",
    "secretariat": "secretariat", "allowed": "written to by", "paperless": "no more paper",
    "paperless_by": "said by", "quota_mib": "quota in MiB", "origin": "opened by", "state_by": "state set by",
}  # fmt: skip
_TIMES = ("since", "created", "closed")
_PAPER = {"O": "paperless", "N": "with paper", "unknown": "not said"}


def typed(wanted: bool) -> str | None:
    """The password that somebody types, if one is wanted."""
    return sys.stdin.readline().rstrip("\r\n") if wanted else None


def told(answer: Answer, as_json: bool) -> None:
    """What became of one mailbox; a password that was made is shown this once."""
    if as_json:
        return printed([answer])
    box = answer.mailbox
    typer.echo(f"{answer.result}: {box.address} ({box.kind}) is {box.state}")
    if answer.password:
        typer.echo(f"password, shown this once: {answer.password}")
    if warning := answer.facts.get("warning"):
        typer.echo(f"note: {warning}", err=True)
    return None


def printed(answers: list[Answer]) -> None:
    """One mailbox as an object with `result` and, when it was made now, `password`; a list as a list."""
    from vaguemestre.host.mailboxes.bal import plain

    if len(answers) == 1 and answers[0].result != "listed":
        one = answers[0]
        password = {"password": one.password} if one.password else {}
        shown: Any = {"result": one.result, **plain(one.mailbox), **one.facts, **password}
    else:
        shown = [plain(box) for one in answers for box in one.mailboxes]
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def detailed(answer: Answer) -> Iterator[tuple[str, str]]:
    """Label and value of all that is known of one mailbox, and what time will do to it."""
    box = answer.mailbox
    for name, label in _LABELS.items():
        value = getattr(box, name)
        if value not in ("", 0, ()):
            yield (
                label,
                ", ".join(value) if isinstance(value, tuple) else _moment(value) if name in _TIMES else str(value),
            )
    if not box.redlist:
        yield "red list", "unknown, so it is shown to nobody"
    if box.state in ("active", "suspended") and not answer.facts.get("has_password"):
        yield "password", "none: nobody can log in"
    if leaves := answer.facts.get("leaves"):
        then = "quarantined" if box.state == "closed" else "purged: its mail is removed, and cannot be restored"
        yield f"on {_moment(leaves)}", then
    if free := answer.facts.get("free"):
        yield "address free", f"not before {_moment(free)}"


def _moment(text: str) -> str:
    """``2026-11-23 04:00 UTC`` of an LDAP generalized time."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]} UTC" if len(text) == 15 else text


def show_one(answer: Answer) -> None:
    for label, value in detailed(answer):
        typer.echo(f"{label + ':':<24}{visible(value)}")


def visible(text: str) -> str:
    """Without what moves a terminal's cursor: an older release did not refuse it."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def table(boxes: Iterable[Mailbox]) -> None:
    """One line a mailbox, and how many there are."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from vaguemestre.cli.board import LOG_WIDTH

    boxes = list(boxes)
    columns = ("type", "state", "name", "RPPS or structure", "red list", "no paper")
    shown = Table(Column("address", no_wrap=True), *columns, box=None)
    for box in boxes:
        cells = (box.display, box.person or box.structure, box.redlist or "unknown", box.paperless)
        shown.add_row(box.address, box.kind, box.state, *(Text(visible(cell)) for cell in cells))
    Console(width=None if sys.stdout.isatty() else LOG_WIDTH).print(shown)
    if boxes:
        typer.echo(f"{len(boxes)} in all: {_numbers(Counter(box.state for box in boxes))}")


def merged(counts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """The numbers of several hosts together."""
    sums: dict[str, Counter[str]] = {}
    for one in counts:
        for name, numbers in one.items():
            sums.setdefault(name, Counter()).update(numbers)
    return {name: dict(numbers) for name, numbers in sums.items()}


def show_counts(counts: Mapping[str, Mapping[str, int]]) -> None:
    """By state, of all; by type, red list and paper, of those that receive."""
    lines = {
        "state": counts.get("state", {}),
        "type": counts.get("kind", {}),
        "red list": counts.get("redlist", {}),
        "paper": {_PAPER.get(name, name): number for name, number in counts.get("paperless", {}).items()},
    }
    for label, numbers in lines.items():
        typer.echo(f"{label + ':':<12}{_numbers(numbers) or 'none'}")


def _numbers(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(numbers.items(), key=lambda item: -item[1]))
