"""What an audit expects of each host, and how it is reached: all that has to be worked out before anybody is asked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vaguemestre.engines.targets import Target
from vaguemestre.errors import VaguemestreError

if TYPE_CHECKING:  # the model and the roles are slow to import, and an audit without a change has no need of them
    from vaguemestre.establishment import Establishment, Fleet

OnHost = Callable[[str], object]
"""Told the name of a host when it is its turn."""


@dataclass(frozen=True)
class Limits:
    """When to warn; see `vaguemestre.establishment.Watch`. `revocation` is whether lists of it are expected at all."""

    certificate_days: int = 30
    disk_percent: int = 85
    queue_messages: int = 200
    queue_hours: int = 4
    clock_seconds: int = 5
    list_alarm_hours: int = 24
    list_page_hours: int = 72
    directory_alarm_hours: int = 48
    directory_page_hours: int = 240
    revocation_grace_hours: int = 4
    revocation: bool = True


@dataclass(frozen=True)
class Expected:
    """One host: whose it is, how it is reached, the id of the release it must have, the command that asks it, when to
    warn. `problem` says why its release cannot be worked out, when it cannot: `release` is then empty.
    """

    target: Target
    establishment: str
    wave: int
    release: str
    command: str
    limits: Limits
    problem: str = ""


@dataclass(frozen=True)
class Expectation:
    """All hosts of an inventory, in rollout order; `kit` is this kit's version, `programs` the SHA-256 of what it puts
    on hosts; `question` what every host's command reads, in base64; `records` the folder of audits, `months` how long
    what happened is kept. `lasting` is False when a secret could not be read, which may be otherwise in a moment.
    """

    kit: str
    programs: str
    question: str
    records: str
    months: int
    hosts: tuple[Expected, ...]
    lasting: bool = True

    def plain(self) -> dict[str, Any]:
        """For JSON; `parsed` is the inverse."""
        return asdict(self)


def parsed(plain: Mapping[str, Any]) -> Expectation:
    """What `Expectation.plain` wrote; KeyError or TypeError when it is of another make."""
    hosts = (
        Expected(**{**one, "target": Target(**one["target"]), "limits": Limits(**one["limits"])})
        for one in plain["hosts"]
    )
    return Expectation(**{**plain, "hosts": tuple(hosts)})


def expectation(fleet: Fleet, on_host: OnHost) -> Expectation:
    """Worked out from the inventory: models, roles and secrets' versions, as for `apply`; `on_host` is told of each."""
    from importlib.metadata import version

    from vaguemestre import records, runtime
    from vaguemestre.engines import wire

    hosts = tuple(_hosts(fleet, on_host))
    return Expectation(
        kit=version("vaguemestre"),
        programs=hashlib.sha256(runtime.archive()).hexdigest(),
        question=base64.b64encode(wire.payload()).decode(),
        records=str(records.folder(fleet, records.Kind.AUDITS)),
        months=fleet.settings.audit.history_months,
        hosts=tuple(one for one, _ in hosts),
        lasting=all(lasting for _, lasting in hosts),
    )


def _hosts(fleet: Fleet, on_host: OnHost) -> Iterator[tuple[Expected, bool]]:
    """A host whose release cannot be worked out is asked like any other: one site's missing secret hides nobody."""
    from vaguemestre.engines.targets import target
    from vaguemestre.secrets import SecretsError
    from vaguemestre.synthesis import context, synthesise

    for one, host in fleet.hosts():
        on_host(host.name)
        release, problem, lasting = "", "", True
        try:
            release = synthesise(context(fleet, one, host)).id
        except VaguemestreError as error:
            problem, lasting = str(error), not isinstance(error, SecretsError)
        way = target(fleet, one, host)
        yield Expected(way, one.slug, one.wave, release, _command(way, release), _limits(one), problem), lasting


def _command(way: Target, release: str) -> str:
    """The release itself stays here: a host that has it needs its id only."""
    from vaguemestre.engines import wire

    return wire.command("status", "--health", f"--expect={release}", sudo=way.user != "root")


def _limits(establishment: Establishment) -> Limits:
    settings = establishment.settings
    watch, trust, directory = settings.audit, settings.trust, settings.directory
    return Limits(
        certificate_days=watch.certificate_days,
        disk_percent=watch.disk_percent,
        queue_messages=watch.queue_messages,
        queue_hours=watch.queue_hours,
        clock_seconds=watch.clock_seconds,
        list_alarm_hours=trust.white_list.alarm_hours,
        list_page_hours=trust.white_list.page_hours,
        directory_alarm_hours=directory.alarm_hours,
        directory_page_hours=directory.page_hours,
        revocation_grace_hours=trust.revocation.grace_hours,
        revocation=bool(trust.revocation.crl),
    )
