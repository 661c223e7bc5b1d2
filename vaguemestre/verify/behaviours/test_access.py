"""How professionals reach their mailbox: TLS first, then a password; nothing else."""

from __future__ import annotations

import imaplib
import smtplib
import ssl

import pytest

from vaguemestre.verify.correspondent import Correspondent, Smtp, client_context
from vaguemestre.verify.site import Site


@pytest.mark.requirement(43)
def test_submission_in_clear(site: Site) -> None:
    """Submission offers no password login before TLS, and takes no mail."""
    with Smtp(site.ip, site.host.name, 587) as session:
        session.ehlo()
        assert not session.has_extn("auth"), "AUTH is offered in clear"
        code, _ = session.docmd("MAIL", f"FROM:<postmaster@{site.domain}>")
        assert code == 530, f"MAIL in clear is answered {code}"


@pytest.mark.requirement(44)
def test_imap_in_clear(site: Site) -> None:
    """IMAP refuses a login before TLS."""
    with imaplib.IMAP4(site.ip, 143, timeout=20) as session:
        assert "LOGINDISABLED" in session.capabilities
        with pytest.raises(imaplib.IMAP4.error):
            session.login(f"postmaster@{site.domain}", "peu importe")


@pytest.mark.requirement(44)
def test_imaps(site: Site, probe: Correspondent) -> None:
    """IMAP over TLS on port 993 serves the same mailbox."""
    with ssl.create_default_context(cafile=str(site.anchors)).wrap_socket(
        site.connect(993), server_hostname=site.host.name
    ) as tls:
        greeting = tls.recv(512)
        tls.sendall(f'a LOGIN "{probe.address}" "{probe.password}"\r\n'.encode())
        answer = tls.recv(2048)
    assert greeting.startswith(b"* OK")
    assert b"a OK" in answer, f"login answered {answer!r}"


def test_wrong_password(site: Site, probe: Correspondent) -> None:
    """A wrong password opens neither the mailbox nor submission."""
    with Smtp(site.ip, site.host.name, 587) as session:
        session.starttls(context=client_context(site.anchors))
        with pytest.raises(smtplib.SMTPAuthenticationError):
            session.login(probe.address, "faux-" + probe.password)


@pytest.mark.requirement(27)
def test_submission_without_login(probe: Correspondent) -> None:
    """Nobody submits mail without a login."""
    with probe.submission(login=False) as session:
        session.mail(probe.address)
        code, text = session.rcpt(probe.address)
        assert code in range(500, 560), f"a recipient without a login is answered {code} {text!r}"


@pytest.mark.requirement(28)
@pytest.mark.parametrize("port", [143, 587])
def test_old_tls(site: Site, port: int) -> None:
    """TLS 1.1 and older are refused on port {port}."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    session = Smtp(site.ip, site.host.name, 587) if port == 587 else imaplib.IMAP4(site.ip, 143, timeout=20)
    with pytest.raises((ssl.SSLError, ConnectionError, imaplib.IMAP4.error)):
        session.starttls(old) if isinstance(session, imaplib.IMAP4) else session.starttls(context=old)
