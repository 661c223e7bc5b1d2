"""What ought to worry somebody, and how much: from what is known and the time, pure.

An alarm has a name, what it is about, and a stage. Entering a stage is told once; the same stage is not told again.
Texts are for the postmaster, in French and English, and say what to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vaguemestre.host.trust.intake import Quarantine
from vaguemestre.host.trust.layout import Settings
from vaguemestre.host.trust.own import Certificate
from vaguemestre.host.trust.sources import OwnDomain, Source
from vaguemestre.host.trust.store import Facts, Known

NOTICE, WARNING, CRITICAL, EMERGENCY = 5, 4, 2, 1
"""Priorities of the journal (syslog(3))."""

SIGNER_DAYS = 60
CERTIFICATE_DAYS = (7, 30, 60, 90)
REMEMBERED = timedelta(days=7)  # how long a change of our own entry stays in sight
_NAMED = 5  # domains in one text
_PATIENCE = timedelta(hours=6)  # at least, before a revocation list that is not renewed is an alarm

# Refused although it came: something else is published than the next list. Other failures are a matter of the way, and
# tell themselves by what grows old.
_SUSPICIOUS = {"older", "future", "unsigned", "bad_signature", "wrong_root", "structure", "entities", "empty"}
_SUSPICIOUS |= {"signature_form", "signature_place", "several_signatures", "wrong_signer", "foreign_signer"}
_SUSPICIOUS |= {
    "signer_usage",
    "signer_expired",
    "signer_revoked",
    "key_info",
    "signer_not_yet_valid",
    "wrong_issuer",
    "tls",
    "internal",
}


@dataclass(frozen=True)
class Alarm:
    """One thing that stands: `name` and `about` say what it is, `stage` how far it has come."""

    name: str
    about: str
    stage: str
    priority: int
    fr: str
    en: str

    @property
    def key(self) -> str:
        return f"{self.name} {self.about}".strip()


@dataclass(frozen=True)
class State:
    """All that alarms depend on besides the time. `ours` tells for each own domain whether our DN is listed for it."""

    listing: Facts | None
    confirmed: datetime | None
    quarantine: Quarantine | None
    known: tuple[Known, ...]
    sources: Mapping[str, Source]
    own: Mapping[str, OwnDomain]
    ours: Mapping[str, bool]
    certificate: Certificate | None
    beside: tuple[str, ...] = ()  # domains of others that our DN is listed for
    clock: str = ""
    trouble: str = ""


def alarms(state: State, settings: Settings, now: datetime) -> tuple[Alarm, ...]:
    """What stands now, the worst first. With a wrong clock nothing that depends on time is told but the clock."""
    always = (*_clock(state), *_trouble(state), *_quarantine(state), *_own(state, now))
    timed = () if state.clock else (
        *_list(state, settings, now), *_sources(state, settings), *_revocation(state, settings, now),
        *_signer(state, now), *_certificate(state, now),
    )  # fmt: skip
    return tuple(sorted((*always, *timed), key=lambda one: (one.priority, one.key)))


def _clock(state: State) -> Iterator[Alarm]:
    if state.clock:
        yield Alarm(
            "clock", "", "wrong", CRITICAL,
            f"L'horloge de ce serveur semble fausse: {state.clock}. Rien n'est accepté ni abandonné tant qu'elle "
            "n'est pas corrigée; du courrier peut être différé. Vérifiez chrony (chronyc tracking).",
            f"This host's clock seems to be wrong: {state.clock}. Nothing is taken or given up until it is put right; "
            "mail may be deferred. Look at chrony (chronyc tracking).",
        )  # fmt: skip


def _trouble(state: State) -> Iterator[Alarm]:
    if state.trouble:
        yield Alarm(
            "store", "", "trouble", CRITICAL,
            f"Les données de l'espace de confiance ne peuvent être écrites ou reconstruites: {state.trouble}. "
            "Vérifiez le disque et /var/lib/vaguemestre-trust.",
            f"What is known of the trust space cannot be written or made anew: {state.trouble}. "
            "Look at the disk and at /var/lib/vaguemestre-trust.",
        )  # fmt: skip


def _list(state: State, settings: Settings, now: datetime) -> Iterator[Alarm]:
    """24 hours without confirmation, then 72: what is not on the list is deferred meanwhile, the rest flows."""
    why = _why(state.sources.get(settings.white_list.url))
    if state.listing is None:
        yield Alarm(
            "list", "", "missing", EMERGENCY,
            f"Aucune liste blanche sur ce serveur: tout le courrier de l'espace de confiance est différé. {why}",
            f"There is no white list on this host: all mail of the trust space is deferred. {why}",
        )  # fmt: skip
        return
    age = now - (state.confirmed or state.listing.generated)
    if age < settings.white_list.alarm:
        return
    paging = age >= settings.white_list.page
    hours = int(age.total_seconds() // 3600)
    yield Alarm(
        "list", "", "page" if paging else "alarm", EMERGENCY if paging else CRITICAL,
        f"La liste blanche n'a pas été confirmée par sa source depuis {hours} h; la dernière bonne reste en vigueur, "
        f"les domaines qui n'y sont pas sont différés. {why}",
        f"The white list has not been confirmed by its source for {hours} h; the last good one stays in force, "
        f"domains that are not on it are deferred. {why}",
    )  # fmt: skip


def _quarantine(state: State) -> Iterator[Alarm]:
    waiting = state.quarantine
    if waiting is not None:
        yield Alarm(
            "quarantine", "", waiting.since.isoformat(timespec="seconds"), CRITICAL,
            f"Une liste blanche bien signée, du {_day(waiting.generated)}, change trop de choses ({waiting.summary}) "
            "et attend votre accord: vaguemestre trust diff, puis vaguemestre trust approve.",
            f"A well-signed white list of {_day(waiting.generated)} changes too much ({waiting.summary}) and waits "
            "for your approval: vaguemestre trust diff, then vaguemestre trust approve.",
        )  # fmt: skip


def _sources(state: State, settings: Settings) -> Iterator[Alarm]:
    """Something came and was refused, twice running: copies of a site that differ for a minute are nobody's worry."""
    for url in settings.sources:
        source = state.sources.get(url)
        if source is not None and source.failure in _SUSPICIOUS and source.failures > 1:
            yield Alarm(
                "refused", url, source.failure, WARNING,
                f"Ce que publie cette source est refusé; ce qui était connu reste en vigueur. {_why(source)}",
                f"What this source publishes is refused; what was known stays in force. {_why(source)}",
            )  # fmt: skip


