"""A revocation list is believed when one of the authorities held signed it, in date and whole; then for its time."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from strangers import NOW

from vaguemestre.host.trust.authorities import authorities
from vaguemestre.host.trust.revocation import (
    LARGEST,
    SKEW,
    RevocationError,
    RevocationList,
    crl,
    newer,
    next_fetch,
    standing,
    wait,
)
from vaguemestre.host.trust.values import Standing
from vaguemestre.pki.authority import Authority, Issued
from vaguemestre.pki.profiles import OTHER

NATIONAL = Authority.create()
HELD = authorities(NATIONAL.anchors_pem())
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GRACE = 4 * HOUR
PAGE = b"<!DOCTYPE html><html><title>Request Rejected</title></html>"


def read(data: bytes) -> RevocationList:
    return crl(data, HELD, NOW)


def refusal(data: bytes) -> str:
    with pytest.raises(RevocationError) as caught:
        read(data)
    assert caught.value.slug in RevocationError.SLUGS
    return caught.value.slug


# --- Which list is believed ---


def test_a_list_names_its_author_and_who_is_revoked() -> None:
    found = read(NATIONAL.crl([17, 23]))
    assert found.issuer == HELD.issuing[0].key
    assert found.serials == {17, 23}
    assert found.number > 0
    assert found.next_update - found.this_update == timedelta(days=7)


def test_the_roots_list_is_about_authorities() -> None:
    found = read(NATIONAL.root_crl([NATIONAL.issuing.leaf.serial_number]))
    assert found.issuer == HELD.roots[0].key
    assert found.standing(NATIONAL.issuing.leaf.serial_number, NOW, GRACE) is Standing.REVOKED


def test_pem_is_read_as_well_as_der() -> None:
    der = NATIONAL.crl([5])
    assert read(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)) == read(der)


@pytest.mark.parametrize("data", [b"", PAGE, b"0", b"\x30\x82\x07\x40", NATIONAL.issuing.leaf_der()])
def test_what_is_no_list_is_told_from_one(data: bytes) -> None:
    assert refusal(data) == "not_a_crl"


def test_the_page_of_a_firewall_is_shown_by_its_first_words() -> None:
    with pytest.raises(RevocationError, match=r"DOCTYPE html.*firewall"):
        read(PAGE)


def test_a_list_cut_short_or_drawn_out_is_none() -> None:
    der = NATIONAL.crl([17])
    assert refusal(der[:-1]) == refusal(der + b"\0") == "not_a_crl"


def test_a_list_without_end_is_not_read() -> None:
    assert refusal(bytes(LARGEST + 1)) == "not_a_crl"


def test_the_list_of_an_authority_not_held_is_refused() -> None:
    assert refusal(Authority.create(OTHER).crl()) == "wrong_issuer"


def test_a_list_in_the_name_of_an_authority_held_needs_its_key() -> None:
    assert refusal(Authority.create().crl()) == "bad_signature"


SAMPLE = NATIONAL.crl([17, 23, 42])


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(SAMPLE) - 1), bits=st.integers(1, 255))
def test_no_altered_list_says_anything_else(at: int, bits: int) -> None:
    """One byte is nobody's: how many bits of the signature's last one are unused."""
    der = bytearray(SAMPLE)
    der[at] ^= bits
    with suppress(RevocationError):
        assert read(bytes(der)) == read(SAMPLE)


def test_a_list_of_tomorrow_or_of_last_week_is_refused() -> None:
    assert refusal(NATIONAL.crl(published=NOW + HOUR, until=NOW + DAY)) == "not_yet"
    assert refusal(NATIONAL.crl(published=NOW - DAY, until=NOW - HOUR)) == "outdated"


def test_a_source_whose_clock_is_a_little_ahead_is_believed() -> None:
    read(NATIONAL.crl(published=NOW + SKEW / 2, until=NOW + DAY))


def test_with_nothing_better_a_list_within_its_grace_may_be_taken() -> None:
    late = NATIONAL.crl([17], published=NOW - DAY, until=NOW - HOUR)
    assert crl(late, HELD, NOW, grace=GRACE).serials == {17}


# --- A list that is only part of the truth ---


def made(
    *extensions: tuple[x509.ExtensionType, bool], entry: x509.ExtensionType | None = None, author: Issued | None = None
) -> bytes:
    author = author or NATIONAL.issuing
    builder = x509.CertificateRevocationListBuilder().issuer_name(author.leaf.subject)
    builder = builder.last_update(NOW - HOUR).next_update(NOW + DAY)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    revoked = x509.RevokedCertificateBuilder().serial_number(17).revocation_date(NOW - HOUR)
    revoked = revoked.add_extension(entry, critical=True) if entry else revoked
    builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(author.key, hashes.SHA256()).public_bytes(Encoding.DER)


def scope(**different: object) -> tuple[x509.ExtensionType, bool]:
    point = {
        "full_name": [x509.UniformResourceIdentifier("http://igc-sante.world.test/CRL/x.crl")],
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**point, **different}), True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "extension",
    [
        (x509.DeltaCRLIndicator(1), True),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"), True),
        scope(only_contains_ca_certs=True),
        scope(only_contains_attribute_certs=True, full_name=None),
        scope(indirect_crl=True),
        scope(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})),
    ],
    ids=["delta", "unknown", "authorities only", "attributes only", "of others too", "some reasons"],
)
def test_a_list_that_leaves_somebody_out_is_not_used(extension: tuple[x509.ExtensionType, bool]) -> None:
    assert refusal(made(extension)) == "unsupported"


def test_a_roots_list_of_users_only_is_not_used() -> None:
    assert refusal(made(scope(only_contains_user_certs=True), author=NATIONAL.root)) == "unsupported"


def test_a_list_of_all_operators_may_say_so() -> None:
    assert read(made(scope())).serials == read(made(scope(only_contains_user_certs=True))).serials == {17}
    assert read(made()).number == 0


def test_an_entry_of_another_issuer_spoils_the_list() -> None:
    other = x509.CertificateIssuer([x509.DirectoryName(NATIONAL.root.leaf.subject)])
    assert refusal(made(entry=other)) == "unsupported"


# --- For how long it counts ---


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (-SKEW - HOUR, Standing.UNKNOWN),
        (timedelta(0), Standing.GOOD),
        (7 * DAY, Standing.GOOD),
        (7 * DAY + GRACE, Standing.GOOD),
        (7 * DAY + GRACE + timedelta(seconds=1), Standing.UNKNOWN),
        (400 * DAY, Standing.UNKNOWN),
    ],
    ids=["before it was made", "new", "at its end", "at the end of the grace", "after it", "long after it"],
)
def test_good_ends_with_the_grace_and_revoked_never(age: timedelta, expected: Standing) -> None:
    found = read(NATIONAL.crl([17], published=NOW, until=NOW + 7 * DAY))
    assert found.standing(18, found.this_update + age, GRACE) is expected
    assert found.standing(17, found.this_update + age, GRACE) is Standing.REVOKED


def test_without_grace_a_list_ends_with_its_date() -> None:
    nothing, second = timedelta(0), timedelta(seconds=1)
    assert standing(False, NOW, NOW + DAY, NOW + DAY, nothing) is Standing.GOOD
    assert standing(False, NOW, NOW + DAY, NOW + DAY + second, nothing) is Standing.UNKNOWN


def test_an_older_list_never_replaces_a_newer_one() -> None:
    new = read(NATIONAL.crl([17], published=NOW - HOUR, until=NOW + DAY))
    old = read(NATIONAL.crl([], published=NOW - 2 * HOUR, until=NOW + DAY))
    assert newer(None, old) == old
    assert newer(old, new) == newer(new, new) == new
    with pytest.raises(RevocationError, match="older than number") as caught:
        newer(new, old)
    assert caught.value.slug == "older"


# --- When to ask again ---

HELD_LIST = read(NATIONAL.crl(published=NOW - HOUR, until=NOW + 2 * DAY))


def test_a_source_that_fails_is_left_alone_for_longer_and_longer_up_to_half_an_hour() -> None:
    waits = [wait(failures).total_seconds() for failures in range(1, 10)]
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert wait(10_000) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("asked", "failures", "later", "due"),
    [
        (None, 0, timedelta(0), timedelta(0)),
        (NOW, 0, timedelta(0), HOUR),
        (NOW, 1, timedelta(0), timedelta(seconds=30)),
        (NOW, 5, timedelta(0), timedelta(minutes=8)),
        (NOW + DAY, 0, timedelta(0), timedelta(0)),
    ],
    ids=["never asked", "all well", "failed", "failed five times", "asked in the future"],
)
def test_the_next_fetch_is_due(asked: object, failures: int, later: timedelta, due: timedelta) -> None:
    assert next_fetch(HELD_LIST, asked, failures, HOUR, NOW + later) == NOW + due  # type: ignore[arg-type]


def test_the_successor_is_looked_for_before_the_list_ends() -> None:
    ending = HELD_LIST.next_update - HOUR
    asked = ending - timedelta(minutes=5)
    assert next_fetch(HELD_LIST, asked, 0, DAY, asked) == ending
    assert next_fetch(HELD_LIST, ending, 0, DAY, ending) == ending + timedelta(minutes=30)


@given(
    minutes=st.integers(0, 20_000),
    failures=st.integers(0, 50),
    every=st.integers(5, 1440),
    holds=st.booleans(),
)
def test_a_source_is_never_asked_twice_within_half_a_minute(
    minutes: int, failures: int, every: int, holds: bool
) -> None:
    asked = NOW + timedelta(minutes=minutes)
    due = next_fetch(HELD_LIST if holds else None, asked, failures, timedelta(minutes=every), asked)
    assert timedelta(seconds=30) <= due - asked <= max(timedelta(minutes=every), timedelta(minutes=30))
