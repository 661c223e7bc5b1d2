"""What ought to worry somebody about the national directory, and how much: from what is remembered and the time, pure.

Mail flows whatever stands here: who knows an address can write to it. What suffers is who can be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from vaguemestre.host.annuaire.layout import Settings
from vaguemestre.host.annuaire.state import State
from vaguemestre.host.trust.alarms import CRITICAL, NOTICE, WARNING, Alarm

_PATIENCE = timedelta(hours=6)  # before a directory that was never filled is an alarm
_SUSPICIOUS = (
    *("damaged", "stale", "tls", "too_large", "unfit", "web_page"),
    *("key", "no_fhir", "foreign_next", "short", "endless"),
)
"""What comes is no good. Other failures are a matter of the way, and tell themselves by what grows old."""


def alarms(state: State, settings: Settings, now: datetime) -> tuple[Alarm, ...]:
    """What stands now, the worst first."""
    found = (*_trouble(state), *_age(state, settings, now), *_waiting(state, settings, now), *_refused(state, settings))
    return tuple(sorted((*found, *_entries(state)), key=lambda one: (one.priority, one.key)))


def _trouble(state: State) -> Iterator[Alarm]:
    if state.trouble:
        yield Alarm(
            "trouble", "", "trouble", CRITICAL,
            f"L'annuaire national ne peut être mis à jour sur ce serveur: {state.trouble}. Ce qu'il contient reste "
            "consultable. Vérifiez le disque et slapd (systemctl status slapd).",
            f"The national directory cannot be brought up to date on this host: {state.trouble}. What it holds can "
            "still be searched. Look at the disk and at slapd (systemctl status slapd).",
        )  # fmt: skip


def _age(state: State, settings: Settings, now: datetime) -> Iterator[Alarm]:
    """An outage upstream: the nation's longest lasted ten days. Nobody is removed for it."""
    why = _why(state, settings)
    if state.held is None:
        asked = [one.asked for one in state.sources.values() if one.asked]
        failing = [one.since for one in state.sources.values() if one.since]
        if asked and failing and state.coming is None and state.waiting is None and now - min(failing) >= _PATIENCE:
            yield Alarm(
                "age", "", "missing", WARNING,
                f"L'annuaire national n'a encore jamais pu être chargé: la recherche ne trouve que nos boîtes. {why}",
                f"The national directory could never be loaded yet: searches find our own mailboxes only. {why}",
            )  # fmt: skip
        return
    age = now - (state.held.generated or state.held.taken)
    if age < settings.alarm:
        return
    paging = age >= settings.page
    days, of = age.total_seconds() / 86400, _day(state.held.generated or state.held.taken)
    yield Alarm(
        "age", "", "page" if paging else "alarm", CRITICAL if paging else WARNING,
        f"L'annuaire national a {days:.1f} jours ({of}); il reste en service tel quel, personne n'en est retiré. {why}",
        f"The national directory is {days:.1f} days old ({of}); it stays in service as it is, nobody is removed. {why}",
    )  # fmt: skip


def _waiting(state: State, settings: Settings, now: datetime) -> Iterator[Alarm]:
    """Told when it begins, and again when nobody has looked for as long as makes the directory old."""
    if (waiting := state.waiting) is None:
        return
    long = now - waiting.since >= settings.alarm
    reasons = "; ".join(waiting.why[:3])
    yield Alarm(
        "quarantine", "", "ignored" if long else "waiting", CRITICAL if long else WARNING,
        f"Une extraction de l'annuaire attend votre accord depuis le {_day(waiting.since)} ({waiting.summary}): "
        f"{reasons}. Voyez vaguemestre directory show, puis vaguemestre directory approve.",
        f"An extraction of the directory waits for your approval since {_day(waiting.since)} ({waiting.summary}): "
        f"{reasons}. See vaguemestre directory show, then vaguemestre directory approve.",
    )  # fmt: skip


def _refused(state: State, settings: Settings) -> Iterator[Alarm]:
    """Something came and was refused, twice running: a copy caught half-way is nobody's worry."""
    for url in settings.sources:
        source = state.source(url)
        if source.failure in _SUSPICIOUS and source.failures > 1:
            yield Alarm(
                "refused", url, source.failure, WARNING,
                f"Ce que publie cette source est refusé, ce qui était connu reste: [{source.failure}] {source.message}",
                f"What this source publishes is refused, what was known stays: [{source.failure}] {source.message}",
            )  # fmt: skip


def _entries(state: State) -> Iterator[Alarm]:
    if state.refused:
        yield Alarm(
            "entries", "", f"{state.refused}", NOTICE,
            f"{state.refused} boîte(s) de l'annuaire national ont été refusées par slapd et manquent à la recherche.",
            f"{state.refused} mailbox(es) of the national directory were refused by slapd and are not found.",
        )  # fmt: skip


def _why(state: State, settings: Settings) -> str:
    source = state.source(settings.sources[0])
    if not source.failure:
        return ""
    since = f" ({_day(source.since)}, x{source.failures})" if source.since else ""
    return f"[{source.failure}] {source.message}{since}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
