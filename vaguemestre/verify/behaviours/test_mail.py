"""Mail that is really sent and really read."""

from __future__ import annotations

import secrets
import smtplib

import pytest

from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.filters import filtering
from vaguemestre.verify.site import Site

MIB = 1024 * 1024


def test_own_staff(probe: Correspondent) -> None:
    """A message to a colleague of the same establishment arrives."""
    message_id = probe.send(probe.address, "Vérification : courrier interne")
    assert probe.wait_for(message_id)["Subject"] == "Vérification : courrier interne"


@pytest.mark.requirement(22, 29)
def test_to_a_peer(probe: Correspondent, peer: Correspondent) -> None:
    """A message to a professional of another operator arrives, and the peer knew by certificate who brought it."""
    message = peer.wait_for(probe.send(peer.address, "Vérification : vers un autre opérateur"))
    hops = [hop for hop in message.get_all("Received", []) if f"by {peer.host}" in hop and "from " in hop]
    # ESMTPA (RFC 3848): the edge names a peer to Postfix only when its certificate is proven, over TLS; a Postfix that
    # does TLS itself writes the certificate's name.
    assert any(" ESMTPA " in hop or "Client CN" in hop for hop in hops), "no hop shows who brought the message:\n" + (
        "\n".join(hops)
    )


@pytest.mark.requirement(22, 29)
def test_from_a_peer(probe: Correspondent, peer: Correspondent) -> None:
    """A message from a professional of another operator arrives."""
    probe.wait_for(peer.send(probe.address, "Vérification : depuis un autre opérateur"))


@pytest.mark.requirement(39, 40)
def test_headers_survive(probe: Correspondent, peer: Correspondent) -> None:
    """X-MSS headers and an XDM subject with accents reach the other operator untouched."""
    subject = "XDM/1.0/DDM+Compte rendu d'hospitalisation EXEMPLE Zoé 1980-01-01"
    message = peer.wait_for(probe.send(peer.address, subject, X_MSS_NIL="DST-0000", X_MSS_INS="N"))
    assert (message["Subject"], message["X-MSS-NIL"], message["X-MSS-INS"]) == (subject, "DST-0000", "N")


@pytest.mark.requirement(15)
def test_outside_recipient(probe: Correspondent) -> None:
    """Writing to somebody outside the trust space is refused at once, with a text that says why."""
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        probe.send("quelqu.un@outside.example", "Ne doit pas partir")
    code, text = refused.value.recipients["quelqu.un@outside.example"]
    assert code in range(550, 560), f"refused with {code}, which a client would try again"
    assert "VGM-208" in text.decode(errors="replace"), f"the text does not name the reason: {text!r}"


@pytest.mark.requirement(26)
def test_foreign_author(probe: Correspondent) -> None:
    """Nobody can write From another establishment's address in the header of a message."""
    letter = f"From: <direction@autre.mssante.test>\r\nTo: <{probe.address}>\r\nSubject: usurpation\r\n\r\nBonjour\r\n"
    with probe.submission() as session, pytest.raises(smtplib.SMTPDataError) as refused:
        session.sendmail(probe.address, probe.address, letter)
    assert "VGM-206" in str(refused.value.smtp_error), f"the text does not name the reason: {refused.value}"


@pytest.mark.requirement(70)
def test_forwarding_outside(probe: Correspondent) -> None:
    """A filter that forwards mail outside the trust space forwards nothing, and the message stays in the inbox."""
    with filtering(probe, 'redirect "quelqu.un@outside.example";'):
        probe.wait_for(probe.send(probe.address, "Vérification : reste ici"))


@pytest.mark.requirement(49)
def test_somebody_elses_address(probe: Correspondent) -> None:
    """Nobody can send under somebody else's address."""
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)):
        probe.send(probe.address, "Ne doit pas partir", sender=f"direction@{probe.domain}")


@pytest.mark.requirement(27)
def test_unknown_recipient(probe: Correspondent) -> None:
    """An address that does not exist here is refused, not swallowed."""
    unknown = f"personne-{secrets.token_hex(4)}@{probe.domain}"
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        probe.send(unknown, "Ne doit pas partir")
    assert refused.value.recipients[unknown][0] in range(550, 560)


@pytest.mark.requirement(35)
def test_size_limit(site: Site, probe: Correspondent) -> None:
    """A message as large as promised passes; a larger one is refused before it is sent."""
    limit = site.establishment.mailboxes.message_size_mib * MIB
    with probe.submission() as session:
        announced = int(session.esmtp_features["size"])
        assert announced >= limit * 4 / 3, f"SIZE {announced} leaves no room for {limit} bytes in base64"
        code, text = session.docmd("MAIL", f"FROM:<{probe.address}> SIZE={announced + 1}")
        assert code == 552, f"a message over the limit is answered {code} {text!r}"


@pytest.mark.requirement(36)
def test_delivery_notification(probe: Correspondent, peer: Correspondent) -> None:
    """A delivery status notification that was asked for comes back."""
    with probe.submission() as session:
        assert session.has_extn("dsn"), "the server does not offer DSN (RFC 3461)"
        subject = f"Vérification : accusé {secrets.token_hex(4)}"
        envelope = f"From: {probe.address}\r\nTo: {peer.address}\r\nSubject: {subject}\r\n\r\nBonjour\r\n"
        session.sendmail(
            probe.address, peer.address, envelope.encode(), mail_options=["RET=HDRS"], rcpt_options=["NOTIFY=SUCCESS"]
        )
    report = probe.wait_for_report(of=peer.address)
    assert report.get_content_type() == "multipart/report"
