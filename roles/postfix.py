"""Role postfix: the queue between operators (behind nginx), and submission. Who may write to whom: `postfix_trust`."""

from __future__ import annotations

from collections.abc import Iterator

from roles import dovecot, edge_tunnel, openldap, pki, postfix_moving, postfix_trust, trust
from vaguemestre.context import Context
from vaguemestre.establishment import Debian, RoleName
from vaguemestre.host.mailboxes.bal import ROLE_ADDRESSES
from vaguemestre.host.mailboxes.store import MAILBOXES
from vaguemestre.host.trust.layout import INSIDE
from vaguemestre.release import Directory, File, Item, Package, Probe, Unit
from vaguemestre.render import file

NEEDS = (RoleName.BASE, RoleName.PKI, RoleName.OPENLDAP, RoleName.DOVECOT, RoleName.TRUST)

FOLDER = "/etc/postfix"
MIB = 1024 * 1024
HEADERS = 64 * 1024  # bytes left for headers and MIME structure beside the attachments
# Whose defaults count (COMPATIBILITY_README): those of Postfix 3.10, or the newest that Debian 12's 3.7 knows.
LEVELS = {Debian.BOOKWORM: "3.6", Debian.TRIXIE: "3.10"}


def items(context: Context) -> Iterator[Item]:
    """Postfix, wholly rendered: main.cf, master.cf and the tables they name."""
    yield Package("postfix", debconf=(("postfix/main_mailer_type", "select", "No configuration"),))
    yield Package("postfix-ldap")
    yield Directory(f"{FOLDER}/ldap")
    settings = (_main(context), _services(context), _service(), *_own_unit(context))
    tables = tuple(_tables(context))
    yield from settings
    yield from tables
    yield from postfix_moving.items(context)
    yield _unit(restart_on=tuple(one.path for one in settings), reload_on=tuple(one.path for one in tables))
    if edge_tunnel.ends(context):
        yield from edge_tunnel.end(context)


def _unit(restart_on: tuple[str, ...], reload_on: tuple[str, ...]) -> Unit:
    return Unit(
        "postfix.service",
        inputs=(*restart_on, *reload_on, pki.CHAIN, pki.KEY, pki.ANCHORS),
        # A reload ignores new services, and interfaces or protocols that changed stop the master a second later.
        restart_on=restart_on,
        on_change="reload",
        judges=(("/usr/sbin/postfix", "check"), ("/bin/sh", "-c", _NO_SLIPS)),
        probes=tuple(Probe(port=port, expect="220 ") for port in (trust.RELAY, trust.NOTICES, 587)),
    )


# `postfix check` lets a misspelt parameter pass with a warning, and a rule that is not read is a rule that is off.
_NO_SLIPS = (
    "said=$( { /usr/sbin/postconf -n; /usr/sbin/postconf -M; /usr/sbin/postconf -P; } 2>&1 >/dev/null );"
    ' test -z "$said" || { echo "$said" >&2; exit 1; }'
)


def _main(context: Context) -> File:
    return file(
        "postfix",
        f"{FOLDER}/main.cf",
        name=context.host.name,
        origin=openldap.postmaster(context).partition("@")[2],
        protocols=protocols(context),
        domains=context.domains,
        lmtp=dovecot.LMTP_SOCKET,
        auth=dovecot.AUTH_SOCKET,
        transport=(*postfix_moving.routes(context), *postfix_trust.TRANSPORT),
        elsewhere=postfix_moving.routes(context),
        tls_policy=postfix_trust.TLS_POLICY,
        level=LEVELS[context.host.debian],
        tls_required=context.host.debian is not Debian.BOOKWORM,  # Postfix 3.7 knows neither the header nor the setting
        outside=postfix_trust.OUTSIDE_RECIPIENT,
        away=postfix_trust.AWAY,
        senders=postfix_trust.SENDERS,
        doors=doors(context),
        key=pki.KEY,
        chain=pki.CHAIN,
        anchors=pki.ANCHORS,
        ciphers=dovecot.CIPHERS,
        size_mib=size_mib(context),
        size_limit=size_limit(size_mib(context)),
    )


