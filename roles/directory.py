"""Role directory: the nation's mailboxes in the local directory, and ours in the nation's.

One account does both. It asks the nation, writes the branch of national mailboxes through slapd's Unix socket, and can
do nothing else on the host. Only the first load is too large for that: a privileged step of the same unit has
slapadd(8) write a new database, which takes the empty one's place at one restart of slapd.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from roles import directory_publication, openldap, pki, trust
from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.establishment import RoleName
from vaguemestre.host.annuaire.layout import ACCOUNT, API_KEY, SETTINGS, STATE
from vaguemestre.nation import DirectoryGuard
from vaguemestre.release import Account, Directory, File, Item, Package, Unit
from vaguemestre.render import file

NEEDS = (RoleName.BASE, RoleName.PKI, RoleName.OPENLDAP)

ANCHORS = f"{pki.FOLDER}/annuaire.pem"
KEY = "/etc/vaguemestre/annuaire-api.key"  # of the FHIR interface; root's, systemd hands it on
LOOK_MINUTES = 15  # how often the schedule is looked at; what is due is asked for

_PACKAGES = ("idna", "ldap")
_MIB = 1024 * 1024


def items(context: Context) -> Iterator[Item]:
    """The account, its settings, and the timers that fetch, apply and publish."""
    yield Package("tzdata")  # extractions are dated by the clock of Paris
    for library in _PACKAGES:
        yield Package(f"python3-{library}")
    yield Account(ACCOUNT, home=str(STATE))
    # Others may pass through, to the one file in it that is theirs to read: numbers for Prometheus.
    yield Directory(str(STATE), owner=ACCOUNT, group=ACCOUNT, mode=0o751)
    yield File(str(SETTINGS), (json.dumps(settings(context), indent=2, ensure_ascii=False) + "\n").encode())
    if context.directory_anchors:
        source = str(context.settings.directory.anchors)
        yield file("directory", ANCHORS, anchors=pki.anchors(context.directory_anchors, source))
    if _by_api(context):
        yield context.credential(KEY, "annuaire.key")
    yield from _refresh(context)
    yield from directory_publication.items(context, _anchors(context))


def settings(context: Context) -> dict[str, object]:
    """What the job must know; read by `vaguemestre.host.annuaire.layout`."""
    directory = context.settings.directory
    return {
        "source": directory.source,
        "url": directory.url,
        "mirror": directory.mirror,
        "anchors": _anchors(context),
        "proxy": context.settings.trust.proxy,
        "api": {"url": directory.api.url, "calls_per_second": directory.api.calls_per_second},
        "every_seconds": directory.every_minutes * 60,
        "max_bytes": directory.max_mib * _MIB,
        "guard": _guard(directory.guard),
        "alarm_seconds": directory.alarm_hours * 3600,
        "page_seconds": directory.page_hours * 3600,
        "own_domains": list(context.domains),
        "mail_host": context.host.name,
        "postmaster": openldap.postmaster(context),
        "notify": [trust.LOOPBACK, trust.NOTICES] if context.host.has(RoleName.POSTFIX) else None,
    }


def _anchors(context: Context) -> str:
    return ANCHORS if context.directory_anchors else pki.ANCHORS


def _guard(guard: DirectoryGuard) -> dict[str, Any]:
    return guard.model_dump()


def _by_api(context: Context) -> bool:
    return context.settings.directory.source == "fhir"


def _refresh(context: Context) -> Iterator[Item]:
    name = "vaguemestre-annuaire"
    service = _unit_file(
        f"{name}.service",
        runtime=runtime.PATH,
        state=STATE,
        account=ACCOUNT,
        api_key=f"{API_KEY}:{KEY}" if _by_api(context) else "",
    )
    timer = _unit_file(f"{name}.timer", minutes=LOOK_MINUTES)
    yield from (service, timer)
    # The service runs when the timer says so; it is read anew each time.
    yield Unit(timer.path.rpartition("/")[2], inputs=(timer.path, service.path))


def _unit_file(name: str, **values: Any) -> File:
    return file("directory", f"/etc/systemd/system/{name}", **values)
