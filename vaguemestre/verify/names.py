"""What the DNS says, asked of the resolvers that the inventory names (the machine's own when it names none)."""

from __future__ import annotations

from functools import cache

import dns.resolver
import dns.reversename

from vaguemestre.verify.site import Site


@cache
def _resolver(nameservers: tuple[str, ...]) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not nameservers)
    if nameservers:
        resolver.nameservers = list(nameservers)
    resolver.lifetime = 8
    return resolver


def _ask(site: Site, name: str, kind: str) -> list[str]:
    resolver = _resolver(tuple(map(str, site.settings.resolvers)))
    try:
        return [record.to_text() for record in resolver.resolve(name, kind)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def exchangers(site: Site, domain: str) -> set[str]:
    """Host names of the MX records, without the final dot."""
    return {text.split()[1].rstrip(".") for text in _ask(site, domain, "MX")}


def addresses(site: Site, name: str) -> set[str]:
    return set(_ask(site, name, "A"))


def reverse(site: Site, ip: str) -> str:
    """The name that the address leads back to, or an empty string."""
    return next((text.rstrip(".") for text in _ask(site, dns.reversename.from_address(ip).to_text(), "PTR")), "")


def services(site: Site, name: str) -> set[tuple[str, int]]:
    """(host, port) of the SRV records (RFC 2782)."""
    records = (text.split() for text in _ask(site, name, "SRV"))
    return {(target.rstrip("."), int(port)) for _, _, port, target in records}
