"""Port 25 as strangers find it: only operators proven by certificate are listened to."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path

import pytest

from vaguemestre.establishment import Host
from vaguemestre.verify.correspondent import Smtp
from vaguemestre.verify.site import Site
from vaguemestre.verify.stranger import stranger

pytestmark = pytest.mark.usefixtures("site")

REFUSED = range(400, 600)
WEAK = ("AES128-SHA256", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256", "NULL-SHA256")


def trusting(certificate: Path | None = None) -> ssl.SSLContext:
    """A client that believes everybody, so that only the server's decision is seen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate)
    return context


def answers(session: smtplib.SMTP, sender: str, recipient: str) -> tuple[int, str]:
    """The last answer to a transaction up to RCPT, or to whatever ended the session before."""
    try:
        session.ehlo()
        code, text = session.mail(sender)
        if code == 250:
            code, text = session.rcpt(recipient)
    except (smtplib.SMTPServerDisconnected, ssl.SSLError, ConnectionError) as ended:
        return 421, str(ended)
    return code, text.decode(errors="replace")


@pytest.mark.requirement(16, 23)
def test_no_tls(site: Site, edge: Host) -> None:
    """A server that does not encrypt is refused."""
    with Smtp(str(edge.address), edge.name, 25) as session:
        code, text = answers(session, "a@outside.example", f"postmaster@{site.domain}")
    assert code in REFUSED, f"mail in clear is answered {code} {text}"
    assert "VGM-101" in text, f"the text does not name the reason: {text}"


@pytest.mark.requirement(23)
def test_no_certificate(site: Site, edge: Host) -> None:
    """A server without a certificate is refused."""
    with Smtp(str(edge.address), edge.name, 25) as session:
        session.starttls(context=trusting())
        code, text = answers(session, "a@outside.example", f"postmaster@{site.domain}")
    assert code in REFUSED, f"a client without certificate is answered {code} {text}"
    assert "VGM-102" in text, f"the text does not name the reason: {text}"


@pytest.mark.requirement(17, 23)
def test_foreign_authority(site: Site, edge: Host, tmp_path: Path) -> None:
    """A server whose certificate comes from another authority is refused, whatever name it bears."""
    certificate = stranger(tmp_path, common_name=edge.name)
    with Smtp(str(edge.address), edge.name, 25) as session:
        session.starttls(context=trusting(certificate))
        code, text = answers(session, f"a@{site.domain}", f"postmaster@{site.domain}")
    assert code in REFUSED, f"a certificate of nobody's is answered {code} {text}"
    assert "VGM-104" in text, f"the text does not name the reason: {text}"


@pytest.mark.requirement(27)
def test_no_relay(site: Site, edge: Host) -> None:
    """The edge relays nothing for strangers."""
    with Smtp(str(edge.address), edge.name, 25) as session:
        session.starttls(context=trusting())
        code, text = answers(session, f"postmaster@{site.domain}", "a@outside.example")
    assert code in REFUSED, f"relaying is answered {code} {text}"


def test_no_address_harvesting(site: Site, edge: Host) -> None:
    """VRFY and EXPN tell strangers nothing."""
    with Smtp(str(edge.address), edge.name, 25) as session:
        session.ehlo()
        assert session.verify(f"postmaster@{site.domain}")[0] not in (250, 251, 252)
        assert session.expn("postmaster")[0] not in (250, 251, 252)


@pytest.mark.requirement(28)
def test_old_tls(edge: Host) -> None:
    """TLS 1.1 and older are refused between operators."""
    old = trusting()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        Smtp(str(edge.address), edge.name, 25) as session,
        pytest.raises((ssl.SSLError, smtplib.SMTPException, OSError)),
    ):
        session.starttls(context=old)


@pytest.mark.requirement(28)
@pytest.mark.parametrize("suite", WEAK)
def test_weak_suite(edge: Host, suite: str) -> None:
    """The TLS suite {suite}, without forward secrecy or authenticated encryption, is refused between operators."""
    weak = trusting()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers(f"{suite}:@SECLEVEL=0")
    with (
        Smtp(str(edge.address), edge.name, 25) as session,
        pytest.raises((ssl.SSLError, smtplib.SMTPException, OSError)),
    ):
        session.starttls(context=weak)


@pytest.mark.requirement(28)
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_good_tls(edge: Host, version: str) -> None:
    """{version} is spoken between operators, with forward secrecy."""
    good = trusting()
    good.minimum_version = good.maximum_version = ssl.TLSVersion[version]
    with Smtp(str(edge.address), edge.name, 25) as session:
        session.starttls(context=good)
        assert isinstance(session.sock, ssl.SSLSocket)
        name, _, _ = session.sock.cipher() or ("none", "", 0)
    assert "ECDHE" in name or version == "TLSv1_3"  # which has no other key exchange
