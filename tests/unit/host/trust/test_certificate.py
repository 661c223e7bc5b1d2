"""A certificate proves its bearer or is refused for its own stated reason, however odd it is; nothing ever escapes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st
from strangers import (
    DAY,
    HOST,
    LISTED,
    NOW,
    REQUEST,
    Known,
    named,
    self_signed,
    sibling,
    signed,
    signed_with_sha1,
    tampered,
)

from vaguemestre.host.trust import dn, reasons
from vaguemestre.host.trust.certificate import LARGEST, Use, authorities, prove
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.values import Identity, Standing
from vaguemestre.pki.authority import Authority, Issued
from vaguemestre.pki.keys import new_key
from vaguemestre.pki.profiles import OTHER

NATIONAL = Authority.create()
HELD = authorities(NATIONAL.anchors_pem())
KEY = new_key()
VALID = NATIONAL.issue(REQUEST, key=KEY)
ISSUER = HELD.issuing[0].key


def proven(
    certificate: bytes | Issued, use: Use = Use.CLIENT, *, known: Known | None = None, now: datetime = NOW
) -> Identity | Reason:
    der = certificate.leaf_der() if isinstance(certificate, Issued) else certificate
    return prove(der, HELD, known or Known(), now, use)


def identity(certificate: bytes | Issued, use: Use = Use.CLIENT) -> Identity:
    found = proven(certificate, use)
    assert isinstance(found, Identity), found
    return found


@pytest.mark.parametrize("use", Use)
def test_a_valid_certificate_proves_the_name_that_the_list_writes(use: Use) -> None:
    found = identity(VALID, use)
    assert found.dn == dn.key(LISTED)
    assert (found.issuer, found.serial) == (ISSUER, VALID.leaf.serial_number)
    assert found.until == VALID.leaf.not_valid_after_utc.timestamp()
    assert Identity.parse(found.token) == found


def test_pem_and_a_whole_chain_prove_the_same_as_der() -> None:
    assert proven(VALID.leaf_pem()) == proven(VALID.chain_pem()) == identity(VALID)


def test_the_dates_count_to_the_second() -> None:
    first, last = VALID.leaf.not_valid_before_utc, VALID.leaf.not_valid_after_utc
    second = timedelta(seconds=1)
    assert proven(VALID, now=first - second) is reasons.NOT_YET_VALID
    assert isinstance(proven(VALID, now=first), Identity)
    assert isinstance(proven(VALID, now=last), Identity)
    assert proven(VALID, now=last + second) is reasons.EXPIRED


def test_an_authority_that_ended_proves_nobody() -> None:
    end = NATIONAL.issuing.leaf.not_valid_after_utc
    young = NATIONAL.issue(REQUEST, key=KEY, not_after=end + 30 * DAY)
    assert proven(young, now=end + DAY) is reasons.EXPIRED


# --- Who issued it ---


@pytest.mark.parametrize(
    "stranger",
    [
        Authority.create(OTHER),
        Authority.create(),
        sibling(NATIONAL, same_name=False),
        sibling(NATIONAL, same_name=True),
    ],
    ids=[
        "another authority",
        "same names, other keys",
        "other range of the same root",
        "same name below the same root",
    ],
)
def test_another_authority_is_foreign_with_or_without_its_chain(stranger: Authority) -> None:
    issued = stranger.issue(REQUEST, key=KEY)
    assert proven(issued) is reasons.FOREIGN_AUTHORITY
    assert proven(issued.chain_pem()) is reasons.FOREIGN_AUTHORITY


def test_a_certificate_of_its_own_is_foreign() -> None:
    assert proven(self_signed(KEY)) is reasons.FOREIGN_AUTHORITY


def test_the_root_issues_to_no_operator() -> None:
    assert proven(signed(NATIONAL.root, KEY)) is reasons.FOREIGN_AUTHORITY


def test_the_authorities_themselves_are_no_operators() -> None:
    assert proven(NATIONAL.issuing.leaf_der()) is reasons.FOREIGN_AUTHORITY
    assert proven(NATIONAL.root.leaf_der()) is reasons.FOREIGN_AUTHORITY


def test_a_certificate_carried_inside_another_is_not_read() -> None:
    inside = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), VALID.leaf_pem())
    assert proven(self_signed(KEY, [(inside, False)])) is reasons.FOREIGN_AUTHORITY
    assert proven(b"\x30\x03" + VALID.leaf_pem()) is reasons.UNREADABLE_CERTIFICATE


def test_a_signature_by_an_unreliable_hash_is_no_signature() -> None:
    assert proven(signed_with_sha1(VALID.leaf_der(), NATIONAL.issuing)) is reasons.FOREIGN_AUTHORITY


# --- What it is for ---


@pytest.mark.parametrize(
    ("usages", "good"),
    [
        ([ExtendedKeyUsageOID.CLIENT_AUTH], {Use.CLIENT}),
        ([ExtendedKeyUsageOID.SERVER_AUTH], {Use.SERVER}),
        ([ExtendedKeyUsageOID.EMAIL_PROTECTION], set()),
        ([], {Use.CLIENT, Use.SERVER}),
    ],
    ids=["clients only", "servers only", "mail only", "unrestricted"],
)
def test_a_certificate_is_good_for_what_it_was_made_for(usages: list[x509.ObjectIdentifier], good: set[Use]) -> None:
    issued = NATIONAL.issue(REQUEST, key=KEY, usages=usages)
    for use in Use:
        assert isinstance(proven(issued, use), Identity) if use in good else proven(issued, use) is reasons.WRONG_USAGE


def test_a_key_that_may_only_sign_lists_is_of_no_use() -> None:
    usage = NATIONAL.issuing.leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert proven(signed(NATIONAL.issuing, KEY, [(usage, True)])) is reasons.WRONG_USAGE


def test_an_authority_is_no_mail_host() -> None:
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    assert proven(signed(NATIONAL.issuing, KEY, [(constraints, True)])) is reasons.WRONG_USAGE


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505
        ec.generate_private_key(ec.SECP224R1()),
    ],
    ids=["RSA 1024", "P-224"],
)
def test_a_weak_key_is_made_for_nothing(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    assert proven(signed(NATIONAL.issuing, key)) is reasons.WRONG_USAGE


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()])
def test_keys_of_today_are_as_good_as_rsa(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    identity(signed(NATIONAL.issuing, key))


# --- Whom it names ---


def test_every_part_of_the_name_counts() -> None:
    wrong = replace(REQUEST, organisation="CH DE LENS ET ENVIRONS")
    assert identity(NATIONAL.issue(wrong, key=KEY)).dn != dn.key(LISTED)
    assert identity(NATIONAL.issue(replace(REQUEST, structure="1620100686"), key=KEY)).dn != dn.key(LISTED)


def test_a_wildcard_is_just_another_name() -> None:
    wild = identity(NATIONAL.issue(REQUEST, key=KEY, subject=named("*.ch-lens.mssante.test"), names=[HOST]))
    assert wild.dn != dn.key(LISTED)


@pytest.mark.parametrize("kind", [_ASN1Type.UTF8String, _ASN1Type.BMPString, _ASN1Type.T61String])
def test_one_name_in_another_encoding_is_the_same_name(kind: _ASN1Type) -> None:
    assert identity(NATIONAL.issue(REQUEST, key=KEY, subject=named(kind=kind))).dn == dn.key(LISTED)


@pytest.mark.parametrize(
    "cn",
    [f"{HOST}\0.intruder.test", f"{HOST}\n", f"{HOST}\u200b", f"\u202e{HOST}", f"\u2028{HOST}"],
    ids=["NUL", "line feed", "zero width", "right to left", "line separator"],
)
def test_what_a_person_cannot_see_makes_a_name_unusable(cn: str) -> None:
    assert proven(NATIONAL.issue(REQUEST, key=KEY, subject=named(cn))) is reasons.UNUSABLE_SUBJECT


@pytest.mark.parametrize(
    "value",
    [b"\x0c\x0aCH DE LEN\xff", b"\x14\x0aCH DE LEN\xe9"],
    ids=["no UTF-8", "Teletex beyond ASCII"],
)
def test_a_name_that_is_no_text_is_unusable(value: bytes) -> None:
    bad = tampered(VALID.leaf_der(), NATIONAL.issuing, b"\x0c\x0aCH DE LENS", value)
    assert proven(bad) is reasons.UNUSABLE_SUBJECT


def test_a_name_in_broken_utf16_proves_nobody() -> None:
    broken = b"\x1e\x0a\xd8\x00\xd8\x00CH\xd8\x00DE"
    found = proven(tampered(VALID.leaf_der(), NATIONAL.issuing, b"\x0c\x0aCH DE LENS", broken))
    assert found in (reasons.UNUSABLE_SUBJECT, reasons.UNREADABLE_CERTIFICATE)  # as early as cryptography looks


def test_nobody_is_not_a_name() -> None:
    assert proven(signed(NATIONAL.issuing, KEY, subject=x509.Name([]))) is reasons.UNUSABLE_SUBJECT


# --- Odd content, well signed ---

SERIAL = VALID.leaf.serial_number.to_bytes(20, "big")


@pytest.mark.filterwarnings("ignore:Parsed a")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x02\x14" + SERIAL, b"\x02\x14\xff" + SERIAL[1:]),
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"),
        (b"\x01\x01\xff\x04\x02\x30\x00", b"\x01\x01\xff\x04\x02\x31\x00"),
    ],
    ids=["negative serial number", "version 8", "broken extension"],
)
def test_content_that_breaks_the_rules_is_unreadable(old: bytes, new: bytes) -> None:
    if old not in VALID.leaf_der():  # the serial number happened to be shorter
        old, new = (part.replace(b"\x02\x14", b"\x02\x13").replace(SERIAL, SERIAL[1:]) for part in (old, new))
    assert proven(tampered(VALID.leaf_der(), NATIONAL.issuing, old, new)) is reasons.UNREADABLE_CERTIFICATE


def test_an_unknown_curve_is_unreadable() -> None:
    der = signed(NATIONAL.issuing, ec.generate_private_key(ec.SECP256R1()))
    curve = bytes.fromhex("06082a8648ce3d030107")
    assert proven(tampered(der, NATIONAL.issuing, curve, curve[:-1] + b"\x7f")) is reasons.UNREADABLE_CERTIFICATE


def test_a_critical_extension_that_nobody_here_understands_is_not_passed_over() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    assert proven(signed(NATIONAL.issuing, KEY, [(unknown, True)])) is reasons.UNREADABLE_CERTIFICATE
    identity(signed(NATIONAL.issuing, KEY, [(unknown, False)]))


@pytest.mark.parametrize("junk", [b"", b"0", b"\x30\x80", b"-----BEGIN CERTIFICATE-----", b"<html>", bytes(2000)])
def test_what_is_no_certificate_is_unreadable(junk: bytes) -> None:
    assert proven(junk) is reasons.UNREADABLE_CERTIFICATE


def test_a_certificate_of_a_megabyte_is_refused_unread() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName(f"host-{n:06}.mssante.test") for n in range(42_000)])
    der = signed(NATIONAL.issuing, KEY, [(names, False)])
    assert len(der) > 1 << 20 > LARGEST
    assert proven(der) is reasons.UNREADABLE_CERTIFICATE


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(VALID.leaf_der()) - 1), put=st.binary(min_size=0, max_size=3), cut=st.integers(0, 3))
def test_no_altered_certificate_proves_anything_else(at: int, put: bytes, cut: int) -> None:
    der = VALID.leaf_der()
    found = proven(der[:at] + put + der[at + cut :])
    assert isinstance(found, Reason) or found == proven(der)


# --- Revocation ---


def revocation(authority: Standing = Standing.GOOD, leaf: Standing = Standing.GOOD) -> Known:
    root = HELD.roots[0].key
    told = {(root, NATIONAL.issuing.leaf.serial_number): authority, (ISSUER, VALID.leaf.serial_number): leaf}
    return Known(told)


@pytest.mark.parametrize(
    ("authority", "leaf", "expected"),
    [
        (Standing.GOOD, Standing.REVOKED, reasons.REVOKED),
        (Standing.GOOD, Standing.UNKNOWN, reasons.REVOCATION_UNKNOWN),
        (Standing.REVOKED, Standing.GOOD, reasons.REVOKED),
        (Standing.UNKNOWN, Standing.GOOD, reasons.REVOCATION_UNKNOWN),
        (Standing.UNKNOWN, Standing.REVOKED, reasons.REVOKED),
        (Standing.REVOKED, Standing.UNKNOWN, reasons.REVOKED),
    ],
)
def test_the_whole_chain_must_be_known_good(authority: Standing, leaf: Standing, expected: Reason) -> None:
    assert proven(VALID, known=revocation(authority, leaf)) is expected


def test_a_fault_of_the_certificate_is_told_before_that_revocation_is_unknown() -> None:
    unknown = Known(otherwise=Standing.UNKNOWN)
    assert proven(VALID, known=unknown, now=VALID.leaf.not_valid_after_utc + DAY) is reasons.EXPIRED
    assert proven(Authority.create(OTHER).issue(REQUEST, key=KEY), known=unknown) is reasons.FOREIGN_AUTHORITY


def test_a_token_that_cannot_be_forged_back_carries_no_odd_serial() -> None:
    der = VALID.leaf.public_bytes(Encoding.DER)
    found = identity(der)
    assert 0 < found.serial < 1 << 160
