"""Role directory, second room: our mailboxes are published in the nation's directory.

The account of the role does it, with a folder of its own. Without a writer nothing runs; what is known stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from roles import openldap, trust
from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.establishment import RoleName
from vaguemestre.host.annuaire.layout import ACCOUNT
from vaguemestre.host.annuaire.publication.layout import CREDENTIAL, KEY, SETTINGS, STATE
from vaguemestre.host.mailboxes.bal import PROBES, ROLE_ADDRESSES
from vaguemestre.release import Directory, File, Item, Unit
from vaguemestre.render import file

SECRET = "annuaire.key"  # noqa: S105 - its name in the store of secrets

_NAME = "vaguemestre-publication"
_SOON = f"{_NAME}-soon.timer"


def items(context: Context, anchors: str) -> Iterator[Item]:
    """The settings, the folders and, where there is a writer, what starts it. `anchors` are those of the nation."""
    yield File(str(SETTINGS), (json.dumps(settings(context, anchors), indent=2, ensure_ascii=False) + "\n").encode())
    for folder in (STATE, STATE / "spool"):
        yield Directory(str(folder), owner=ACCOUNT, group=ACCOUNT, mode=0o750)
    writer = context.settings.publication.writer
    if writer == "fhir":
        yield context.credential(str(KEY), SECRET)
    if writer != "none":
        yield from _timed(context)


def settings(context: Context, anchors: str) -> dict[str, object]:
    """What the job must know; read by `vaguemestre.host.annuaire.publication.layout`."""
    publication = context.settings.publication
    table = publication.csv.model_dump(mode="json")
    return {
        "writer": publication.writer,
        "fhir": {
            **publication.fhir.model_dump(mode="json"),
            "anchors": anchors,
            "proxy": context.settings.trust.proxy,
        },
        "csv": {**table, "columns": [[one["header"], one["value"]] for one in table["columns"]]},
        "max_removed_percent": publication.max_removed_percent,
        "kept_back": sorted((*ROLE_ADDRESSES, *PROBES)),
        "mail_host": context.host.name,
        "postmaster": openldap.postmaster(context),
        "notify": [trust.LOOPBACK, trust.NOTICES] if context.host.has(RoleName.POSTFIX) else None,
    }


def _timed(context: Context) -> Iterator[Item]:
    publication = context.settings.publication
    service = _unit_file(
        f"{_NAME}.service",
        runtime=runtime.PATH,
        state=STATE,
        account=ACCOUNT,
        api_key=f"{CREDENTIAL}:{KEY}" if publication.writer == "fhir" else "",
    )
    timer = _unit_file(f"{_NAME}.timer", minutes=publication.every_minutes)
    soon = _unit_file(_SOON, service=f"{_NAME}.service")
    change = _unit_file(f"{_NAME}.path", database=f"{openldap.DATABASE}/data.mdb", soon=_SOON)
    yield from (service, timer, soon, change)
    # The service runs when one of these says so; it is read anew each time.
    yield Unit(f"{_NAME}.timer", inputs=(timer.path, service.path))
    yield Unit(f"{_NAME}.path", inputs=(change.path, soon.path))


def _unit_file(name: str, **values: Any) -> File:
    return file("directory", f"/etc/systemd/system/{name}", **values)