def _revocation(state: State, settings: Settings, now: datetime) -> Iterator[Alarm]:
    held = {one.issuer.hex(): one for one in state.known}
    for url in settings.revocation.crl:
        source = state.sources.get(url, Source())
        known = held.get(source.issuer)
        stage = "missing" if known is None else _age(known, source, settings, now)
        if stage and source.asked is not None:
            yield _of_revocation(url, stage, known, source)


def _age(known: Known, source: Source, settings: Settings, now: datetime) -> str:
    if now > known.next_update + settings.revocation.grace:
        return "beyond"
    if now > known.next_update:
        return "grace"
    stale = source.succeeded is None or now - source.succeeded > max(3 * settings.revocation.every, _PATIENCE)
    return "stale" if stale else ""


_REVOCATION = {
    "stale": (
        WARNING,
        "n'est plus renouvelée, mais vaut encore",
        "is no longer renewed, but still counts",
    ),
    "grace": (
        CRITICAL,
        "a dépassé sa date; elle vaut encore pendant le délai de grâce",
        "is past its date; it counts for the time of grace",
    ),
    "beyond": (
        EMERGENCY,
        "est périmée: sans réponse OCSP, le courrier des opérateurs est différé",
        "is out of date: unless OCSP answers, operators' mail is deferred",
    ),
    "missing": (
        EMERGENCY,
        "n'a jamais pu être obtenue: sans réponse OCSP, le courrier des opérateurs est différé",
        "was never obtained: unless OCSP answers, operators' mail is deferred",
    ),
}


def _of_revocation(url: str, stage: str, known: Known | None, source: Source) -> Alarm:
    priority, fr, en = _REVOCATION[stage]
    until_fr = f" (valable jusqu'au {_day(known.next_update)})" if known else ""
    until_en = f" (valid until {_day(known.next_update)})" if known else ""
    return Alarm(
        "crl", url, stage, priority,
        f"La liste de révocation {url}{until_fr} {fr}. {_why(source)}",
        f"The revocation list {url}{until_en} {en}. {_why(source)}",
    )  # fmt: skip


