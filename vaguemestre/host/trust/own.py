"""Ourselves in the trust space: the host's own certificate, and what the list says of the domains served here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from vaguemestre.host.trust.layout import Places, Settings
from vaguemestre.host.trust.store import Listed, ListingStore
from vaguemestre.host.trust.values import DnKey

Own = Mapping[str, tuple[Listed, ...]]
"""Each own domain with its entries."""


@dataclass(frozen=True)
class Certificate:
    """The certificate that this host shows to others: its DN as text and as key (None when it can have none)."""

    dn: str
    key: DnKey | None
    until: datetime


def certificate(path: Path) -> Certificate | None:
    """The first certificate of the chain; None when it is not there or cannot be read."""
    from cryptography import x509

    from vaguemestre.host.trust import dn, libraries

    try:
        leaf = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
    try:
        key = dn.key_of(leaf.subject)
    except dn.DnError:
        key = None
    return Certificate(dn.text_of(leaf.subject), key, libraries.ends(leaf))


def entries(places: Places, settings: Settings) -> Own:
    """What the list that is held says of each domain served here."""
    with closing(ListingStore(places.listing, timedelta(0))) as held:
        return {domain: held.entries(domain) for domain in settings.own_domains}


def ours(listed: Own, shown: Certificate | None) -> dict[str, bool]:
    """For each own domain, whether the certificate shown here is listed for it; empty without a certificate."""
    if shown is None:
        return {}
    return {domain: any(one.dn == shown.key for one in some) for domain, some in listed.items()}


def beside(places: Places, settings: Settings, shown: Certificate | None) -> tuple[str, ...]:
    """Domains that are not served here, but for which the certificate shown here is listed."""
    if shown is None or shown.key is None:
        return ()
    with closing(ListingStore(places.listing, timedelta(0))) as held:
        return tuple(one for one in held.domains_of(shown.key) if one not in settings.own_domains)


def names(listed: Own) -> dict[str, tuple[str, ...]]:
    """Each own domain with the DNs it is listed under, as written, each spelling once and in order."""
    return {domain: tuple(sorted({one.written for one in some})) for domain, some in listed.items()}
