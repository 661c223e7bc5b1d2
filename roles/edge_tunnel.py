"""Edges on hosts of their own: what nginx accepts there reaches Postfix on the mail host through a tunnel.

nginx's mail proxy speaks SMTP in clear to what is behind it, and Postfix believes by XCLIENT whatever it is told of the
peer. So both ends are on a loopback, and between the hosts stunnel(8) carries it in TLS: each end shows its national
certificate, and believes a certificate of the national authorities that bears the name of its other end, no other.
"""

from __future__ import annotations

from collections.abc import Iterator

from roles import base, dovecot, pki, trust
from vaguemestre.context import Context
from vaguemestre.errors import ReleaseError
from vaguemestre.establishment import Host, RoleName
from vaguemestre.release import Account, Item, Package, Probe, Unit
from vaguemestre.render import file

UNIT = "vaguemestre-tunnel.service"
CONFIGURATION = "/etc/vaguemestre/tunnel.conf"
_KEY = "tls.key"  # as systemd hands it on


def begins(context: Context) -> bool:
    """Whether this host is an edge whose Postfix is elsewhere."""
    return context.host in context.establishment.edges_apart


def ends(context: Context) -> bool:
    """Whether this host takes mail from edges elsewhere."""
    return context.host.has(RoleName.POSTFIX) and bool(context.establishment.edges_apart)


def beginning(context: Context) -> Iterator[Item]:
    """On an edge: what nginx connects to as if it were Postfix."""
    mail = mail_host(context)
    return _tunnel(
        client=True,
        accept=f"{trust.LOOPBACK}:{trust.RELAY}",
        connect=f"{mail.address}:{base.TUNNEL}",
        names=(mail.name,),
    )


def end(context: Context) -> Iterator[Item]:
    """On the mail host: one port for all edges."""
    return _tunnel(
        client=False,
        accept=f"{context.host.address}:{base.TUNNEL}",
        connect=f"{trust.LOOPBACK}:{trust.RELAY}",
        names=tuple(host.name for host in context.establishment.edges_apart),
    )


def mail_host(context: Context) -> Host:
    """Where the queue is.

    Raises:
        ReleaseError: it cannot be told.
    """
    kept = context.establishment.mail_hosts
    if len(kept) != 1:
        raise ReleaseError(f"{context.host.name}: an edge before {len(kept)} mail hosts\n    one host has postfix")
    return kept[0]


def _tunnel(*, client: bool, accept: str, connect: str, names: tuple[str, ...]) -> Iterator[Item]:
    yield Package("stunnel4")
    yield Account(base.TUNNEL_ACCOUNT)
    configuration = file(
        "edge",
        CONFIGURATION,
        client="yes" if client else "no",
        accept=accept,
        connect=connect,
        names=names,
        chain=pki.CHAIN,
        key=f"/run/credentials/{UNIT}/{_KEY}",
        anchors=pki.ANCHORS,
        ciphers=dovecot.CIPHERS,
    )
    service = file(
        "edge",
        f"/etc/systemd/system/{UNIT}",
        account=base.TUNNEL_ACCOUNT,
        configuration=CONFIGURATION,
        credential=f"{_KEY}:{pki.KEY}",
    )
    yield from (configuration, service)
    address, _, port = accept.partition(":")
    yield Unit(
        UNIT,
        inputs=(configuration.path, service.path, pki.CHAIN, pki.KEY, pki.ANCHORS),
        probes=(Probe(port=int(port), address=address),),
    )
