"""Which of the domains served here are in another stack's charge: what the role says, and what this host remembers.

``/etc/vaguemestre/moving.json`` is there while the inventory says that an establishment is moving. What has become of
it is remembered below ``/var/lib/vaguemestre-moving``, also when the inventory says nothing any more::

    state.json    the domains that are away, each with the way of their mail; and those that came, or never left
    before/       of each domain that has left: states of its mailboxes as they were
    recipients    regexp_table(5): who is told to come again, or to go to the other stack
    routes        regexp_table(5): where mail of our own people for such a domain goes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vaguemestre.host import written
from vaguemestre.host.written import LayoutError as LayoutError

SETTINGS = Path("/etc/vaguemestre/moving.json")
STATE = Path("/var/lib/vaguemestre-moving")
SERVED = Path("/etc/vaguemestre/mailboxes.json")  # the role openldap's: what this host has mailboxes of
RECIPIENTS, ROUTES = STATE / "recipients", STATE / "routes"


class Way(StrEnum):
    """What becomes of mail that our own people send to a domain that is away."""

    HELD = "held"  # waits in the queue: DNS still leads here
    MX = "mx"  # goes to where DNS says, as to any other operator


@dataclass(frozen=True)
class Settings:
    """`arriving` and `leaving` are domains; `hosts` the names of this establishment's hosts, for DNS may name them."""

    arriving: tuple[str, ...]
    leaving: tuple[str, ...]
    hosts: tuple[str, ...]

    @property
    def domains(self) -> tuple[str, ...]:
        return (*self.arriving, *self.leaving)


def settings(path: Path = SETTINGS) -> Settings:
    """Read moving.json.

    Raises:
        LayoutError: nothing moves here, or the file is damaged.
    """
    return written.read(
        path,
        "postfix",
        lambda plain: Settings(tuple(plain["arriving"]), tuple(plain["leaving"]), tuple(plain["hosts"])),
    )


@dataclass(frozen=True)
class Charge:
    """`away` are domains that another stack is in charge of, `here` those that were once moving and are ours."""

    away: dict[str, Way]
    here: frozenset[str] = frozenset()

    def gone(self, domain: str, way: Way) -> Charge:
        return Charge({**self.away, domain: way}, self.here - {domain})

    def ours(self, domain: str) -> Charge:
        return Charge({one: way for one, way in self.away.items() if one != domain}, self.here | {domain})


def charge(root: Path = STATE) -> Charge:
    """What this host remembers; nothing where nothing ever moved.

    Raises:
        LayoutError: it cannot be read; nothing may be concluded from that.
    """
    if not (root / "state.json").exists():
        return Charge({})
    return written.read(
        root / "state.json",
        "postfix",
        lambda plain: Charge({one: Way(way) for one, way in plain["away"].items()}, frozenset(plain["here"])),
    )


def elsewhere() -> frozenset[str]:
    """The domains that are none of ours for now, or no more: on the move and away, or gone and no longer served.

    One that left and is served again, without a move, is ours: the inventory's word is newer than what is remembered.

    Raises:
        LayoutError: it cannot be read; nothing may be concluded from that.
    """
    away = charge().away
    if not away:
        return frozenset()
    moving = settings().domains if SETTINGS.exists() else ()
    served = written.read(SERVED, "openldap", lambda plain: frozenset(plain["domains"])) if SERVED.exists() else ()
    return frozenset(domain for domain in away if domain in moving or domain not in served)
