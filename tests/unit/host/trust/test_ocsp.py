"""An OCSP answer counts when its author may speak for the authority, about this certificate, now; else UNKNOWN."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509 import ocsp as wire
from hypothesis import given, settings
from hypothesis import strategies as st
from strangers import DAY, NOW, REQUEST, Known

from vaguemestre.host.trust.authorities import authorities
from vaguemestre.host.trust.ocsp import LARGEST, Answer, answer, request
from vaguemestre.host.trust.values import Standing
from vaguemestre.pki import responder
from vaguemestre.pki.authority import Authority, Issued
from vaguemestre.pki.responder import Voice

NATIONAL = Authority.create()
HELD = authorities(NATIONAL.anchors_pem())
ISSUING, ROOT = HELD.issuing[0], HELD.roots[0]
RESPONDER = NATIONAL.issue_responder()
GOOD, BAD = 17, 23
NATIONAL.revoke(BAD, NOW - DAY)
HOUR = timedelta(hours=1)


def said(der: bytes, serial: int = GOOD, now: datetime = NOW, **more: object) -> Answer:
    return answer(der, ISSUING, serial, now, **more)  # type: ignore[arg-type]


def spoken(
    speaker: Issued = RESPONDER,
    *,
    serial: int = GOOD,
    at: datetime = NOW,
    nonce: bytes | None = None,
) -> bytes:
    """What this responder answers about a certificate of the issuing authority."""
    voice = Voice(NATIONAL.issuing.leaf, speaker.leaf, speaker.key)
    return responder.answer(request(ISSUING, serial, nonce), {voice: NATIONAL.revoked.known}, at)


@pytest.mark.parametrize(("serial", "expected"), [(GOOD, Standing.GOOD), (BAD, Standing.REVOKED)])
def test_the_authoritys_responder_is_believed(serial: int, expected: Standing) -> None:
    found = said(NATIONAL.ocsp_answer(request(ISSUING, serial), at=NOW), serial)
    assert (found.standing, found.why) == (expected, "")
    assert NOW < found.until <= NOW + HOUR


def test_the_root_answers_for_its_authorities() -> None:
    serial = NATIONAL.issuing.leaf.serial_number
    der = NATIONAL.ocsp_answer(request(ROOT, serial), at=NOW)
    assert answer(der, ROOT, serial, NOW).standing is Standing.GOOD
    assert answer(der, ISSUING, serial, NOW).standing is Standing.UNKNOWN


def test_the_authority_itself_may_answer() -> None:
    assert said(spoken(NATIONAL.issuing)).standing is Standing.GOOD


@pytest.mark.parametrize(
    "speaker",
    [
        NATIONAL.issue(REQUEST),
        Authority.create().issue_responder(),
        NATIONAL.issue_responder("root"),
        NATIONAL.root,
    ],
    ids=["an operator", "another authority's responder", "the root's responder", "the root"],
)
def test_nobody_else_may(speaker: Issued) -> None:
    found = said(spoken(speaker))
    assert found.standing is Standing.UNKNOWN
    assert "nobody who may answer" in found.why


def test_a_responder_that_ended_or_was_revoked_says_nothing() -> None:
    end = RESPONDER.leaf.not_valid_after_utc + HOUR
    assert said(spoken(at=end), now=end).standing is Standing.UNKNOWN
    revoked = Known({(ISSUING.key, RESPONDER.leaf.serial_number): Standing.REVOKED})
    assert said(spoken(), revocations=revoked).standing is Standing.UNKNOWN
    assert said(spoken(), revocations=Known(otherwise=Standing.UNKNOWN)).standing is Standing.GOOD


@pytest.mark.parametrize("age", [timedelta(minutes=-30), 2 * HOUR], ids=["of the future", "ended"])
def test_an_answer_out_of_date_says_nothing(age: timedelta) -> None:
    found = said(spoken(at=NOW - age))
    assert found.standing is Standing.UNKNOWN
    assert "holds from" in found.why


def test_an_answer_about_another_certificate_says_nothing() -> None:
    assert "another certificate" in said(spoken(serial=BAD), GOOD).why


def test_a_nonce_must_come_back_when_it_comes() -> None:
    asked, other = b"0123456789abcdef", b"fedcba9876543210"
    assert said(spoken(nonce=asked), nonce=asked).standing is Standing.GOOD
    assert said(spoken(), nonce=asked).standing is Standing.GOOD  # answers made ahead have none (RFC 5019 section 4)
    assert "another question" in said(spoken(nonce=other), nonce=asked).why


def test_a_responder_that_declines_says_nothing() -> None:
    refused = responder.answer(request(ISSUING, GOOD), {}, NOW)
    assert said(refused).why.endswith("unauthorized")
    assert said(responder.answer(b"no question", {}, NOW)).why.endswith("malformed_request")


@pytest.mark.parametrize("junk", [b"", b"<html>403</html>", b"\x30\x03\x0a\x01\x00", bytes(LARGEST + 1)])
def test_what_is_no_answer_says_nothing(junk: bytes) -> None:
    found = said(junk)
    assert found.standing is Standing.UNKNOWN
    assert found.why


SAMPLE = spoken(serial=BAD)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(SAMPLE) - 1), bits=st.integers(1, 255))
def test_no_altered_answer_makes_a_revoked_certificate_good(at: int, bits: int) -> None:
    der = bytearray(SAMPLE)
    der[at] ^= bits
    assert said(bytes(der), BAD).standing is not Standing.GOOD


def test_a_question_names_the_certificate_and_nothing_else() -> None:
    asked = wire.load_der_ocsp_request(request(ISSUING, GOOD))
    assert asked.serial_number == GOOD
    assert list(asked.extensions) == []
    with_nonce = wire.load_der_ocsp_request(request(ISSUING, GOOD, b"0123456789abcdef"))
    assert with_nonce.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"0123456789abcdef"
