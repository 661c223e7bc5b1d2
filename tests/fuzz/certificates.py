"""Certificates, revocation lists and OCSP answers: altered by strangers, or odd and well signed all the same."""

from __future__ import annotations

import unicodedata
import warnings
from random import Random

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp as wire

from fuzz.authority import KEY, NOW, OPERATOR_KEY, answered, held, sealed
from fuzz.fuzzer import Fuzzer, mutated, seeds
from vaguemestre.host.trust import ocsp
from vaguemestre.host.trust.certificate import Use, prove
from vaguemestre.host.trust.reasons import Reason
from vaguemestre.host.trust.revocation import RevocationError, crl
from vaguemestre.host.trust.values import Identity, IssuerKey, Standing

HELD = held()
SERIAL = 17  # what the answers are about

_WORDS = tuple(
    bytes.fromhex(word)
    for word in (
        "0500", "0101ff", "010100", "020100", "0201ff", "3000", "3100",
        "021500ffffffffffffffffffffffffffffffffffffffff",
        "0603550403", "0603551d25", "0603551d0f", "0603551d13", "06082b06010505070301", "06082b06010505070302",
        "0c00",
        "0c0100", "1e02d800", "14021be9", "1c0400110000", "1302402a", "0c03e2808b", "170d3439313233313233353935395a",
        "180f39393939313233313233353935395a", "a003020107", "a0030201ff", "30820000", "3080", "0000", "0382ffff",
    )
)  # fmt: skip


class _Good:
    """Nobody was revoked."""

    def standing(self, issuer: IssuerKey, serial: int, now: object) -> Standing:
        return Standing.GOOD


def _odd(draw: Random, tbs: bytes) -> bytes:
    """Mostly with every length as it was, for otherwise hardly anything gets past the first look."""
    if draw.random() < 0.3:
        return mutated(draw, tbs, _WORDS)
    odd = bytearray(tbs)
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = draw.randrange(len(odd))
        piece = draw.choice(_WORDS) if draw.random() < 0.3 else bytes([draw.randrange(256)])
        odd[at : at + len(piece)] = piece[: len(odd) - at]
    return bytes(odd)


def make_certificate(draw: Random) -> bytes:
    seed = draw.choice(seeds("certificates"))
    if draw.random() < 0.3:
        return mutated(draw, seed, _WORDS)
    return sealed(_odd(draw, x509.load_der_x509_certificate(seed).tbs_certificate_bytes))


def check_certificate(case: bytes) -> str:
    warnings.simplefilter("ignore")  # about serial numbers: what strangers send has any
    words = set()
    for use in Use:
        found = prove(case, HELD, _Good(), NOW, use)
        words.add(found.name if isinstance(found, Reason) else _proven(found, case))
    return " or ".join(sorted(words))


def _proven(identity: Identity, case: bytes) -> str:
    """Looked at again by other means."""
    certificate = x509.load_der_x509_certificate(case)
    KEY.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    assert certificate.not_valid_before_utc <= NOW <= certificate.not_valid_after_utc
    assert Identity.parse(identity.token) == identity
    assert identity.serial == certificate.serial_number
    return "proven"


def make_list(draw: Random) -> bytes:
    seed = draw.choice(seeds("revocation_lists"))
    if draw.random() < 0.3:
        return mutated(draw, seed, _WORDS)
    return sealed(_odd(draw, x509.load_der_x509_crl(seed).tbs_certlist_bytes))


def check_list(case: bytes) -> str:
    try:
        found = crl(case, HELD, NOW)
    except RevocationError as error:
        return _refused(error)
    parsed = x509.load_der_x509_crl(case)
    KEY.public_key().verify(parsed.signature, parsed.tbs_certlist_bytes, ec.ECDSA(hashes.SHA256()))
    assert found.this_update <= found.next_update or found.standing(1, NOW, NOW - NOW) is Standing.UNKNOWN
    return "taken"


def fit_for_log(text: str) -> bool:
    """As `dn.text_of` writes names: nothing unseen in it. Blanks of any width are text, unlike for `isprintable`."""
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)


def _refused(error: RevocationError) -> str:
    assert error.slug in RevocationError.SLUGS
    assert fit_for_log(str(error)), "unfit for a log"
    return error.slug


def make_answer(draw: Random) -> bytes:
    if draw.random() < 0.5:
        return mutated(draw, draw.choice(seeds("ocsp_answers")), _WORDS)
    seed = draw.choice(seeds("ocsp_answers", "answer-*"))
    return answered(sealed(_odd(draw, wire.load_der_ocsp_response(seed).tbs_response_bytes)))


def check_answer(case: bytes) -> str:
    found = ocsp.answer(case, HELD.issuing[0], SERIAL, NOW)
    assert fit_for_log(found.why), "unfit for a log"
    if found.standing is not Standing.UNKNOWN:
        response = wire.load_der_ocsp_response(case)
        assert any(_signed(response, key) for key in (KEY, OPERATOR_KEY)), "believed, though nobody signed it"
    return found.standing.value


def _signed(response: wire.OCSPResponse, key: ec.EllipticCurvePrivateKey) -> bool:
    try:
        key.public_key().verify(response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


CERTIFICATES = Fuzzer("certificates", make_certificate, check_certificate, share=20)
LISTS = Fuzzer("revocation_lists", make_list, check_list, share=10)
ANSWERS = Fuzzer("ocsp_answers", make_answer, check_answer, share=10)
