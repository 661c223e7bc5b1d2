"""Revocation lists (CRL, RFC 5280 section 5): which one may be believed, what it says, when to ask again. Pure.

The national source is behind a firewall that answers eager clients with a page of HTML, so what comes is looked at
before it is taken for a list, and is asked for rarely: one request in flight, 30 s after a failure, doubling to 30 min.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from vaguemestre.host.trust.authorities import RELIABLE_HASHES, Authorities, Authority, UnreadableError, guarded
from vaguemestre.host.trust.dn import text_of
from vaguemestre.host.trust.libraries import span
from vaguemestre.host.trust.values import IssuerKey, Standing

LARGEST = 32 << 20
"""Bytes; the national lists have some thousands."""

SKEW = timedelta(minutes=5)
"""How far a source's clock may be ahead of ours."""

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=30)
_AHEAD = timedelta(hours=1)
_DER, _PEM = b"\x30", b"-----BEGIN X509 CRL-----"
_KNOWN = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.FRESHEST_CRL,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)
_KNOWN_OF_ENTRIES = frozenset({CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE})


class RevocationError(ValueError):
    """This is no list to believe; `slug` is one of SLUGS, the message is for people."""

    SLUGS = ("not_a_crl", "wrong_issuer", "bad_signature", "unsupported", "not_yet", "outdated", "older")

    def __init__(self, slug: str, message: str) -> None:
        self.slug = slug
        super().__init__(message)


@dataclass(frozen=True)
class RevocationList:
    """A list whose signature was verified. `number` is its CRL number, 0 when it has none."""

    issuer: IssuerKey
    name: str
    number: int
    this_update: datetime
    next_update: datetime
    serials: frozenset[int] = field(repr=False)

    def standing(self, serial: int, now: datetime, grace: timedelta) -> Standing:
        """What it says of a certificate of its issuer. Revoked is for ever; good ends with the grace."""
        return standing(serial in self.serials, self.this_update, self.next_update, now, grace)


def standing(revoked: bool, this_update: datetime, next_update: datetime, now: datetime, grace: timedelta) -> Standing:
    """The rule by itself, for stores that keep serial numbers elsewhere.

    A list from the future, by more than SKEW, tells of a wrong clock, and nothing dated is believed then.
    """
    if revoked:
        return Standing.REVOKED
    return Standing.GOOD if this_update - SKEW <= now <= next_update + grace else Standing.UNKNOWN


def crl(data: bytes, authorities: Authorities, now: datetime, *, grace: timedelta = timedelta(0)) -> RevocationList:
    """The list in `data` (DER or PEM), signed by one of the authorities held and in date, `grace` included.

    Raises RevocationError: not_a_crl, wrong_issuer, bad_signature, unsupported, not_yet or outdated.
    """
    parsed = _parsed(data)
    author = _author(parsed, authorities)
    try:
        found = guarded(lambda: _list(parsed, author))
    except UnreadableError as error:
        raise RevocationError("unsupported", f"the list of {author.name} cannot be used: {error}") from error
    if now < found.this_update - SKEW:
        raise RevocationError("not_yet", f"the list of {author.name} is of {found.this_update:%Y-%m-%d %H:%M} UTC")
    if now > found.next_update + grace:
        raise RevocationError("outdated", f"the list of {author.name} ended {found.next_update:%Y-%m-%d %H:%M} UTC")
    return found


def newer(held: RevocationList | None, fetched: RevocationList) -> RevocationList:
    """`fetched`, unless it is older than the one held: an old list would make revoked certificates good again.

    Raises RevocationError (older).
    """
    if held is None or (fetched.number, fetched.this_update) >= (held.number, held.this_update):
        return fetched
    raise RevocationError(
        "older",
        f"the list of {fetched.name} is number {fetched.number} of {fetched.this_update:%Y-%m-%d %H:%M} UTC, "
        f"older than number {held.number} of {held.this_update:%Y-%m-%d %H:%M} UTC, which is kept",
    )


def wait(failures: int) -> timedelta:
    """How long to leave a source alone after so many failures in a row (1 or more)."""
    return min(_FIRST_WAIT * (1 << min(max(failures, 1) - 1, 16)), _LONGEST_WAIT)


