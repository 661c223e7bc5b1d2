"""The third room of role openldap: replicas, which answer searches where another host keeps the mailboxes.

A replica follows its provider by LDAP Sync (RFC 4533) over LDAPS, and proves who it is by its certificate. It holds
what everybody may see and nothing else: the nation's mailboxes, and ours that are open and on no red list. No password
leaves the provider, so nobody logs in at a replica.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from roles import openldap_book as book
from roles import pki
from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import Establishment, Host
from vaguemestre.host.book.shown import PUBLIC, WORDS, everybodys
from vaguemestre.host.replica.layout import REPLICATOR, SETTINGS, STATE
from vaguemestre.release import Directory, File, Item, Unit
from vaguemestre.render import file, text

ANCHORS = f"{book.FOLDER}/national.pem"
PREPARED = "/etc/systemd/system/slapd.service.d/replica.conf"

# What a replica must know of every mailbox to learn that it is to be shown no more.
SCOPE = ("entry", "objectClass", "mail", "vgmState", "vgmRedList", "vgmMailboxType", "entryUUID", "entryCSN")
# What slapd itself writes of an entry (RFC 4512 section 3.4).
_KEPT_BY_SLAPD = ("structuralObjectClass", "creatorsName", "createTimestamp", "modifiersName", "modifyTimestamp")
COPIED = (*PUBLIC, *WORDS, *_KEPT_BY_SLAPD)


@dataclass(frozen=True)
class Replication:
    """What slapd.conf must know: a provider has `replicas`, each the pattern of a DN; a replica has a `provider`."""

    replicas: tuple[str, ...] = ()
    provider: str = ""
    replicator: str = REPLICATOR
    anchors: str = ANCHORS
    scope: str = ",".join(SCOPE)
    copied: str = ",".join(COPIED)
    # The branch itself is followed too: without it each mailbox would hang in the air.
    wanted: str = f"(|(objectClass=organizationalUnit){everybodys()})"

    @property
    def concerned(self) -> bool:
        return bool(self.replicas or self.provider)


def replication(context: Context) -> Replication:
    """This host's part in it.

    Raises:
        ReleaseError: a replica whose provider cannot be told.
    """
    one = context.establishment
    if context.host in one.replicas:
        return Replication(provider=_provider(context).name)
    followed = (pattern(one, host, unit) for host in one.replicas for unit in one.certificate_units)
    return Replication(replicas=tuple(followed))


def _provider(context: Context) -> Host:
    kept = context.establishment.providers
    if len(kept) != 1:
        raise ReleaseError(
            f"{context.host.name}: a replica of {len(kept)} directories; it follows exactly one\n"
            "    one host of the establishment has openldap beside dovecot, postfix, trust or directory"
        )
    return kept[0]


def pattern(establishment: Establishment, host: Host, unit: str) -> str:
    """The regular expression (regex(7), extended) that fits the DN of this host's certificate, and no other.

    slapd compares with the DN as it normalizes it: last part first, lower case, blanks joined, special characters and
    all beyond ASCII as a backslash and two hexadecimal digits a byte (RFC 4514 section 2.4). The certificate's parts
    are those of `vaguemestre.pki.conformity`.
    """
    parts = {"cn": host.name, "ou": unit, "o": establishment.name, "st": establishment.department, "c": "fr"}
    return "^" + ",".join(f"{kind}={_value(value)}" for kind, value in parts.items()) + "$"


def _value(written: str) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", written).lower().split())
    return "".join(_character(one, first=at == 0) for at, one in enumerate(plain))


def _character(one: str, *, first: bool) -> str:
    if not one.isascii() or one in ',+"\\<>;=' or (first and one == "#"):
        # `.` stands for the backslash, which slapd.conf(5) would take for its own.
        return "".join(f".{byte:02x}" for byte in one.encode())
    if re.fullmatch(r"[a-z0-9 '_#&@!:/%~`-]", one):
        return one
    return "." if one in "^[" else f"[{one}]"  # those two mean something at the beginning of brackets


def items(context: Context, database: str, configuration: str) -> Iterator[Item]:
    """What both sides need to believe each other; on a replica, also what watches over it."""
    known = replication(context)
    if not known.concerned:
        return
    source = str(context.settings.trust.anchors)
    written = text("pki/etc/vaguemestre/tls/national.pem.j2", anchors=pki.anchors(context.anchors, source))
    yield File(ANCHORS, written.encode())
    if known.provider:
        yield from _watch({**settings(context, known), "database": database, "configuration": configuration})


def inputs(known: Replication) -> tuple[str, ...]:
    """What slapd reads more on such a host: a change makes it stale."""
    return (ANCHORS, *((PREPARED,) if known.provider else ())) if known.concerned else ()


def _watch(known: dict[str, object]) -> Iterator[Item]:
    yield Directory(str(STATE), mode=0o750)
    yield File(str(SETTINGS), (json.dumps(known, indent=2) + "\n").encode())
    yield file("openldap", PREPARED, runtime=runtime.PATH)
    service = file("openldap", "/etc/systemd/system/vaguemestre-replica.service", runtime=runtime.PATH)
    timer = file("openldap", "/etc/systemd/system/vaguemestre-replica.timer")
    yield from (service, timer)
    # The service runs when the timer says so; it is read anew each time.
    yield Unit("vaguemestre-replica.timer", inputs=(timer.path, service.path))


def settings(context: Context, known: Replication) -> dict[str, object]:
    """What the watch must know; read by `vaguemestre.host.replica.layout`."""
    limits = context.settings.directory.replicas
    return {
        "provider": known.provider,
        "anchors": pki.ANCHORS,
        "certificate": pki.CHAIN,
        "key": pki.KEY,
        "alarm_seconds": limits.alarm_minutes * 60,
        "forget_seconds": limits.forget_minutes * 60,
    }