def protocols(context: Context) -> str:
    """`inet_protocols`: IPv6 where this host has such an address, or an edge whose peers it hears of (XCLIENT)."""
    hosts = (context.host, *context.establishment.edges_apart)
    return "all" if any(host.address6 for host in hosts) else "ipv4"


def doors(context: Context) -> tuple[postfix_trust.Restrictions, ...]:
    """The rules of every service that takes mail."""
    quota = dovecot.QUOTA_SOCKET
    inside = postfix_trust.inside(quota, red_list=protected_from_colleagues(context))
    deferred = postfix_moving.deferred(context)
    return postfix_trust.edge(quota, deferred), postfix_trust.submission(quota), inside


def protected_from_colleagues(context: Context) -> bool:
    """Whether the red list may hold back one of our own people: of another establishment that is served here, or of
    one whose staff do not write directly."""
    return len(context.served) > 1 or any(not one.redlist.own_staff_direct for one in context.served)


def _services(context: Context) -> File:
    return file(
        "postfix",
        f"{FOLDER}/master.cf",
        inside_name=INSIDE,
        inside_milters=postfix_trust.MILTER if protected_from_colleagues(context) else "",
        replies=postfix_trust.SECRETARIAT_REPLIES,
        loopback=trust.LOOPBACK,
        relay=trust.RELAY,
        notices=trust.NOTICES,
        milter=postfix_trust.MILTER,
    )


def _tables(context: Context) -> Iterator[File]:
    postmaster = openldap.postmaster(context)
    yield file("postfix", postfix_trust.OWN, domains=context.domains)
    yield file("postfix", postfix_trust.ROUTES, domains=patterns(context.domains), lmtp=dovecot.LMTP_SOCKET)
    yield file("postfix", postfix_trust.SECRETARIAT_REPLIES)
    yield file("postfix", f"{FOLDER}/role-addresses", addresses=role_addresses(context.domains), postmaster=postmaster)
    for table in ("mailboxes", "senders", "logins", "closed"):
        yield file(
            "postfix",
            f"{FOLDER}/ldap/{table}.cf",
            mailboxes=MAILBOXES,
            text=postfix_trust.CLOSED_MAILBOX,
            not_open=postfix_trust.NOT_OPEN,
        )


def _service() -> File:
    return file("postfix", "/etc/systemd/system/postfix.service.d/vaguemestre.conf")


def _own_unit(context: Context) -> Iterator[File]:
    """Debian 12's unit watches over nothing; ours is as Debian 13's."""
    if context.host.debian is Debian.BOOKWORM:
        yield file("postfix", "/etc/systemd/system/postfix.service", variant="bookworm")
        yield file(
            "postfix", "/etc/systemd/system-generators/postfix-instance-generator", variant="bookworm", mode=0o755
        )


def patterns(domains: tuple[str, ...]) -> tuple[str, ...]:
    """Each domain as regexp_table(5) spells it."""
    return tuple(domain.replace(".", "[.]") for domain in domains)


def role_addresses(domains: tuple[str, ...]) -> tuple[str, ...]:
    """Every address of a function, on every domain (RFC 2142)."""
    return tuple(f"{local}@{domain}" for domain in domains for local in ROLE_ADDRESSES)


def size_mib(context: Context) -> int:
    """The largest message in MiB before base64: what the most generous served establishment promises."""
    return max(one.mailboxes.message_size_mib for one in context.served)


def size_limit(mib: int) -> int:
    """Bytes on the wire of a message whose attachments are `mib` MiB: base64 puts 57 bytes on a line of 78."""
    return -(-mib * MIB * 78 // 57) + HEADERS