def _signer(state: State, now: datetime) -> Iterator[Alarm]:
    if state.listing is None or (left := state.listing.signer_until - now) >= timedelta(days=SIGNER_DAYS):
        return
    yield Alarm(
        "signer", state.listing.signer, "expired" if left < timedelta(0) else f"{SIGNER_DAYS} days", NOTICE,
        f"Le certificat qui signe la liste blanche ({state.listing.signer}) expire le "
        f"{_day(state.listing.signer_until)}; l'ANS le renouvelle, rien à faire si le nom ne change pas.",
        f"The certificate that signs the white list ({state.listing.signer}) expires on "
        f"{_day(state.listing.signer_until)}; the ANS renews it, nothing to do unless its name changes.",
    )  # fmt: skip


def _certificate(state: State, now: datetime) -> Iterator[Alarm]:
    """The host's own certificate at 90, 60, 30 and 7 days, and when it is over."""
    if (own := state.certificate) is None:
        return
    left = own.until - now
    if left < timedelta(0):
        yield Alarm(
            "certificate", own.dn, "expired", EMERGENCY,
            f"Le certificat de ce serveur a expiré le {_day(own.until)}: les autres opérateurs refusent son courrier.",
            f"This host's certificate expired on {_day(own.until)}: other operators refuse its mail.",
        )  # fmt: skip
        return
    reached = next((days for days in CERTIFICATE_DAYS if left < timedelta(days=days)), None)
    if reached is not None:
        yield Alarm(
            "certificate", own.dn, f"{reached} days", CRITICAL if reached <= 30 else NOTICE,
            f"Le certificat de ce serveur expire le {_day(own.until)}. Demandez le suivant: vaguemestre pki request.",
            f"This host's certificate expires on {_day(own.until)}. Ask for the next one: vaguemestre pki request.",
        )  # fmt: skip


def _own(state: State, now: datetime) -> Iterator[Alarm]:
    """Our own domains: not listed at all, listed without our DN, or just changed."""
    if state.listing is None:
        return
    if state.beside:
        yield _beside(state.beside)
    for domain, one in state.own.items():
        if not one.listed:
            yield Alarm(
                "own", domain, "unlisted", CRITICAL,
                f"Notre domaine {domain} n'est pas en liste blanche: les autres opérateurs refusent son courrier.",
                f"Our domain {domain} is not on the white list: other operators refuse its mail.",
            )  # fmt: skip
        elif not state.ours.get(domain, True):
            yield Alarm(
                "own", domain, "foreign", CRITICAL,
                f"Notre domaine {domain} est en liste blanche, mais pas pour le certificat de ce serveur: les autres "
                f"opérateurs refusent son courrier. Inscrits: {'; '.join(one.listed)}",
                f"Our domain {domain} is on the white list, but not for this host's certificate: other operators "
                f"refuse its mail. Listed: {'; '.join(one.listed)}",
            )  # fmt: skip
        if one.since is not None and one.before is not None and now - one.since < REMEMBERED:
            yield _changed(domain, one, one.before, one.since)


def _beside(domains: tuple[str, ...]) -> Alarm:
    some = ", ".join(domains[:_NAMED]) + (", ..." if len(domains) > _NAMED else "")
    return Alarm(
        "own_dn", "", hashlib.sha256(" ".join(domains).encode()).hexdigest()[:8], NOTICE,
        f"Le certificat de ce serveur est inscrit pour {len(domains)} domaine(s) qu'il ne sert pas: {some}. "
        "Est-ce voulu ? Sinon, signalez-le au support de l'ANS.",
        f"This host's certificate is listed for {len(domains)} domain(s) that are not served here: {some}. "
        "Is that meant? If not, tell the support of the ANS.",
    )  # fmt: skip


def _changed(domain: str, one: OwnDomain, before: tuple[str, ...], since: datetime) -> Alarm:
    added, gone = sorted({*one.listed} - {*before}), sorted({*before} - {*one.listed})
    return Alarm(
        "own_changed", domain, since.isoformat(timespec="seconds"), WARNING,
        f"L'inscription de {domain} en liste blanche a changé le {_day(since)}. "
        f"Nouveaux DN: {'; '.join(added) or 'aucun'}. Retirés : {'; '.join(gone) or 'aucun'}. Est-ce voulu ?",
        f"The entry of {domain} on the white list changed on {_day(since)}. "
        f"New DNs: {'; '.join(added) or 'none'}. Gone: {'; '.join(gone) or 'none'}. Was that meant?",
    )  # fmt: skip


def _why(source: Source | None) -> str:
    if source is None or not source.failure:
        return ""
    since = f" ({_day(source.since)}, x{source.failures})" if source.since else ""
    return f"[{source.failure}] {source.message}{since}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
