"""What of the publication ought to worry somebody: from the records and the time, pure.

Texts go by mail and into the journal: they count mailboxes and name none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta

from vaguemestre.host.annuaire.publication.confirmed import Record, State
from vaguemestre.host.annuaire.publication.difference import Withheld
from vaguemestre.host.annuaire.publication.layout import Places, Settings
from vaguemestre.host.trust.alarms import CRITICAL, EMERGENCY, WARNING, Alarm
from vaguemestre.host.trust.telling import Channel, standing_alarms

TROUBLE = "trouble"
HOUR = timedelta(hours=1)
"""Within which somebody who is to be hidden is hidden."""
LONG = timedelta(days=1)
UNANSWERED = timedelta(days=3)

_LOOK_FR = "Voyez: vaguemestre publication show, puis vaguemestre publication report."
_LOOK = "Look: vaguemestre publication show, then vaguemestre publication report."


def channel(settings: Settings, places: Places) -> Channel:
    """Where these alarms are told."""
    return Channel(
        "publication",
        "publication dans l'annuaire national",
        places.told,
        places.alarms,
        settings.mail_host,
        settings.postmaster,
        settings.notify,
    )


def standing(known: Channel) -> tuple[Alarm, ...]:
    """What stood after the latest run."""
    names = [one.name for one in fields(Alarm)]
    return tuple(Alarm(**{name: one[name] for name in names}) for one in standing_alarms(known.standing))


def alarms(records: Mapping[str, Record], withheld: Withheld | None, halted: str, now: datetime) -> tuple[Alarm, ...]:
    """What stands after a run, the worst first; `halted` is why it stopped early."""
    found = (
        *_late(records.values(), halted, now),
        *_withheld(withheld),
        *_rejected(records.values()),
        *_behind(records.values(), withheld, halted, now),
        *_unanswered(records.values(), now),
    )
    return tuple(sorted(found, key=lambda one: (one.priority, one.key)))


def troubled(trouble: str) -> Iterator[Alarm]:
    """That runs cannot be made; nothing when there is no `trouble`."""
    if trouble:
        yield Alarm(
            TROUBLE, "", "failed", CRITICAL,
            f"La publication n'a pas pu avoir lieu; rien n'a été envoyé depuis. {trouble}",
            f"Publication was not possible; nothing has been sent since. {trouble}",
        )  # fmt: skip


def _late(records: Iterable[Record], halted: str, now: datetime) -> Iterator[Alarm]:
    """Somebody is to be hidden and may still be shown: after an hour, and again after a day."""
    late = [one.urgent_since for one in records if one.urgent_since is not None and now - one.urgent_since >= HOUR]
    if not late:
        return
    oldest = now - min(late)
    hours = int(oldest.total_seconds() // 3600)
    why = f" [{halted}]" if halted else ""
    yield Alarm(
        "late", "", "day" if oldest >= LONG else "hour", EMERGENCY if oldest >= LONG else CRITICAL,
        f"{len(late)} boîte(s) mises en liste rouge ou fermées restent peut-être visibles dans l'annuaire national, "
        f"depuis {hours} h au plus.{why} {_LOOK_FR}",
        f"{len(late)} mailbox(es) put on the red list or closed may still be shown by the national directory, for "
        f"{hours} h at most.{why} {_LOOK}",
    )  # fmt: skip


def _withheld(withheld: Withheld | None) -> Iterator[Alarm]:
    if withheld is not None:
        why = "; ".join(withheld.why)
        yield Alarm(
            "withheld", "", withheld.digest[:16], CRITICAL,
            f"{len(withheld.addresses)} retrait(s) de l'annuaire national attendent votre accord: {why}. "
            "Voyez: vaguemestre publication plan, puis vaguemestre publication approve.",
            f"{len(withheld.addresses)} withdrawal(s) from the national directory wait for your approval: {why}. "
            "Look: vaguemestre publication plan, then vaguemestre publication approve.",
        )  # fmt: skip


def _rejected(records: Iterable[Record]) -> Iterator[Alarm]:
    slugs = sorted(one.attempt.slug for one in records if one.attempt and one.attempt.state is State.REJECTED)
    if slugs:
        kinds = ", ".join(sorted(set(slugs)))
        yield Alarm(
            "rejected", "", kinds, WARNING,
            f"{len(slugs)} boîte(s) refusées par l'annuaire national ({kinds}); elles y restent telles qu'avant, "
            f"jusqu'à ce qu'elles changent ici. {_LOOK_FR}",
            f"{len(slugs)} mailbox(es) refused by the national directory ({kinds}); it keeps them as they were until "
            f"they change here. {_LOOK}",
        )  # fmt: skip


def _behind(records: Iterable[Record], withheld: Withheld | None, halted: str, now: datetime) -> Iterator[Alarm]:
    """Ordinary changes that do not get through for a day; those that have an alarm of their own do not count."""
    waiting = set(withheld.addresses) if withheld else set()
    old = [
        one
        for one in records
        if one.since is not None and now - one.since >= LONG and one.address not in waiting and not _settled(one)
    ]
    if old:
        why = f" [{halted}]" if halted else ""
        yield Alarm(
            "behind", "", "day", WARNING,
            f"{len(old)} changement(s) ne parviennent pas à l'annuaire national depuis plus d'un jour.{why} {_LOOK_FR}",
            f"{len(old)} change(s) have not reached the national directory for more than a day.{why} {_LOOK}",
        )  # fmt: skip


def _settled(record: Record) -> bool:
    return record.attempt is not None and record.attempt.state in (State.REJECTED, State.HANDED)


def _unanswered(records: Iterable[Record], now: datetime) -> Iterator[Alarm]:
    handed = [one.attempt for one in records if one.attempt and one.attempt.state is State.HANDED]
    old = [one for one in handed if now - one.at >= UNANSWERED]
    if old:
        yield Alarm(
            "unanswered", "", "days", WARNING,
            f"{len(old)} changement(s) remis par fichier n'ont pas de compte rendu depuis {UNANSWERED.days} jours. "
            "Importez-le: vaguemestre publication import-report FICHIER.",
            f"{len(old)} change(s) handed over by file have had no report for more than {UNANSWERED.days} days. "
            "Import it: vaguemestre publication import-report FILE.",
        )  # fmt: skip
