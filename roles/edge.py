"""Role edge: port 25 as other operators find it. nginx does TLS and asks the trust daemon; Postfix stands behind it."""

from __future__ import annotations

from collections.abc import Iterator

from roles import dovecot, edge_tunnel, pki, postfix, trust
from vaguemestre.context import Context
from vaguemestre.establishment import RoleName
from vaguemestre.release import Item, Package, Probe, Unit
from vaguemestre.render import file

NEEDS = (RoleName.BASE, RoleName.PKI, RoleName.TRUST)  # and Postfix, here or at the other end of a tunnel

PORT = 25
CONFIGURATION = "/etc/nginx/nginx.conf"

# What Postfix behind takes (master.cf discards the rest): nginx answers EHLO in its stead until the first recipient.
CAPABILITIES = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN")

# Key exchange by ephemeral elliptic curves, as ANSSI's guide to TLS wants them.
CURVES = ":".join(("X25519", "prime256v1", "secp384r1"))


def items(context: Context) -> Iterator[Item]:
    """nginx with its mail module and nothing else: one configuration file, wholly rendered, and its confinement."""
    yield Package("nginx")
    yield Package("libnginx-mod-mail")
    configuration = file(
        "edge",
        CONFIGURATION,
        name=context.host.name,
        listen=listen(context),
        auth=trust.AUTH,
        key=pki.KEY,
        chain=pki.CHAIN,
        anchors=pki.ANCHORS,
        ciphers=dovecot.CIPHERS,
        curves=CURVES,
        capabilities=capabilities(context),
    )
    behind = edge_tunnel.UNIT if edge_tunnel.begins(context) else "postfix.service"
    service = file("edge", "/etc/systemd/system/nginx.service.d/vaguemestre.conf", behind=behind)
    if edge_tunnel.begins(context):
        yield from edge_tunnel.beginning(context)
    yield from (configuration, service)
    yield Unit(
        "nginx.service",
        inputs=(configuration.path, service.path, pki.CHAIN, pki.KEY, pki.ANCHORS),
        # A reload takes everything over, listeners too, and lets sessions end in peace; a restart would cut them.
        restart_on=(service.path,),
        on_change="reload",
        judges=(("/usr/sbin/nginx", "-t", "-q"),),
        probes=(Probe(port=PORT, expect="220 "),),
    )


def listen(context: Context) -> tuple[str, ...]:
    """What nginx listens on: IPv6 only where the inventory gives the host such an address, for only there does Postfix
    take one in XCLIENT (`inet_protocols`)."""
    return (f"{PORT}", *((f"[::]:{PORT} ipv6only=on",) if context.host.address6 else ()))


def capabilities(context: Context) -> tuple[str, ...]:
    """The extensions announced (RFC 5321 section 4.1.1.1), as nginx quotes them."""
    size = postfix.size_limit(postfix.size_mib(context))
    return (f'"SIZE {size}"', *CAPABILITIES)
