"""What an audit found, as values: of a host, of the fleet, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = 1
"""Of `Audit.plain`; raised when a reader could misread it."""


class Severity(StrEnum):
    """How much it matters: `warn` is for this week, `bad` for now."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


WORST_FIRST = (Severity.BAD, Severity.WARN, Severity.GOOD)


class Subject(StrEnum):
    """What a finding is about."""

    REACH = "reach"  # the host did not answer, or not as it should
    ACTIVATION = "activation"  # none yet, under way, or cut short
    RELEASE = "release"  # another release is live than the inventory says
    DRIFT = "drift"  # the host is not what its own live release says
    UNIT = "unit"  # failed, or not running with what is on the disk
    CERTIFICATE = "certificate"
    WHITE_LIST = "white-list"
    REVOCATION = "revocation"
    DIRECTORY = "directory"  # the national directory held on the host
    QUEUE = "queue"
    DISK = "disk"
    CLOCK = "clock"
    SYSTEM = "system"  # Debian itself: a restart is due
    ALARM = "alarm"  # the host's own jobs raised it


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, in English and French.

    `about` tells things of one subject apart (a path, a unit, a certificate); with the subject it is the `key` by which
    it is found again at the next audit. `since` is when an audit first saw it: ISO 8601, UTC; None before it is kept.
    """

    subject: Subject
    about: str
    severity: Severity
    en: str
    fr: str
    since: str | None = None

    @property
    def key(self) -> str:
        return f"{self.subject.value} {self.about}".strip()


@dataclass(frozen=True)
class HostAudit:
    """One host. `at` is when it was asked, `live` and `expected` ids of releases (None: none, or not known), `since`
    when it came to be as good or bad as it is; `health` is what the host told, see `vaguemestre.host.health`. `unseen`
    is what was found before it ceased to answer.
    """

    host: str
    establishment: str
    wave: int
    at: str
    findings: tuple[Finding, ...] = ()
    live: str | None = None
    live_since: str | None = None
    expected: str | None = None
    since: str | None = None
    health: Mapping[str, Any] = field(default_factory=dict)
    unseen: tuple[Finding, ...] = ()

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return worst(one.severity for one in self.findings)

    @property
    def reached(self) -> bool:
        """Whether it answered: of one that did not, nothing else is known."""
        return not any(one.subject is Subject.REACH for one in self.findings)


@dataclass(frozen=True)
class Audit:
    """The fleet at one moment: when it began (ISO 8601, UTC), how long it took, by which kit, and each host."""

    at: str
    seconds: float
    kit: str
    hosts: tuple[HostAudit, ...]

    @property
    def severity(self) -> Severity:
        return worst(one.severity for one in self.hosts)

    def worst_first(self) -> tuple[HostAudit, ...]:
        """The hosts, the worst first; those alike in their order."""
        return tuple(sorted(self.hosts, key=lambda one: WORST_FIRST.index(one.severity)))

    def counts(self) -> dict[str, int]:
        """How many hosts are how well."""
        return {one.value: sum(host.severity is one for host in self.hosts) for one in WORST_FIRST}

    def plain(self) -> dict[str, Any]:
        """For JSON; `parsed` is the inverse."""
        head = {"schema": SCHEMA, "at": self.at, "seconds": self.seconds, "kit": self.kit}
        hosts = [{"severity": one.severity.value, **asdict(one)} for one in self.worst_first()]
        return {**head, "severity": self.severity.value, "counts": self.counts(), "hosts": hosts}


def parsed(plain: Mapping[str, Any]) -> Audit:
    """The audit that `Audit.plain` wrote; KeyError, TypeError or ValueError when it is of another make."""
    if plain["schema"] != SCHEMA:
        raise ValueError(f"schema {plain['schema']}, this kit reads {SCHEMA}")
    hosts = tuple(_host(dict(one)) for one in plain["hosts"])
    return Audit(str(plain["at"]), float(plain["seconds"]), str(plain["kit"]), hosts)


def _host(plain: dict[str, Any]) -> HostAudit:
    plain.pop("severity", None)
    found = {name: tuple(_finding(dict(one)) for one in plain[name]) for name in ("findings", "unseen")}
    return HostAudit(**{**plain, **found})


def _finding(plain: dict[str, Any]) -> Finding:
    return Finding(**{**plain, "subject": Subject(plain["subject"]), "severity": Severity(plain["severity"])})


def worst(severities: Iterable[Severity]) -> Severity:
    """The worst of them; good when there are none."""
    return min(severities, key=WORST_FIRST.index, default=Severity.GOOD)
