"""Role openldap: the directory of mailboxes, read by Postfix and Dovecot over a Unix socket, without passwords."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from roles import openldap_book as book
from roles import openldap_expiry
from roles import openldap_replication as replication
from vaguemestre import runtime
from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import Debian, Establishment, RoleName
from vaguemestre.host.book.shown import CHOSEN, PUBLIC, READERS, ROUTED, WORDS, entitled, everybodys
from vaguemestre.host.mailboxes.bal import KINDS, RED_LIST, ROLE_ADDRESSES, STATES
from vaguemestre.host.mailboxes.store import DAEMONS, MAILBOXES, MANAGER, NATIONAL, RENEWAL, SETTINGS, SUFFIX
from vaguemestre.release import Directory, File, Item, Package, Probe, Unit
from vaguemestre.render import file

NEEDS = (RoleName.BASE, RoleName.PKI)

# Accounts that read the directory over its Unix socket, by the role that brings them.
_ACCOUNTS = {
    RoleName.DIRECTORY: "vgm-annuaire",
    RoleName.DOVECOT: "dovecot",
    RoleName.POSTFIX: "postfix",
    RoleName.TRUST: "vgm-trust",
}

DATABASE = "/var/lib/ldap/vaguemestre"
CONFIGURATION = "/etc/ldap/slapd.conf"
MAXSIZE = 1 << 30
NATIONAL_MAXSIZE = 8 << 30
SCHEMA = "/etc/ldap/schema/vaguemestre.schema"


def items(context: Context) -> Iterator[Item]:
    """slapd with a static configuration, and a unit that makes the tree; what is in the tree is data."""
    yield Package("slapd", debconf=(("slapd/no_configuration", "boolean", "true"),))
    yield Package("ldap-utils")
    yield Package("python3-ldap")
    yield Directory(DATABASE, owner="openldap", group="openldap", mode=0o700)
    yield from book.items(context)
    known = replication.replication(context)
    yield from replication.items(context, DATABASE, CONFIGURATION)
    yield from _slapd(context, known)
    if not known.provider:
        yield from _tree(context)
        yield from openldap_expiry.items()


def _slapd(context: Context, known: replication.Replication) -> Iterator[Item]:
    clients = bool(context.settings.directory.client_networks) or known.concerned
    filled_here = context.host.has(RoleName.DIRECTORY)  # vaguemestre.host.annuaire.settling
    configuration = file(
        "openldap",
        CONFIGURATION,
        group="openldap",
        mode=0o640,
        suffix=SUFFIX,
        manager=MANAGER,
        daemons=DAEMONS,
        mailboxes=MAILBOXES,
        national=NATIONAL,
        database=DATABASE,
        maxsize=MAXSIZE,
        national_database=book.NATIONAL_DATABASE,
        national_maxsize=NATIONAL_MAXSIZE,
        filled_here=filled_here,
        kinds="|".join(KINDS),
        states="|".join(STATES),
        red_list="|".join(RED_LIST),
        clients=clients,
        chain=book.CHAIN,
        key=book.KEY,
        ciphers=book.CIPHERS[context.host.debian],
        unchecked=book.UNCHECKED,
        shown=everybodys(),
        entitled=entitled(),
        words=",".join(WORDS),
        public=",".join(PUBLIC),
        chosen=",".join(CHOSEN),
        routed=",".join(ROUTED),
        readers=readers(),
        replication=known,
    )
    written = (
        configuration,
        file("openldap", SCHEMA),
        file("openldap", "/etc/default/slapd", services=_services(clients=clients)),
        *_unit(context, _services(clients=clients)),
        file(
            "openldap",
            "/etc/systemd/system/slapd.service.d/vaguemestre.conf",
            runtime=runtime.PATH,
            filled_here=filled_here,
        ),
    )
    yield from written
    yield Unit(
        "slapd.service",
        inputs=(*(one.path for one in written), book.CHAIN, book.KEY, *replication.inputs(known)),
        judges=(
            ("/usr/sbin/slaptest", "-u", "-f", CONFIGURATION),
            ("/usr/bin/python3", runtime.PATH, "directory", "judge"),
        ),
        probes=(Probe(command=("/usr/bin/ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", "ldapi:///")),),
    )


def _services(*, clients: bool) -> str:
    """What slapd listens on (slapd(8), -h): its Unix socket, and LDAPS where there is somebody to answer."""
    return "ldapi:/// ldaps:///" if clients else "ldapi:///"


def _unit(context: Context, services: str) -> Iterator[File]:
    """Debian 12 brings no unit of systemd's own for slapd."""
    if context.host.debian is Debian.BOOKWORM:
        place = "/etc/systemd/system/slapd.service"
        yield file("openldap", place, variant="bookworm", services=services, configuration=CONFIGURATION)


@dataclass(frozen=True)
class Reader:
    """A daemon of this host, by its entry's name, and the attributes that it reads as slapd.access(5) lists them."""

    name: str
    attributes: str


def readers() -> tuple[Reader, ...]:
    return tuple(Reader(f"cn={name},{DAEMONS}", ",".join(more)) for name, more in READERS.items())


def _tree(context: Context) -> Iterator[Item]:
    known = File(SETTINGS, (json.dumps(settings(context), indent=2, ensure_ascii=False) + "\n").encode())
    seed = file(
        "openldap", "/etc/systemd/system/vaguemestre-directory.service", runtime=runtime.PATH, settings=SETTINGS
    )
    yield from (known, seed, file("openldap", f"/etc/systemd/system/{RENEWAL}", runtime=runtime.PATH))
    yield Unit("vaguemestre-directory.service", inputs=(known.path, seed.path, runtime.PATH))


def settings(context: Context) -> dict[str, object]:
    """What the host's commands must know: its domains with their structure, the postmaster, refused names, who asks."""
    return {
        "domains": {
            domain.name: _facts(one) | {"professions": list(domain.professions)}
            for one in context.served
            for domain in one.domains
        },
        "max_purged": context.establishment.retention.max_purged,
        "daemons": [_ACCOUNTS[role] for role in context.host.roles if role in _ACCOUNTS],
        "postmaster": postmaster(context),
        "reserved": sorted(ROLE_ADDRESSES),
    }


def _facts(one: Establishment) -> dict[str, object]:
    """Of each domain of an establishment; read by `vaguemestre.host.mailboxes.bal`."""
    redlist, retention = one.redlist, one.retention
    return {
        "establishment": one.name,
        "city": one.city,
        "structure": one.structure_id,
        "quota_mib": one.mailboxes.quota_mib,
        "redlist": {
            "default": redlist.default,
            "own_staff_direct": redlist.own_staff_direct,
            "secretariat": redlist.secretariat or "",
        },
        "retention": {
            "closed_days": retention.closed_days,
            "quarantine_days": retention.quarantine_days,
            "closed_address_years": retention.closed_address_years,
        },
    }


def postmaster(context: Context) -> str:
    """Where mail to postmaster@ and abuse@ of every domain goes (RFC 5321 section 4.5.1, RFC 2142 sections 4 and 5).

    The contacts of the inventory may be outside the trust space, and such mail quotes health mail: it stays in a
    mailbox of the operator's own first domain.

    Raises:
        ReleaseError: the host serves no domain at all.
    """
    own = [domain.name for domain in context.establishment.domains] or list(context.domains)
    if not own:
        raise ReleaseError(f"{context.host.name}: a mail host serves at least one domain; declare it under `domains:`")
    return f"postmaster@{own[0]}"
