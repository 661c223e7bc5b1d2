"""Where a message for one of our people goes: to the person, to the secretariat, or nowhere yet. Pure.

Only a mailbox under the rule `secretariat` asks more than one question; everybody else's mail arrives, on the red list
or not (`unlisted` is about being found, not about being written to). Whatever is not known is deferred: nothing is lost
and nothing reaches somebody past the secretariat because a program was away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from vaguemestre.host.mailboxes.bal import RECEIVING, ROLE_ADDRESSES

PROTECTED = "secretariat"
"""The one rule of `bal.RED_LIST` that changes where mail goes."""

TOLD, SILENT = "told", "silent"
"""What a professional wishes senders to learn: TOLD, that the secretariat received it; SILENT (or nothing said), no."""


class Way(StrEnum):
    """What becomes of the message."""

    DIRECT = "direct"
    SECRETARIAT = "secretariat"
    DEFER = "defer"


class Door(StrEnum):
    """Where the message came in, which is how its sender is proved."""

    EDGE = "edge"  # another operator, by certificate
    SUBMISSION = "submission"  # one of ours, by password
    INSIDE = "inside"  # a filter of ours, or this machine


@dataclass(frozen=True, slots=True)
class Box:
    """What the red list knows of a mailbox; words are those of `bal.Mailbox`."""

    state: str
    redlist: str = ""
    secretariat: str = ""
    allowed: frozenset[str] = frozenset()
    notice: str = ""


@dataclass(frozen=True)
class House:
    """An establishment that is served here, as far as its domains' mail is concerned."""

    establishment: str
    own_staff_direct: bool = True
    correspondent_days: int = 180


def houses(plain: Mapping[str, Mapping[str, Any]]) -> dict[str, House]:
    """By domain, from trust.json; KeyError, TypeError, ValueError when it does not spell them."""
    return {
        domain: House(str(one["establishment"]), bool(one["own_staff_direct"]), int(one["correspondent_days"]))
        for domain, one in plain.items()
    }


@dataclass(frozen=True)
class Letter:
    """Who writes to whom. Addresses in lower case, domains as A-labels; no sender is a report (RFC 5321 4.5.5)."""

    sender: str
    recipient: str
    door: Door


@dataclass(frozen=True)
class Verdict:
    """What becomes of it, why (a key of WHY), and in whose mailbox it ends when that is not the recipient's."""

    way: Way
    why: str
    secretariat: str = ""
    notice: str = ""


class People(Protocol):
    """The live copy of our mailboxes."""

    def known(self) -> bool:
        """Whether the copy is the directory's state of a moment ago."""

    def box(self, address: str) -> Box | None: ...


class Memory(Protocol):
    """Whom our people have written to within their establishment's number of days."""

    def wrote(self, mailbox: str, correspondent: str, days: int) -> bool: ...

    def may_report(self, mailbox: str, days: int) -> bool:
        """Whether the operator at the door serves a domain that this mailbox has written into."""


WHY = {  # the reasons, as `redlist explain` tells them
    "elsewhere": "this address is not served here",
    "role": "the address of a function is never on the red list",
    "open": "mail arrives directly: the mailbox has no secretariat before it",
    "machine": "a report or an automatic answer from inside our own domains",
    "self": "people may write to themselves",
    "secretariat": "the sender is this person's secretariat",
    "own_staff": "the sender is of the same establishment, whose staff may write directly",
    "allowed": "the sender, or the sender's domain, is on this person's list",
    "correspondent": "this person has written to the sender lately",
    "report": "a report from an operator whose people this person has written to lately",
    "stranger": "nothing lets this sender past the secretariat",
    "stray_report": "a report from an operator to whom this person has not written lately",
    "directory_away": "the directory of mailboxes does not answer",
    "not_known_yet": "the mailbox is not known yet, which takes a second after it was opened",
    "secretariat_missing": "there is no such secretariat: name another mailbox",
    "secretariat_closed": "the secretariat's mailbox does not receive: name another, or open it",
    "secretariat_protected": "the secretariat is itself behind a secretariat: name another mailbox",
}


def decide(letter: Letter, people: People, memory: Memory, houses: Mapping[str, House]) -> Verdict:
    """Where this message goes. `houses` are the domains that are served here."""
    local, _, domain = letter.recipient.rpartition("@")
    house = houses.get(domain)
    if house is None:
        return Verdict(Way.DIRECT, "elsewhere")
    if local in ROLE_ADDRESSES:
        return Verdict(Way.DIRECT, "role")
    if not people.known():
        return Verdict(Way.DEFER, "directory_away")
    box = people.box(letter.recipient)
    if box is None:
        return Verdict(Way.DEFER, "not_known_yet")
    if box.redlist != PROTECTED:
        return Verdict(Way.DIRECT, "open")
    privilege = _privilege(letter, box, house, houses) or _remembered(letter, house, memory)
    if privilege:
        return Verdict(Way.DIRECT, privilege)
    return _handed_over(letter, box, people)


def trouble(box: Box, people: People) -> str:
    """What keeps a protected mailbox's secretariat from receiving in its place: a key of WHY, or ""."""
    desk = people.box(box.secretariat)
    if desk is None:
        return "secretariat_missing"
    if desk.state not in RECEIVING:
        return "secretariat_closed"
    return "secretariat_protected" if desk.redlist == PROTECTED else ""


def _privilege(letter: Letter, box: Box, house: House, houses: Mapping[str, House]) -> str:
    """Why the sender may pass by what he is. Our own people's names count at our own doors only: another operator may
    share a domain with us, and then speaks for that domain, but not as our staff."""
    ours = letter.door is not Door.EDGE
    domain = letter.sender.rpartition("@")[2]
    if not letter.sender:
        return "machine" if ours else ""
    if ours and letter.sender == letter.recipient:
        return "self"
    if ours and letter.sender == box.secretariat:
        return "secretariat"
    home = houses.get(domain)
    if ours and house.own_staff_direct and home is not None and home.establishment == house.establishment:
        return "own_staff"
    return "allowed" if letter.sender in box.allowed or f"@{domain}" in box.allowed else ""


def _remembered(letter: Letter, house: House, memory: Memory) -> str:
    """Why the sender may pass by what this person has written lately."""
    days = house.correspondent_days
    if not letter.sender:
        return "report" if memory.may_report(letter.recipient, days) else ""
    return "correspondent" if memory.wrote(letter.recipient, letter.sender, days) else ""


def _handed_over(letter: Letter, box: Box, people: People) -> Verdict:
    wrong = trouble(box, people)
    if wrong:
        return Verdict(Way.DEFER, wrong, box.secretariat)
    return Verdict(Way.SECRETARIAT, "stranger" if letter.sender else "stray_report", box.secretariat, box.notice)
