"""A signed document says whose it is; with one byte changed, or by anybody else, it says nothing."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from unit.pki.desk import REQUEST, authority, key

from roles import pki
from vaguemestre.host import sign
from vaguemestre.pki.authority import Authority
from vaguemestre.pki.keys import Issued
from vaguemestre.pki.profiles import OTHER
from vaguemestre.reports.signature import NotAskedError, SignatureError, check

DOCUMENT = "<p>Évreux, vérifié\r\n\x00</p>\n".encode()


@dataclass(frozen=True)
class Desk:
    """A document, its signature and the anchors of those who check it, as files."""

    folder: Path

    @property
    def document(self) -> Path:
        return self.folder / "report.html"

    @property
    def signature(self) -> Path:
        return self.folder / "report.html.p7s"

    @property
    def anchors(self) -> Path:
        return self.folder / "anchors.pem"

    def sign(self, issued: Issued, document: bytes = DOCUMENT) -> None:
        self.document.write_bytes(document)
        self.signature.write_bytes(sign.signed(document, issued.chain_pem(), issued.key_pem()))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    one = Desk(tmp_path)
    one.anchors.write_bytes(authority().anchors_pem())
    one.sign(ours())
    return one


@cache
def ours() -> Issued:
    return authority().issue(REQUEST, key=key(1))


@cache
def strangers() -> Issued:
    return Authority.create(OTHER).issue(REQUEST, key=key(1))


def checked(desk: Desk) -> None:
    check(desk.document, desk.signature, desk.anchors)


def test_a_document_says_who_signed_it_and_when(desk: Desk) -> None:
    found = check(desk.document, desk.signature, desk.anchors)
    assert "O=Clinique Pasteur" in found.signer.subject
    assert "TEST AC IGC-SANTE" in found.signer.issuer
    assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert not found.expired(datetime.now(UTC))
    assert found.expired(found.signer.ends + timedelta(seconds=1))


def test_the_check_that_the_manual_gives_says_the_same(desk: Desk) -> None:
    words = (
        f"openssl cms -verify -binary -inform DER -in {desk.signature} -content {desk.document} "
        f"-CAfile {desk.anchors} -no-CApath -no-CAstore -purpose any -out /dev/null"
    )
    assert subprocess.run(words.split(), capture_output=True, check=False).returncode == 0
    desk.document.write_bytes(DOCUMENT + b" ")
    assert subprocess.run(words.split(), capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("at", [0, len(DOCUMENT) // 2, len(DOCUMENT) - 1])
def test_one_byte_changed_is_refused(desk: Desk, at: int) -> None:
    changed = bytearray(DOCUMENT)
    changed[at] ^= 1
    desk.document.write_bytes(changed)
    with pytest.raises(SignatureError, match=r"not what was signed.*\n.*content verify error"):
        checked(desk)


def test_line_ends_are_bytes_too(desk: Desk) -> None:
    desk.document.write_bytes(DOCUMENT.replace(b"\r\n", b"\n"))
    with pytest.raises(SignatureError):
        checked(desk)


def test_the_same_name_by_another_authority_is_refused(desk: Desk) -> None:
    desk.sign(strangers())
    with pytest.raises(SignatureError, match=r"not trusted.*\n.*unable to get"):
        checked(desk)


def test_another_key_under_the_right_certificate_does_not_sign(desk: Desk) -> None:
    with pytest.raises(sign.SignError, match="does not belong"):
        sign.signed(DOCUMENT, ours().chain_pem(), key_pem(2))


def key_pem(number: int) -> bytes:
    return authority().issue(REQUEST, key=key(number)).key_pem()


def test_a_certificate_that_had_expired_before_is_refused(desk: Desk) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    desk.sign(authority().issue(REQUEST, key=key(1), not_before=past - timedelta(days=9), not_after=past))
    with pytest.raises(SignatureError, match="expired"):
        checked(desk)


def test_a_signature_from_the_future_is_refused(desk: Desk) -> None:
    with pytest.raises(SignatureError, match="in the future"):
        check(desk.document, desk.signature, desk.anchors, now=datetime.now(UTC) - timedelta(days=1))


@pytest.mark.parametrize("signature", [b"", b"0\x80", b"-----BEGIN CMS-----\n", DOCUMENT * 9])
def test_what_is_no_signature_is_refused(desk: Desk, signature: bytes) -> None:
    desk.signature.write_bytes(signature)
    with pytest.raises(SignatureError, match="no detached signature"):
        checked(desk)


def test_a_document_without_its_signature_is_told(desk: Desk) -> None:
    desk.signature.unlink()
    with pytest.raises(NotAskedError, match=r"report\.html\.p7s"):
        checked(desk)


def test_the_host_signs_with_the_certificate_that_role_pki_brings() -> None:
    assert (str(sign.CHAIN), str(sign.KEY)) == (pki.CHAIN, pki.KEY)
