"""The red list: a protected person is found by nobody, and strangers' mail is led to the secretariat.

`hidden` has never written to `peer`, who stays a stranger; it writes to `friend`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest

from vaguemestre.establishment import Fleet
from vaguemestre.host.mailboxes.bal import PROBE_HIDDEN
from vaguemestre.verbs import redlist
from vaguemestre.verify.correspondent import Correspondent
from vaguemestre.verify.site import Site

SECOND = 1.0  # in which a change takes effect
MARK = "Original-Recipient"  # RFC 8098 section 2.3: whom it was for


@pytest.fixture(scope="module")
def hidden(site: Site, fleet: Fleet, team: Correspondent) -> Iterator[Correspondent]:
    """Somebody on the red list whose mail goes to the team; afterwards without a secretariat, hidden and suspended."""
    with site.probe(fleet, PROBE_HIDDEN, "ORG") as correspondent:
        redlist.change(fleet, correspondent.address, ["secretariat", f"--secretariat={team.address}"])
        time.sleep(SECOND)
        yield correspondent
        redlist.change(fleet, correspondent.address, ["unlisted"])


@pytest.fixture
def unlisted(hidden: Correspondent, team: Correspondent, fleet: Fleet) -> Iterator[Correspondent]:
    redlist.change(fleet, hidden.address, ["unlisted"])
    time.sleep(SECOND)
    yield hidden
    redlist.change(fleet, hidden.address, ["secretariat", f"--secretariat={team.address}"])
    time.sleep(SECOND)


def went_to(first: Correspondent, message_id: str, other: Correspondent) -> bool:
    """Whether it came to the first of these, and not to the other."""
    first.wait_for(message_id)
    with pytest.raises(AssertionError):
        other.wait_for(message_id, seconds=1)
    return True


@pytest.mark.requirement(55)
def test_stranger(hidden: Correspondent, team: Correspondent, peer: Correspondent) -> None:
    """Mail of a peer whom the person has never written to comes to the secretariat, marked with whom it was for."""
    message = team.wait_for(sent := peer.send(hidden.address, "Vérification : d'un inconnu"))
    assert hidden.address in str(message[MARK])
    assert message["Subject"] == "Vérification : d'un inconnu"
    assert went_to(team, sent, hidden)


@pytest.mark.requirement(55)
def test_reply(hidden: Correspondent, team: Correspondent, friend: Correspondent) -> None:
    """Whom the person has written to may answer directly."""
    friend.wait_for(hidden.send(friend.address, "Vérification : question"))
    assert went_to(hidden, friend.send(hidden.address, "Re: Vérification : question"), team)


@pytest.mark.requirement(55, 36)
def test_report(hidden: Correspondent, friend: Correspondent) -> None:
    """A delivery report on what the person has sent comes to the person."""
    subject = f"Vérification : accusé {secrets.token_hex(4)}"
    letter = f"From: {hidden.address}\r\nTo: {friend.address}\r\nSubject: {subject}\r\n\r\nBonjour\r\n".encode()
    with hidden.submission() as session:
        session.sendmail(hidden.address, friend.address, letter, ["RET=HDRS"], ["NOTIFY=SUCCESS"])
    assert hidden.wait_for_report(of=friend.address).get_content_type() == "multipart/report"


@pytest.mark.requirement(55)
def test_secretariat(hidden: Correspondent, team: Correspondent) -> None:
    """The secretariat writes to the person directly."""
    hidden.wait_for(team.send(hidden.address, "Vérification : du secrétariat"))


@pytest.mark.requirement(55)
def test_own_staff(site: Site, hidden: Correspondent, team: Correspondent, probe: Correspondent) -> None:
    """A colleague writes directly or to the secretariat, as the establishment has decided."""
    sent = probe.send(hidden.address, "Vérification : d'un collègue")
    direct = site.establishment.redlist.own_staff_direct
    assert went_to(hidden, sent, team) if direct else went_to(team, sent, hidden)


@pytest.mark.requirement(55)
def test_not_found(site: Site, hidden: Correspondent) -> None:
    """No address book shows the person to anybody."""
    assert [book.name for book in site.address_books() if book.find(hidden.address)] == []


@pytest.mark.requirement(55)
def test_found_by_those_entitled(site: Site, hidden: Correspondent, team: Correspondent, probe: Correspondent) -> None:
    """The person and the secretariat, logged in, find the person; a colleague does not."""
    book = site.address_books()[0]
    found = [bool(book.find(hidden.address, one.address, one.password)) for one in (hidden, team, probe)]
    assert found == [True, True, False]


@pytest.mark.requirement(55, 56)
def test_unlisted(site: Site, unlisted: Correspondent, team: Correspondent, peer: Correspondent) -> None:
    """A second after the rule is changed to unlisted, a peer's mail arrives directly; the person is still not found."""
    assert went_to(unlisted, peer.send(unlisted.address, "Vérification : hors annuaire"), team)
    assert not any(book.find(unlisted.address) for book in site.address_books())


@pytest.mark.requirement(55)
def test_explained(hidden: Correspondent, peer: Correspondent, team: Correspondent, fleet: Fleet) -> None:
    """The administrator is told what would become of a message, and why."""
    said = redlist.explain(fleet, peer.address, hidden.address)
    assert (said["way"], said["why"], said["secretariat"]) == ("secretariat", "stranger", team.address)
