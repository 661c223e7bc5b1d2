"""What the controller can learn outside: a white list in a file, revocation at the authority, MX records in the DNS.

Nothing here is needed to deploy. What cannot be had is a note, never an error: many controllers see no internet.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from cryptography import x509

from vaguemestre.establishment import Settings
from vaguemestre.host.trust import fetch, ocsp, revocation, whitelist
from vaguemestre.host.trust.authorities import Authorities, Authority
from vaguemestre.host.trust.revocation import RevocationError, RevocationList
from vaguemestre.host.trust.values import IssuerKey, Standing
from vaguemestre.host.trust.whitelist import WhiteList, WhiteListError
from vaguemestre.pki.check import Learnt
from vaguemestre.pki.faults import PkiError

_SECONDS = 10.0  # for each source
_LARGEST_CRL = 64 << 20


def white_list(file: Path, settings: Settings, anchors: Sequence[x509.Certificate], now: datetime) -> WhiteList:
    """The list in a file, verified as the hosts verify it.

    Raises:
        PkiError: it cannot be read, or is not to be believed.
    """
    wanted = settings.trust.white_list
    try:
        xml = file.read_bytes()
    except OSError as error:
        raise PkiError(f"{file}: cannot be read: {error.strerror}") from error
    try:
        return whitelist.read(
            xml, anchors=anchors, signer=wanted.signer, at=None, now=now, max_bytes=wanted.max_mib << 20
        )
    except WhiteListError as error:
        raise PkiError(f"{file}: not a white list to believe: {error}\n    fetch it again: {wanted.url}") from error


def revocations(
    settings: Settings, held: Authorities, leaves: Iterable[x509.Certificate], files: Iterable[Path], now: datetime
) -> Learnt:
    """Revocation lists from files and from the authority's addresses; OCSP for a certificate whose issuer gave none."""
    contents = [(str(file), file.read_bytes()) for file in files]
    notes: list[str] = []
    if not contents:
        contents = _fetched(settings, notes)
    lists = tuple(one for name, data in contents if (one := _list(name, data, held, now, notes)))
    listed = {one.issuer for one in lists}
    asked = [(issuer, one) for one in leaves if (issuer := held.issuer(one)) and issuer.key not in listed]
    answers = [said for issuer, one in asked if (said := _asked(settings, issuer, one, now, notes))]
    return Learnt(lists, tuple(answers), tuple(dict.fromkeys(notes)))


def mail_hosts(domains: Iterable[str], resolvers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The MX names of each domain, lower case; a domain about which the DNS does not answer is left out."""
    import dns.exception
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=not resolvers)
    resolver.nameservers = list(resolvers) or resolver.nameservers
    resolver.lifetime = 5.0
    found: dict[str, tuple[str, ...]] = {}
    for domain in domains:
        try:
            answer = resolver.resolve(domain, "MX")
            found[domain] = tuple(sorted(one.exchange.to_text(omit_final_dot=True).lower() for one in answer))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            found[domain] = ()
        except (dns.exception.DNSException, OSError):
            continue
    return found


def _fetched(settings: Settings, notes: list[str]) -> list[tuple[str, bytes]]:
    found = []
    for url in settings.trust.revocation.crl:
        try:
            found.append((url, _get(settings, url)))
        except fetch.FetchError as error:
            notes.append(f"revocation list not to be had: {error}")
    return found


def _get(settings: Settings, url: str) -> bytes:
    asked = fetch.Request(url, _LARGEST_CRL, proxy=settings.trust.proxy, seconds=_SECONDS)
    return fetch.get(asked).body or b""


def _list(name: str, data: bytes, held: Authorities, now: datetime, notes: list[str]) -> RevocationList | None:
    try:
        return revocation.crl(data, held, now)
    except RevocationError as error:
        notes.append(f"{name}: {error}")
        return None


def _asked(
    settings: Settings, issuer: Authority, leaf: x509.Certificate, now: datetime, notes: list[str]
) -> tuple[IssuerKey, int, Standing] | None:
    """What the OCSP responder says, asked by GET (RFC 6960 appendix A.1)."""
    url = settings.trust.revocation.ocsp
    if url is None:
        return None
    question = quote(base64.b64encode(ocsp.request(issuer, leaf.serial_number)), safe="")
    try:
        told = ocsp.answer(_get(settings, f"{url.rstrip('/')}/{question}"), issuer, leaf.serial_number, now)
    except fetch.FetchError as error:
        notes.append(f"OCSP not to be had: {url}: {error.slug}")
        return None
    if told.standing is Standing.UNKNOWN:
        notes.append(f"OCSP without a usable answer: {url}: {told.why}")
        return None
    return issuer.key, leaf.serial_number, told.standing
