"""Is this the certificate that was asked for? Asked once, when it arrives: the national profile, item by item.

Source of the profile: see `vaguemestre.pki.profiles`. Peers compare the whole DN with the white list, so a subject that
differs in one part is another operator to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from vaguemestre.pki import credentials
from vaguemestre.pki.bearer import Bearer, Kind
from vaguemestre.pki.faults import Fault

SMALLEST = 2048  # bits of an RSA key
_HASHES = frozenset({"sha256", "sha384", "sha512"})
_ORDER = (
    NameOID.COUNTRY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)
_WORDS = dict(zip(_ORDER, ("C", "ST", "O", "OU", "CN"), strict=True))


@dataclass(frozen=True)
class Case:
    """A certificate, whom it should serve, and what is needed to judge it."""

    bearer: Bearer
    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]
    own_keys: Sequence[PublicKeyTypes]
    anchors: Sequence[x509.Certificate]
    now: datetime


def faults(case: Case) -> list[Fault]:
    """Everything that is wrong with it, key and chain first; empty when it is what was asked for."""
    return list(
        chain(
            credentials.wrong_key(case.leaf, case.own_keys),
            credentials.wrong_path(case.leaf, case.others, case.anchors, case.now),
            credentials.wrong_dates(case.leaf, case.now),
            profile(case.bearer, case.leaf),
        )
    )


def profile(bearer: Bearer, leaf: x509.Certificate) -> Iterator[Fault]:
    """What the national profile asks of this bearer's certificate, whoever signed it."""
    yield from _subject(bearer, leaf.subject)
    if bearer.kind is Kind.SERVER:
        yield from _names(leaf, bearer.name)
    yield from _strength(leaf)
    yield from _key_usage(leaf)
    yield from credentials.wrong_usage(leaf, bearer.kind.usages)


def _subject(bearer: Bearer, subject: x509.Name) -> Iterator[Fault]:
    written = [(one.oid, str(one.value)) for one in subject]
    if tuple(oid for oid, _ in written) != _ORDER or any(len(list(rdn)) > 1 for rdn in subject.rdns):
        order = ", ".join(one.rfc4514_attribute_name or one.oid.dotted_string for one in subject)
        yield Fault(f"the parts of its DN stand as {order}; the national order is C, ST, O, OU, CN", _ANOTHER)
    values = dict(written)
    one = bearer.establishment
    yield from _part(values, NameOID.COUNTRY_NAME, ("FR",), _ANOTHER)
    yield from _part(values, NameOID.STATE_OR_PROVINCE_NAME, (one.department,), _declared("department"))
    yield from _part(values, NameOID.ORGANIZATION_NAME, (one.name,), _declared("name"))
    yield from _part(values, NameOID.ORGANIZATIONAL_UNIT_NAME, one.certificate_units, _declared("finess or siret"))
    yield from _part(values, NameOID.COMMON_NAME, (bearer.name,), "import it for the one that it names, or order again")


_ANOTHER = "ask the IGC-Santé support for a certificate of the national profile"


def _declared(field: str) -> str:
    return f"if the certificate is right, correct {field} in the establishment's file; if not, order it again"


def _part(
    values: dict[x509.ObjectIdentifier, str], kind: x509.ObjectIdentifier, wanted: Sequence[str], way: str
) -> Iterator[Fault]:
    found = values.get(kind)
    if found is None or _plain(found) not in map(_plain, wanted):
        yield Fault(f"{_WORDS[kind]} is {found or 'missing'}; expected is {' or '.join(wanted)}", way)


def _plain(value: str) -> str:
    """Peers compare names without regard to case and blanks (`vaguemestre.host.trust.dn`)."""
    return "".join(value.split()).casefold()


def _names(leaf: x509.Certificate, host: str) -> Iterator[Fault]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        yield Fault("it has no name in its SAN (dNSName); programs of today look nowhere else", _ANOTHER)
        return
    wild = [name for name in names.get_values_for_type(x509.DNSName) if "*" in name]
    if wild:
        yield Fault(f"it names {', '.join(wild)}: the trust space knows no wildcards", _ANOTHER)
    yield from credentials.wrong_name(leaf, host)


def _strength(leaf: x509.Certificate) -> Iterator[Fault]:
    key = leaf.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        yield Fault(
            "its key is not RSA, as the national profile wants it", "vaguemestre pki request makes the right one"
        )
    elif key.key_size < SMALLEST:
        yield Fault(f"its key has {key.key_size} bits; {SMALLEST} are the least", "vaguemestre pki request --new")
    algorithm = leaf.signature_hash_algorithm
    if algorithm is None or algorithm.name not in _HASHES:
        yield Fault(f"it is signed with {algorithm.name if algorithm else 'no known hash'}, not SHA-256", _ANOTHER)


def _key_usage(leaf: x509.Certificate) -> Iterator[Fault]:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return  # no restriction (RFC 5280 section 4.2.1.3)
    if not usage.digital_signature:
        yield Fault("its key usage lacks digitalSignature: no TLS session of today works with it", _ANOTHER)