def next_fetch(
    held: RevocationList | None, asked: datetime | None, failures: int, every: timedelta, now: datetime
) -> datetime:
    """When to ask the source again; not after `now` means at once.

    `asked` is when it was last asked, `failures` how often in a row nothing new and good came of it (an outdated list
    is a failure), `every` the usual pace. An hour before a list ends its successor is looked for; a source is never
    asked twice within 30 s, nor later than `every` when the clock was set back.
    """
    if asked is None or asked > now + SKEW:
        return now
    if failures:
        return asked + wait(failures)
    if held is None:
        return asked + _FIRST_WAIT
    ending = held.next_update - _AHEAD
    return max(asked + _FIRST_WAIT, min(asked + every, ending)) if asked < ending else asked + min(every, _LONGEST_WAIT)


def _parsed(data: bytes) -> x509.CertificateRevocationList:
    if len(data) > LARGEST:
        raise RevocationError("not_a_crl", f"{len(data)} bytes came: too many for a revocation list")
    try:
        if data.lstrip().startswith(_PEM):
            return guarded(lambda: x509.load_pem_x509_crl(data))
        if data.startswith(_DER):
            return guarded(lambda: x509.load_der_x509_crl(data))
    except UnreadableError as error:
        raise RevocationError("not_a_crl", f"what came is no revocation list: {error}") from error
    seen = ascii(data[:40].decode(errors="replace"))
    raise RevocationError("not_a_crl", f"what came is no revocation list, but begins with {seen}: a firewall's page?")


def _author(parsed: x509.CertificateRevocationList, authorities: Authorities) -> Authority:
    """Who signed it: a name alone is anybody's, so each authority of that name is tried by its key."""
    try:
        issuer = guarded(lambda: parsed.issuer)
        named = [one for one in authorities.all if one.certificate.subject == issuer]
        if not named:
            raise RevocationError("wrong_issuer", f"the list is of {text_of(issuer)}, no authority held here")
        signed = [one for one in named if guarded(partial(_signed, parsed, one))]
    except UnreadableError as error:
        raise RevocationError("bad_signature", f"the list's signature cannot be read: {error}") from error
    if not signed:
        raise RevocationError("bad_signature", f"the list in the name of {named[0].name} was not signed by it")
    return signed[0]


def _signed(parsed: x509.CertificateRevocationList, author: Authority) -> bool:
    algorithm = parsed.signature_hash_algorithm
    key = author.certificate.public_key()
    return (
        algorithm is not None and algorithm.name in RELIABLE_HASHES and parsed.is_signature_valid(key)  # type: ignore[arg-type]  # raises TypeError for keys that cannot sign
    )


def _list(parsed: x509.CertificateRevocationList, author: Authority) -> RevocationList:
    """All that is in it. Raises ValueError when it is only part of the truth (RFC 5280 sections 5.2 and 5.3)."""
    for extension in parsed.extensions:
        if extension.critical and extension.oid not in _KNOWN:
            raise ValueError(f"critical extension {extension.oid.dotted_string}")
        if isinstance(extension.value, x509.IssuingDistributionPoint) and _partial(
            extension.value, author.above is None
        ):
            raise ValueError("it covers only some certificates or reasons")
    begins, ends = span(parsed)
    if ends is None:
        raise ValueError("it does not say when its successor comes")
    serials = frozenset(_serial(entry) for entry in parsed)
    return RevocationList(author.key, author.name, _number(parsed), begins, ends, serials)


def _partial(point: x509.IssuingDistributionPoint, of_root: bool) -> bool:
    """Whether this scope leaves out what the list is used for: authorities for a root's, operators' for the others."""
    other = point.only_contains_user_certs if of_root else point.only_contains_ca_certs
    return bool(other or point.only_contains_attribute_certs or point.only_some_reasons or point.indirect_crl)


def _serial(entry: x509.RevokedCertificate) -> int:
    for extension in entry.extensions:
        if extension.critical and extension.oid not in _KNOWN_OF_ENTRIES:
            raise ValueError(f"critical extension {extension.oid.dotted_string} of an entry")
    return entry.serial_number


def _number(parsed: x509.CertificateRevocationList) -> int:
    try:
        return parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0
