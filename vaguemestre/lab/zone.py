"""The lab's DNS as one zone, the root: what is not in it does not exist, so no mail can be routed anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from vaguemestre.lab.places import short_hash
from vaguemestre.lab.plan import GATEWAY, OUTSIDE, OUTSIDE_DOMAIN, WORLD, WORLD_NAME, MailDomain, Plan

OUTSIDE_HOST = f"mx.{OUTSIDE_DOMAIN}"
_LABELS = ("igc-sante", "autre-ac", "ntp", "espacedeconfiance", "ocsp", "annuaire", "gateway")
_SERVICES = (("_submission._tcp", 587), ("_imap._tcp", 143), ("_imaps._tcp", 993), ("_ldaps._tcp", 636))


@dataclass(frozen=True)
class Zone:
    """Names and addresses (A and PTR), further names (A only), and mail domains (MX and SRV)."""

    hosts: tuple[tuple[str, IPv4Address], ...]
    aliases: tuple[tuple[str, IPv4Address], ...]
    domains: tuple[MailDomain, ...]

    @classmethod
    def of(cls, plan: Plan) -> Zone:
        """The zone of a plan: its guests, peers and domains, the world host and the outside domain."""
        world, outside = plan.at(WORLD), plan.at(OUTSIDE)
        own = ((WORLD_NAME, world), (OUTSIDE_HOST, outside), (f"bridge.{WORLD_NAME}", plan.at(GATEWAY)))
        aliases = tuple((f"{label}.{WORLD_NAME}", world) for label in _LABELS)
        domains = (*plan.domains, MailDomain(OUTSIDE_DOMAIN, (OUTSIDE_HOST,)))
        guests = ((guest.name, guest.address) for guest in plan.guests)
        peers = ((peer.name, plan.at(peer.part)) for peer in plan.peers)
        return cls((*own, *guests, *peers), aliases, domains)

    def text(self) -> str:
        """The zone file (RFC 1035, section 5)."""
        records = [*self._addresses(), *(line for domain in self.domains for line in _mail(domain))]
        serial = int(short_hash(*records)[:7], 16)
        start = [
            "$ORIGIN .",
            "$TTL 60",
            f". IN SOA {WORLD_NAME}. hostmaster.{WORLD_NAME}. ( {serial} 3600 600 86400 5 )",
            f". IN NS {WORLD_NAME}.",
        ]
        return "\n".join([*start, *records]) + "\n"

    def _addresses(self) -> list[str]:
        forward = [f"{name}. IN A {address}" for name, address in (*self.hosts, *self.aliases)]
        return forward + [f"{address.reverse_pointer}. IN PTR {name}." for name, address in self.hosts]


def _mail(domain: MailDomain) -> list[str]:
    exchangers = [f"{domain.domain}. IN MX {10 * rank} {host}." for rank, host in enumerate(domain.mx, start=1)]
    served = {
        "_submission._tcp": domain.submission,
        "_imap._tcp": domain.imap,
        "_imaps._tcp": domain.imap,
        "_ldaps._tcp": domain.book,
    }
    services = [
        f"{service}.{domain.domain}. IN SRV {10 * rank} 0 {port} {host}."
        for service, port in _SERVICES
        for rank, host in enumerate(served[service], start=1)
    ]
    return exchangers + services
