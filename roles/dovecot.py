"""Role dovecot: where mail lies and how it is read; LMTP, IMAP, ManageSieve, and SASL for submission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roles import dovecot_bookworm, dovecot_purge, pki, trust
from vaguemestre.context import Context
from vaguemestre.establishment import Debian, RoleName
from vaguemestre.host.mailboxes.store import MAILBOXES
from vaguemestre.release import Account, Directory, File, Item, Package, Probe, Unit
from vaguemestre.render import file

NEEDS = (RoleName.BASE, RoleName.PKI, RoleName.OPENLDAP)

STORE = "/var/vmail"
UID = 5000  # the same on every host, so that a store restored elsewhere belongs to the right account
SIEVE_BEFORE = "/etc/dovecot/sieve/before"
SIEVE_COMPILED = "/var/lib/dovecot/sieve"

# Sockets for Postfix. Under /run, so that Dovecot can make them before Postfix has ever run.
LMTP_SOCKET = "/run/dovecot/lmtp"
AUTH_SOCKET = "/run/dovecot/auth-postfix"
QUOTA_SOCKET = "/run/dovecot/quota-status-postfix"

# A person's filter may hand a message on to this many addresses, all of them in our own domains (postfix_trust.inside):
# a colleague and a secretariat. See docs/decisions/0007.
REDIRECTS = 2

# TLS 1.2 suites of ANSSI's guide to TLS: ephemeral elliptic curves, authenticated encryption. TLS 1.3 has no others.
CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)

_PACKAGES = ("core", "imapd", "ldap", "lmtpd", "managesieved", "sieve")


def items(context: Context) -> Iterator[Item]:
    """Dovecot with one configuration file, the account that owns all mail, and the folder it lies in."""
    more = dovecot_bookworm.PACKAGES if context.host.debian is Debian.BOOKWORM else ()
    for part in (*_PACKAGES, *more):
        yield Package(f"dovecot-{part}")
    yield Account("vmail", home=STORE, uid=UID)
    yield Directory(STORE, owner="vmail", group="vmail", mode=0o700)
    yield Directory("/etc/dovecot/sieve")
    yield Directory(SIEVE_BEFORE)
    yield Directory(SIEVE_COMPILED, owner="vmail", group="vmail", mode=0o700)
    yield from _daemon(context)
    yield from dovecot_purge.items(STORE)


def _daemon(context: Context) -> Iterator[Item]:
    written = tuple(_configuration(context))
    service = file("dovecot", "/etc/systemd/system/dovecot.service.d/vaguemestre.conf")
    marks = file("dovecot", f"{SIEVE_BEFORE}/00-secretariat.sieve")
    yield from (*written, service, marks)
    restart_on = (*(one.path for one in written), service.path)
    yield Unit(
        "dovecot.service",
        inputs=(*restart_on, pki.CHAIN, pki.KEY),
        # A reload keeps old listeners and their settings; a renewed certificate needs no more than that.
        restart_on=restart_on,
        on_change="reload",
        judges=(("/usr/bin/doveconf", "-n"),),
        probes=(
            Probe(port=143, expect="* OK"),
            Probe(port=993),
            Probe(port=4190, expect='"IMPLEMENTATION"'),
            Probe(command=("/usr/bin/doveadm", "user", "*")),
        ),
    )


def _configuration(context: Context) -> Iterator[File]:
    values: dict[str, Any] = {
        "listen": listen(context),
        "chain": pki.CHAIN,
        "key": pki.KEY,
        "ciphers": CIPHERS,
        "quota_mib": quota_mib(context),
        "store": STORE,
        "uid": UID,
        "sieve_before": SIEVE_BEFORE,
        "sieve_compiled": SIEVE_COMPILED,
        "submission": f"{trust.LOOPBACK}:{trust.NOTICES}",
        "redirects": REDIRECTS,
    }
    if context.host.debian is Debian.BOOKWORM:
        yield from dovecot_bookworm.files(**values)
    else:
        yield file("dovecot", "/etc/dovecot/dovecot.conf", mailboxes=MAILBOXES, **values)


def listen(context: Context) -> str:
    """Addresses to listen on (Dovecot's `listen`): IPv6 only where the inventory gives the host such an address."""
    return "*, ::" if context.host.address6 else "*"


def quota_mib(context: Context) -> int:
    """What a mailbox gets whose entry says nothing, in MiB: the most that one of the served establishments gives."""
    return max(one.mailboxes.quota_mib for one in context.served)
