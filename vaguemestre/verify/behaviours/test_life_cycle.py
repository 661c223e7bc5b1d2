"""What becomes of mail, login and search in each state of a mailbox's life; states of which nothing is left behind.

One probe waits for ever to be opened. The other is led through the states; a closed one is restored, for an address
that is closed for good could never be tried again.
"""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator

import pytest

from vaguemestre.establishment import Fleet
from vaguemestre.host.mailboxes.bal import PROBE_ASKED_FOR, PROBE_LIVING
from vaguemestre.verbs.mailbox import MailboxError, Mailboxes
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.site import Site

FOR_EVER = range(550, 560)


@pytest.fixture(scope="module")
def boxes(site: Site, fleet: Fleet) -> Mailboxes:
    return site.mailboxes(fleet)


@pytest.fixture(scope="module")
def living(site: Site, fleet: Fleet) -> Iterator[Correspondent]:
    with site.probe(fleet, PROBE_LIVING, "ORG") as correspondent:
        yield correspondent


@pytest.fixture
def suspended(boxes: Mailboxes, living: Correspondent) -> Correspondent:
    """Whose test leads it back."""
    boxes.suspend(living.address)
    return living


@pytest.fixture
def closed(boxes: Mailboxes, living: Correspondent) -> Iterator[Correspondent]:
    boxes.move("close", living.address)
    yield living
    boxes.move("restore", living.address, living.password)


@pytest.fixture(scope="module")
def asked_for(boxes: Mailboxes, site: Site) -> str:
    """The address of a mailbox that was asked for, and is not open yet."""
    address = f"{PROBE_ASKED_FOR}@{site.domain}"
    boxes.request(address, "--type=ORG", "--description=Verification of this operator")
    return address


def refusal(sender: Correspondent, address: str) -> int:
    """The code with which the sender's own server refuses this recipient."""
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        sender.send(address, "Ne doit pas partir")
    return refused.value.recipients[address][0]


def found(site: Site, address: str) -> bool:
    return any(book.find(address) for book in site.address_books())


def shut_out(person: Correspondent) -> bool:
    """Whether the password opens neither mailbox nor submission."""
    with pytest.raises(imaplib.IMAP4.error):
        person.imap()
    with pytest.raises(smtplib.SMTPAuthenticationError):
        person.submission()
    return True


@pytest.mark.requirement(53)
def test_requested(site: Site, asked_for: str, probe: Correspondent) -> None:
    """A mailbox that was asked for and is not open yet receives nothing and is not found."""
    assert refusal(probe, asked_for) in FOR_EVER
    assert not found(site, asked_for)


@pytest.mark.requirement(53)
def test_requested_from_a_peer(asked_for: str, peer: Correspondent) -> None:
    """Whoever writes to it from another operator is told so."""
    peer.send(asked_for, "Vérification : boîte demandée")
    assert "550" in str(peer.wait_for_report(of=asked_for))


@pytest.mark.requirement(53)
def test_active(living: Correspondent, probe: Correspondent, peer: Correspondent) -> None:
    """An active mailbox receives from colleagues and from peers, and its holder can write."""
    living.wait_for(probe.send(living.address, "Vérification : active, d'un collègue"))
    living.wait_for(peer.send(living.address, "Vérification : active, d'un pair"))
    probe.wait_for(living.send(probe.address, "Vérification : active, du titulaire"))


@pytest.mark.requirement(53, 49)
def test_suspended(
    boxes: Mailboxes, site: Site, suspended: Correspondent, probe: Correspondent, peer: Correspondent
) -> None:
    """A suspended mailbox opens to nobody and is not found; what it receives is there when it is active again."""
    sent = [one.send(suspended.address, "Vérification : suspendue") for one in (probe, peer)]
    assert shut_out(suspended)
    assert not found(site, suspended.address)
    boxes.move("activate", suspended.address)
    for message_id in sent:
        suspended.wait_for(message_id)


@pytest.mark.requirement(53, 54)
def test_closed(boxes: Mailboxes, site: Site, closed: Correspondent, probe: Correspondent, peer: Correspondent) -> None:
    """A closed mailbox receives nothing, opens to nobody, is not found, and its address is given to nobody else."""
    assert refusal(probe, closed.address) in FOR_EVER
    peer.send(closed.address, "Vérification : fermée")
    assert "550" in str(peer.wait_for_report(of=closed.address))
    assert shut_out(closed)
    assert not found(site, closed.address)
    with pytest.raises(MailboxError, match="closed"):
        boxes.add(closed.address, "--type=ORG", "--description=Quelqu'un d'autre")


@pytest.mark.requirement(53)
def test_restored(living: Correspondent, peer: Correspondent) -> None:
    """A mailbox that was closed by mistake is led back, and receives again."""
    living.wait_for(peer.send(living.address, "Vérification : rouverte"))
