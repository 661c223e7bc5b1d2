"""What becomes of a mailbox when its rule of the red list is changed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from vaguemestre.host.mailboxes import bal
from vaguemestre.host.mailboxes.bal import Mailbox, Refused
from vaguemestre.host.redlist.decide import PROTECTED, SILENT, TOLD
from vaguemestre.host.trust import domains
from vaguemestre.host.trust.domains import DomainError

BY = ("holder", "administrator")
"""Who asked: the person whose mailbox it is, or somebody for them."""

NOTICES = (SILENT, TOLD)
MOST_ALLOWED = 500


@dataclass(frozen=True)
class Wish:
    """What was asked for; what is empty stays as it is. `allow` and `disallow` are addresses, or @domains."""

    rule: str = ""
    secretariat: str = ""
    allow: tuple[str, ...] = ()
    disallow: tuple[str, ...] = ()
    notice: str = ""
    by: str = "administrator"


def changed(box: Mailbox, wish: Wish, get: Callable[[str], Mailbox | None], served: Iterable[str]) -> Mailbox:
    """The mailbox as wished; itself when it is so already.

    `get` finds mailboxes of this operator, `served` are those that `box` is the secretariat of.

    Raises:
        Refused: with the way out; nothing may be changed then.
    """
    if wish.by not in BY:
        raise Refused(f"{wish.by!r}: who asks is {' or '.join(BY)} (--by)")
    if wish.notice not in ("", *NOTICES):
        raise Refused(f"{wish.notice!r}: senders are {TOLD}, or nothing is said: {SILENT} (--notice)")
    after = bal.listed(box, wish.rule or box.redlist, wish.secretariat.strip().lower(), _allowed(box, wish))
    after = replace(after, notice=wish.notice or box.notice)
    if after.redlist == PROTECTED:
        _check_secretariat(after, get(after.secretariat))
    if after.redlist != "none":
        _check_served(after, tuple(served))
    return box if after == box else replace(after, redlist_by=wish.by)


def entry(written: str) -> str:
    """An address, or a domain after an @, as the rule compares it. Raises Refused."""
    text = written.strip()
    try:
        if text.startswith("@"):
            return f"@{domains.domain(text[1:])}"
        found = domains.bare(text)
    except DomainError as error:
        raise Refused(f"{written!r} is neither an address nor a domain after an @: {error}") from error
    if found is None:
        raise Refused("an empty text is neither an address nor a domain after an @")
    return str(found).lower()


def _allowed(box: Mailbox, wish: Wish) -> tuple[str, ...]:
    wanted = (set(box.allowed) | set(map(entry, wish.allow))) - set(map(entry, wish.disallow))
    if len(wanted) > MOST_ALLOWED:
        raise Refused(
            f"{box.address}: {len(wanted)} may write past the secretariat; more than {MOST_ALLOWED} is no list"
        )
    return tuple(sorted(wanted))


def _check_secretariat(box: Mailbox, desk: Mailbox | None) -> None:
    name = box.secretariat
    if desk is None:
        raise Refused(
            f"{name} is no mailbox here: mail for {box.address} would reach nobody\n"
            f"    open it first: vaguemestre mailbox add {name} --type ORG, or name another (--secretariat)"
        )
    if desk.state != "active":
        raise Refused(f"{name} is {desk.state}: nobody reads there\n    name another mailbox (--secretariat)")
    if desk.redlist not in ("none", ""):
        raise Refused(
            f"{name} is on the red list itself ({desk.redlist}): a secretariat can be found by everybody\n"
            f"    vaguemestre redlist set {name} none, or name another mailbox (--secretariat)"
        )


def _check_served(box: Mailbox, served: tuple[str, ...]) -> None:
    if served:
        some = ", ".join(served[:3]) + (f" and {len(served) - 3} more" if len(served) > 3 else "")
        raise Refused(
            f"{box.address} is the secretariat of {some}: it stays where everybody finds it\n"
            "    give them another secretariat first"
        )
