"""What a timer looks after: whether every secretariat can receive, and that what is remembered is not kept too long.

Alarms go to the journal and the postmaster's mailbox, as those of the trust space do; they name nobody, since journals
are read by many: `vaguemestre redlist show` says who it is about.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from vaguemestre.host.redlist import correspondents
from vaguemestre.host.redlist.copy import Copy
from vaguemestre.host.redlist.decide import PROTECTED, House
from vaguemestre.host.trust import layout, telling
from vaguemestre.host.trust.alarms import CRITICAL, WARNING, Alarm
from vaguemestre.host.trust.layout import LayoutError, Places, Settings

_DAY = 86400


def main(config: Path = layout.SETTINGS, state: Path = layout.STATE) -> int:
    """One look, as vgm-trust; 0 done, 1 failed."""
    try:
        run(layout.settings(config), Places(state), datetime.now(UTC))
    except (LayoutError, OSError, sqlite3.Error) as error:
        print(f"redlist: {error}", file=sys.stderr)
        return 1
    return 0


def run(settings: Settings, places: Places, now: datetime) -> tuple[Alarm, ...]:
    """Look, tell, forget; what stands.

    Raises:
        OSError, sqlite3.Error: the folder of state.
    """
    standing = tuple(alarms(seen()))
    telling.say(telling.tell(channel(settings, places), standing, now))
    if settings.houses and places.correspondents.exists():
        forget(places.correspondents, settings.houses)
    return standing


def seen() -> Copy | None:
    """Who is behind a secretariat, and those secretariats; None when the directory does not say."""
    import ldap

    from vaguemestre.host.ldapi import URL
    from vaguemestre.host.redlist.people import protected

    copy = Copy()
    try:
        protected(URL, copy)
    except (ldap.LDAPError, OSError):
        return None
    return copy


def alarms(copy: Copy | None) -> Iterable[Alarm]:
    """What stands. Pure."""
    if copy is None:
        yield Alarm(
            "directory", "", "away", CRITICAL,
            "L'annuaire des boîtes ne répond pas: le courrier entrant attend chez ses expéditeurs. "
            "Voir systemctl status slapd.",
            "The directory of mailboxes does not answer: mail that comes in waits at its senders'. "
            "See systemctl status slapd.",
        )  # fmt: skip
        return
    troubled = sorted(copy.troubled())
    if troubled:
        yield Alarm(
            "secretariats", "", _stage(troubled), CRITICAL,
            f"{len(troubled)} personne(s) sur liste rouge ont un secrétariat qui ne peut recevoir: leur courrier "
            "attend chez ses expéditeurs, cinq jours au plus. Qui, et pourquoi: vaguemestre redlist show.",
            f"{len(troubled)} people on the red list have a secretariat that cannot receive: their mail waits at its "
            "senders', for five days at most. Who, and why: vaguemestre redlist show.",
        )  # fmt: skip
    unread = sorted({desk for desk, state in _desks(copy).items() if state == "suspended"})
    if unread:
        yield Alarm(
            "secretariats_unread", "", _stage((one, "") for one in unread), WARNING,
            f"{len(unread)} secrétariat(s) ont une boîte suspendue: le courrier y arrive et personne ne le lit. "
            "Lesquels: vaguemestre mailbox list --state suspended.",
            f"{len(unread)} secretariats have a suspended mailbox: mail arrives there and nobody reads it. "
            "Which: vaguemestre mailbox list --state suspended.",
        )  # fmt: skip


def forget(path: Path, houses: Mapping[str, House]) -> None:
    """Once a day, remove what no establishment remembers any more."""
    done = path.with_name("purged")
    if done.exists() and time.time() - done.stat().st_mtime < _DAY:
        return
    longest = max(one.correspondent_days for one in houses.values())
    correspondents.purge(path, int(time.time()) // _DAY - longest)
    done.touch(mode=0o600)


def channel(settings: Settings, places: Places) -> telling.Channel:
    """Where these alarms are told."""
    return telling.Channel(
        name="redlist",
        about="liste rouge",
        told=places.redlist / "told.json",
        standing=places.redlist / "alarms.json",
        mail_host=settings.mail_host,
        postmaster=settings.postmaster,
        notify=settings.notify,
    )


def _desks(copy: Copy) -> dict[str, str]:
    """The state of each mailbox that is the secretariat of somebody."""
    named = {box.secretariat for _, box in copy.items() if box.redlist == PROTECTED}
    return {address: box.state for address, box in copy.items() if address in named}


def _stage(what: Iterable[tuple[str, str]]) -> str:
    """Another one when others are concerned, so that it is told again; it gives nobody away."""
    return hashlib.sha256(repr(tuple(what)).encode()).hexdigest()[:8]
