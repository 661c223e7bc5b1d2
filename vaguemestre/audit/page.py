"""An audit as one self-contained page, in French and English: its template only loops over what is prepared here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from vaguemestre.audit.finding import WORST_FIRST, Audit, Finding, HostAudit, Severity
from vaguemestre.errors import VaguemestreError

Language = Literal["fr", "en"]

_STYLES = {Severity.BAD: "bad", Severity.WARN: "wait", Severity.GOOD: "good"}
_MARKS = {Severity.BAD: "✗", Severity.WARN: "~", Severity.GOOD: "✓"}
_DAY = 86400
_SHORT = 8  # digits of a release's id

_WORDS: dict[Language, dict[str, str]] = {
    "fr": {
        "title": "Audit du parc",
        "other_language": "English version",
        "lead": "{hosts} serveurs de {sites} établissements, interrogés le {day} à {hour} UTC en {seconds} s. Version "
        "du kit : {kit}.",
        "bad": "à réparer maintenant", "warn": "à examiner", "good": "conformes",
        "one bad": "à réparer", "one warn": "à examiner", "one good": "conforme", "since_when": "depuis le {moment}",
        "findings": "À traiter", "since": "Depuis", "hosts": "Tous les serveurs",
        "host": "Serveur",
        "state": "État", "release": "Version", "certificate": "Certificat", "list": "Liste blanche", "queue": "File",
        "disk": "Disque", "nothing": "Rien : tous les serveurs sont conformes à l'inventaire.", "days": "{days} j",
        "hours": "{hours} h",
        "footer": "Chaque serveur est comparé, fichier par fichier, à sa version en place, et celle-ci à l'inventaire. "
        "«\N{NO-BREAK SPACE}Depuis\N{NO-BREAK SPACE}» : moment où un audit l'a constaté pour la première fois, en UTC. "
        "Certificat : jours restants. Liste blanche : heures depuis sa dernière confirmation. "
        "File : messages en attente. Disque : le plus plein.",
    },
    "en": {
        "title": "Audit of the fleet",
        "other_language": "Version française",
        "lead": "{hosts} hosts of {sites} establishments, asked on {day} at {hour} UTC in {seconds} s. Version of the "
        "kit: {kit}.",
        "bad": "to be mended now", "warn": "to be looked at", "good": "as they should be",
        "one bad": "to be mended", "one warn": "to be looked at", "one good": "as it should be",
        "since_when": "since {moment}",
        "findings": "To be dealt with", "since": "Since", "hosts": "All hosts", "host": "Host",
        "state": "State", "release": "Release", "certificate": "Certificate", "list": "White list", "queue": "Queue",
        "disk": "Disk", "nothing": "Nothing: all hosts are what the inventory says.", "days": "{days} d",
        "hours": "{hours} h",
        "footer": "Each host is compared, file by file, with its live release, and that with the inventory. "
        "Since: when an audit first saw it, in UTC. Certificate: days that are left. White list: hours since it was "
        "last confirmed. Queue: messages that wait. Disk: the fullest.",
    },
}  # fmt: skip


class PageError(VaguemestreError):
    """The page cannot be written there."""


@dataclass(frozen=True)
class Badge:
    """A word in a colour; `count` at the head of the page."""

    style: str
    text: str
    count: int = 0


@dataclass(frozen=True)
class Row:
    """A finding."""

    mark: str
    style: str
    text: str
    since: str


@dataclass(frozen=True)
class Host:
    """A host; what is not known of it is a dash."""

    name: str
    establishment: str
    badge: Badge
    since: str
    release: str
    debian: str
    certificate: str
    listed: str
    queue: str
    disk: str
    findings: tuple[Row, ...]


@dataclass(frozen=True)
class Page:
    """The page in one language."""

    language: Language
    other: Language
    at: str
    lead: str
    words: Mapping[str, str]
    counts: tuple[Badge, ...]
    hosts: tuple[Host, ...]

    @property
    def troubled(self) -> tuple[Host, ...]:
        return tuple(one for one in self.hosts if one.findings)


def written(path: Path, audit: Audit) -> None:
    """Write the page.

    Raises:
        PageError: it cannot be written.
    """
    from vaguemestre import render

    pages = (page(audit, "fr"), page(audit, "en"))
    text = render.page("report/audit.html.j2", pages=pages, first=pages[0])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PageError(f"{path}: the page cannot be written: {error.strerror}") from error


def page(audit: Audit, language: Language) -> Page:
    """What the page shows in this language."""
    words = _WORDS[language]
    lead = words["lead"].format(
        hosts=len(audit.hosts),
        sites=len({one.establishment for one in audit.hosts}),
        day=audit.at[:10],
        hour=audit.at[11:16],
        seconds=f"{audit.seconds:.1f}".replace(".", "," if language == "fr" else "."),
        kit=audit.kit,
    )
    counts = audit.counts()
    badges = tuple(Badge(_STYLES[one], words[one.value], counts[one.value]) for one in WORST_FIRST)
    hosts = tuple(_host(one, language) for one in audit.worst_first())
    return Page(language, "en" if language == "fr" else "fr", audit.at, lead, words, badges, hosts)


def _host(one: HostAudit, language: Language) -> Host:
    words, at = _WORDS[language], datetime.fromisoformat(one.at).timestamp()
    return Host(
        name=one.host,
        establishment=one.establishment,
        badge=Badge(_STYLES[one.severity], words[f"one {one.severity.value}"]),
        since=_moment(one.since),
        release=(one.live or "–")[:_SHORT],
        debian=_text(_part(one, "system").get("debian")),
        certificate=_certificate(one, at, words),
        listed=_listed(one, at, words),
        queue=_queue(one),
        disk=_disk(one),
        findings=tuple(_rows(one.findings, language)),
    )


def _rows(findings: tuple[Finding, ...], language: Language) -> Iterator[Row]:
    for one in sorted(findings, key=lambda one: WORST_FIRST.index(one.severity)):
        text = one.fr if language == "fr" else one.en
        since = _WORDS[language]["since_when"].format(moment=_moment(one.since))
        yield Row(_MARKS[one.severity], _STYLES[one.severity], text, since)


def _part(one: HostAudit, name: str) -> Mapping[str, Any]:
    part = one.health.get(name)
    return part if isinstance(part, Mapping) else {}


def _certificate(one: HostAudit, at: float, words: Mapping[str, str]) -> str:
    """Of the host's own certificates, the one that ends first."""
    known = one.health.get("certificates")
    ends = [each["until"] for each in known if each["own"] and each["until"]] if isinstance(known, list) else []
    return words["days"].format(days=int((min(ends) - at) // _DAY)) if ends else "–"


def _listed(one: HostAudit, at: float, words: Mapping[str, str]) -> str:
    listed = _part(one, "trust").get("list") or {}
    confirmed = listed.get("confirmed") or listed.get("generated")
    if not confirmed:
        return "–"
    hours = max(0, int((at - datetime.fromisoformat(confirmed).timestamp()) // 3600))
    return words["hours"].format(hours=hours)


def _queue(one: HostAudit) -> str:
    waiting = [number for name, number in _part(one, "queue").items() if name not in ("oldest", "corrupt", "error")]
    return f"{sum(waiting)}" if waiting else "–"


def _disk(one: HostAudit) -> str:
    known = one.health.get("disks")
    used = [float(each["used"]) for each in known] if isinstance(known, list) else []
    return f"{max(used):.0%}" if used else "–"


def _moment(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "–"


def _text(value: object) -> str:
    return str(value) if value else "–"
